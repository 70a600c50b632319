"""Subject of a test of robustness: a trained network, and the images that it is tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.data.batches.pack import Rows
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.split import Split
from vitreous.errors import UsageError
from vitreous.files import read_yaml
from vitreous.inference.model_file import Bundle, load
from vitreous.metrics.score import Score
from vitreous.progress.progress import Progress
from vitreous.robust.goal import Goal
from vitreous.robust.robust_scores import told
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import open_part, run_of
from vitreous.runs.run_images import spread
from vitreous.shapes import Images
from vitreous.tasks.meter import Meter
from vitreous.tasks.task import Columns, Ids

PIXELS = 1 << 20  # of the images that are attacked together
MOST = 64  # of them
FITTED = 512  # images that a shared change is found on

Told = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, and the images that it is tried on.

    ids    rows that are looked at; of, how many the part has
    other  rows that a shared change may be found on: none of those that are looked at, as far as
           there are others
    """

    bundle: Bundle
    run: RunFolder | None
    dataset: Dataset
    rows: Rows
    targets: Columns
    ids: Ids
    of: int
    other: Ids
    part: str
    parts: Split | None
    notes: tuple[str, ...]

    @property
    def goal(self) -> Goal:
        return Goal.of(self.bundle.task)

    @property
    def together(self) -> int:
        """Images that are attacked at once."""
        return max(1, min(MOST, PIXELS // int(np.prod(self.bundle.contract.shape[:2]))))

    def images(self, ids: Ids) -> Images:
        images: Images = self.bundle.contract.images(self.rows[ids])
        return images.to(self.bundle.device)

    def truth(self, ids: Ids) -> dict[str, Any]:
        device = self.bundle.device
        return {name: column.batch(ids, device) for name, column in self.targets.items()}

    def score(self, meter: Meter, decides: bool) -> Score:
        return told(self.bundle.task.scores(meter), decides)

    def decides(self) -> bool:
        """Are answers right or wrong, rather than more or less right?"""
        first = self.ids[:1]
        outputs = self.bundle.answers(self.images(first))
        return self.bundle.task.margins(outputs, self.truth(first)) is not None

    def chunks(self, progress: Told | None = None) -> Iterator[Ids]:
        """The rows as the predictor takes them, so that answers are the same to the last bit."""
        for first in range(0, len(self.ids), self.bundle.together):
            chunk = self.ids[first : first + self.bundle.together]
            yield chunk
            if progress:
                progress(first + len(chunk), len(self.ids))


def open_subject(
    model: str | Path | Bundle,
    data: object,
    split: str,
    progress: Progress,
    most: int,
    bundle: Bundle | None = None,
) -> Subject:
    """A network and data, opened as `evaluate` opens them; at most so many images of the part.

    bundle  what the model file holds, where it was read before
    """
    bundle = bundle or (model if isinstance(model, Bundle) else load(model))
    # Attacks follow the network's own gradients: what they reach is judged by itself as well.
    bundle = replace(bundle, engine=None)
    run = None if isinstance(model, Bundle) else run_of(Path(model))
    part = open_part(bundle, own_data(run) if data is None else data, split, run, progress)
    chosen, parts = spread(part.ids, most), part.parts
    if parts is not None and split != "validation" and len(parts.indices(Part.VALIDATION)):
        other = parts.indices(Part.VALIDATION)
    else:
        other = np.setdiff1d(part.ids, chosen)
    other = spread(other[part.usable[other]], FITTED)
    if not len(other):
        other = spread(chosen, FITTED)
    return Subject(
        bundle=bundle,
        run=run,
        dataset=part.dataset,
        rows=part.rows,
        targets=part.targets,
        ids=chosen,
        of=len(part.ids),
        other=other,
        part=split,
        parts=parts,
        notes=part.notes,
    )


def own_data(run: RunFolder | None) -> Any:
    """What a run was trained on, as its recipe names it."""
    written = read_yaml(run.recipe) if run is not None else None
    source = written.get("data") if isinstance(written, dict) else None
    if not isinstance(source, str):
        raise UsageError(
            "nothing says which data are meant",
            where="data",
            remedy="Name them: a folder, a CSV file, or the name of a set.",
        )
    return source
