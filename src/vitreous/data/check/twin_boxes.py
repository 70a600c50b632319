"""Twin boxes: the same box twice around one thing, which counts it double."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vitreous.data.boxes import Boxes
from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import View, these


def twin_boxes(view: View) -> Iterator[Finding]:
    """Boxes that have the corners and the class of another one of their image."""
    for column in view.dataset.targets.values():
        if not isinstance(column, Boxes):
            continue
        tables = column.gather(np.arange(len(column)))
        twins = np.array([len(each) - len(np.unique(each, axis=0)) for each in tables], np.int64)
        where = np.flatnonzero((twins > 0) & view.seen.good)
        if len(where):
            count = int(twins[where].sum())
            yield Finding(
                "warning",
                "twin boxes",
                f"{these(count, 'box', 'stands', 'stand')} there a second time, around the same "
                "thing",
                view.names(where),
                "Leave one of them out: a thing that stands there twice counts double.",
            )
