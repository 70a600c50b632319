"""Findings that cost a wrong model, so that `train` says them as `check` does: classes without
images to learn from or to measure on, parts that are unlike, folders of masks taken for classes,
copies that contradict each other, groups that parts divide. No image is decoded for them, but for a
few of classes that look like masks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.bias import findings_of_shift
from vitreous.data.check.copies import conflicts, torn_groups
from vitreous.data.check.data_findings import SHOWN, Finding
from vitreous.data.check.mask_pairs import masks_among_classes
from vitreous.data.check.scan import Survey
from vitreous.data.check.target_findings import findings_of_classes, findings_of_numbers
from vitreous.data.check.view import View
from vitreous.data.dataset import Dataset
from vitreous.data.splits.split import Split

ELSEWHERE = ("imbalance",)
"""Kinds that training tells in other words, with the flag that helps."""


def training_findings(view: View, same: list[NDArray[np.int64]]) -> Iterator[Finding]:
    """What `check` and `train` find alike.

    same  sets of images with the same content, see `copies.twins`
    """
    yield from findings_of_classes(view)
    yield from findings_of_numbers(view)
    yield from findings_of_shift(view)
    yield from masks_among_classes(view)
    yield from conflicts(view, same)
    yield from torn_groups(view)


def sentences(dataset: Dataset, split: Split, good: NDArray[np.bool_]) -> list[str]:
    """The errors and warnings among these as sentences.

    good  (N,) images that can be read
    """
    view = View(dataset, Survey.unseen(good), split)
    pairs = sorted({*split.duplicates, *split.leaks})
    same = [np.array(pair) for pair in pairs if good[list(pair)].all()]
    return [
        _sentence(finding)
        for finding in training_findings(view, same)
        if finding.severity != "note" and finding.kind not in ELSEWHERE
    ]


def _sentence(finding: Finding) -> str:
    named = ", ".join(finding.examples[:SHOWN])
    more = len(finding.examples) - SHOWN
    examples = f" ({named}{f' and {more:,} more' if more > 0 else ''})" if named else ""
    remedy = finding.remedy or ""
    advice = f"; {remedy[0].lower()}{remedy[1:].rstrip('.')}" if remedy else ""
    return f"{finding.message}{examples}{advice}"
