"""The first batch of a run, to be looked at: images and targets before and after augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.batch import Batch
from vitreous.data.batches.pack import pack
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.runs.job import prepare
from vitreous.runs.phases import augmented_batches
from vitreous.runs.setup import TrainingSetup, build
from vitreous.tasks import Task

Drawn = NDArray[np.uint8]


@dataclass(frozen=True)
class Sight:
    """One training image twice, with its targets drawn where they lie in the image.

    path    its id in the data
    target  in words, before augmentation
    before  (H, W, C) as it lies in the network's window
    after   (H, W, C) as the network is shown it
    """

    path: str
    target: str
    before: Drawn
    after: Drawn


@dataclass(frozen=True)
class FirstBatch:
    setup: TrainingSetup
    sights: tuple[Sight, ...]


def first_batch(data: object, recipe: Recipe | None, count: int, progress: Progress) -> FirstBatch:
    """What a run with this recipe sees first, up to `count` images; no network is trained.

    Raises what `vitreous.train` raises before its first step.
    """
    job = prepare(data, recipe, progress=progress)
    packed = pack(
        job.dataset,
        job.resolved.contract,
        threads=job.recipe.threads or 2,
        bad_images=job.recipe.bad_images,
        progress=progress.task("reading images"),
    )
    setup = build(job, packed, progress)
    batches = augmented_batches(setup).epoch(0)
    return FirstBatch(
        setup, tuple(islice((s for each in batches for s in sights(setup, each)), count))
    )


def sights(setup: TrainingSetup, batch: Batch) -> Iterator[Sight]:
    """Each image of a batch beside the row that it was made of."""
    levels = (batch.images.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).byte().cpu().numpy()
    for place, row in enumerate(batch.ids.tolist()):
        moved = {
            name: setup.targets[name].example(values[place])
            for name, values in batch.targets.items()
        }
        still = {name: column.value(row) for name, column in setup.targets.items()}
        told = (column.text(row) for column in setup.dataset.targets.values())
        yield Sight(
            path=setup.dataset.id(row),
            target="; ".join(told),
            before=drawn(setup.task, still, setup.rows[np.array([row])][0]),
            after=drawn(setup.task, moved, levels[place]),
        )


def drawn(task: Task, targets: Mapping[str, Any], image: Drawn) -> Drawn:
    """The targets on the image; the image alone where they do not lie in it."""
    try:
        return task.truth(targets).draw(image)
    except NotImplementedError:
        return image
