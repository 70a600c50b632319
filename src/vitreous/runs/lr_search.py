"""A good learning rate for data and a recipe, before a run: the finder of `training.lr_range`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from torch import nn

from vitreous.data.batches.batch import Batch
from vitreous.data.batches.pack import pack
from vitreous.progress.progress import Progress, silent
from vitreous.recipes.recipe import Recipe
from vitreous.runs.job import prepare
from vitreous.runs.phases import phases
from vitreous.runs.setup import build
from vitreous.training import lr_range
from vitreous.training.lr_range import LrRange


def find_lr(
    data: object = "digits",
    recipe: Recipe | None = None,
    *,
    model: str | nn.Module | None = None,
    steps: int = 100,
    progress: Progress | None = None,
    **fields: Any,
) -> LrRange:
    """The learning rate at which the loss falls fastest, found in `steps` steps on a copy.

        vt.find_lr("photos/", model="resnet18").best

    data, recipe, model, fields  as for `vt.train`; nothing is written

    Raises what `vt.train` raises before a run begins, and TrainingError where no rate lowers the
    loss.
    """
    shown = progress or silent()
    job = prepare(data, recipe, model=model, progress=shown, **fields)
    packed = pack(
        job.dataset,
        job.resolved.contract,
        threads=job.recipe.threads or 2,
        bad_images=job.recipe.bad_images,
        progress=shown.task("reading images"),
    )
    phase = next(phases(build(job, packed, shown), shown))
    numbers = count()

    def epoch() -> Iterator[Batch]:
        return phase.batches.epoch(next(numbers))

    return lr_range.find_lr(
        phase.network,
        epoch,
        phase.loss,
        phase.optimizer,
        steps=steps,
        accumulate=job.recipe.accumulate,
        precision=phase.precision,
        seed=job.recipe.seed,
    )
