"""The images of a run as its network sees them: a part of its data, to be looked into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.data.batches.pack import pack
from vitreous.data.dataset import Dataset, Part
from vitreous.errors import RunError, UsageError
from vitreous.files import read_yaml
from vitreous.inference.model_file import Bundle
from vitreous.progress.progress import Progress
from vitreous.runs.evaluate import own_split, run_of
from vitreous.shapes import Images
from vitreous.tasks.asked import opened
from vitreous.tasks.task import Columns, Ids

BATCH = 32


@dataclass(frozen=True, eq=False)
class RunImages:
    """A part of the data that a run was trained on.

    part     "validation", or "train"; ids: its rows, without damaged ones
    rows     of all data; targets: of all data, in the pixels of the rows
    """

    bundle: Bundle
    dataset: Dataset
    part: str
    ids: Ids
    rows: Any
    targets: Columns

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self) -> Iterator[Images]:
        """All of them, some at a time, in their order: (B, C, H, W) in [0, 1]."""
        for first in range(0, len(self.ids), BATCH):
            yield self.some(range(first, min(first + BATCH, len(self.ids))))

    def some(self, numbers: Sequence[int]) -> Images:
        """The images with these numbers in the part."""
        images: Images = self.bundle.contract.images(self.rows[self.ids[np.asarray(numbers)]])
        return images.to(self.bundle.device)

    def name(self, number: int) -> str:
        return self.dataset.id(int(self.ids[number]))

    @property
    def truth(self) -> dict[str, Any]:
        """The targets of all of them, as a loss takes them."""
        return {name: column.batch(self.ids) for name, column in self.targets.items()}


def run_images(
    model: Path, bundle: Bundle, part: Part | None = None, progress: Progress | None = None
) -> RunImages:
    """A part of the data of a run; None is validation, or training where there is no validation.
    The test part is never looked at: whoever chooses by what he sees there has used it.

    Raises RunError where the data are not known or not there any more, UsageError for a model file
    that belongs to no run.
    """
    run = run_of(model)
    if run is None:
        raise UsageError(
            "this model file belongs to no run whose data could be looked at",
            where=str(model),
            remedy="Name images as well, or give the run folder.",
        )
    place = read_yaml(run.recipe).get("data")
    if place is None:
        raise RunError(
            "this run was trained on data in memory",
            where=str(run.path),
            remedy="Name images to look at.",
        )
    try:
        dataset = opened(place, bundle.task.name, bundle.task.noise)
    except UsageError as error:
        raise RunError(
            "the data that this run was trained on are not there any more",
            where=str(place),
            remedy="Name images to look at.",
        ) from error
    split = own_split(dataset, run)
    if split is None:
        raise RunError(
            "the data have changed since this run was trained",
            where=str(place),
            remedy="Name images to look at.",
        )
    validation = split.indices(Part.VALIDATION)
    wanted = part or (Part.VALIDATION if len(validation) else Part.TRAIN)
    shown = progress.task("reading images") if progress else None
    packed = pack(dataset, bundle.contract, progress=shown)
    aligned = bundle.task.align(packed.targets, dataset.name)
    ids = split.indices(wanted)
    ids = ids[packed.good[ids] & aligned.known[ids]]
    return RunImages(bundle, dataset, wanted.name.lower(), ids, packed.rows, aligned.targets)


def spread(ids: Ids, most: int) -> Ids:
    """At most so many of the rows, at equal distances."""
    if len(ids) <= most:
        return ids
    return ids[np.linspace(0, len(ids) - 1, most).round().astype(np.int64)]
