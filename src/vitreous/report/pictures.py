"""Pictures of a report: small images of chosen examples, plain or with truth and answer drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.images.decode import Source
from vitreous.drawing.thumbnail import SIDE, thumbnail
from vitreous.errors import VitreousError
from vitreous.inference.model_file import load
from vitreous.report.content import Picture
from vitreous.tasks import Task
from vitreous.tasks.answer import Answer
from vitreous.tasks.section import Gallery, Note

GAP = 4  # white pixels between truth and answer


Predict: TypeAlias = Callable[[Source], Answer]
"""From an image to the answer of a model."""


def predictor(model: Path) -> tuple[Predict | None, list[Note]]:
    """A model's answers, or a note why there are none."""
    try:
        return load(model).predict, []
    except VitreousError as error:
        return None, [Note(f"The model cannot be loaded, so no answer is drawn: {error}")]


def pictures(
    dataset: Dataset,
    galleries: Sequence[Gallery],
    task: Task,
    predict: Predict | None = None,
) -> list[tuple[Gallery, list[Picture]]]:
    """Each gallery with those of its cases whose image can be read.

    predict  for galleries with drawn answers; without it, theirs are plain images
    """
    wanted = {case.id for gallery in galleries for case in gallery.cases}
    ids = ((dataset.id(row), row) for row in range(len(dataset) if wanted else 0))
    rows = {name: row for name, row in ids if name in wanted}
    found = []
    for gallery in galleries:
        draws = gallery.drawn and predict is not None
        shown = []
        for case in gallery.cases:
            try:
                row = rows[case.id]
                if draws and predict is not None:
                    image = drawn(dataset, row, task, predict)
                else:
                    image = thumbnail(dataset.read(row, SIDE))
            except (KeyError, VitreousError):
                continue
            shown.append(Picture(image=image, case=case))
        found.append((replace(gallery, drawn=draws), shown))
    return found


def drawn(dataset: Dataset, row: int, task: Task, predict: Predict) -> bytes:
    """The truth drawn on an image, and beside it the answer."""
    example = dataset[row]
    # As prediction does it: from the file, where there is one.
    answer = predict(dataset.source(row) or example.image)
    left, right = task.truth(example.targets).draw(example.image), answer.draw(example.image)
    return thumbnail(side_by_side(left, right), 2 * SIDE)


def side_by_side(left: Pixels, right: Pixels) -> Pixels:
    """Two images (H, W, 3) as one, small ones enlarged so that they stay sharp."""
    times = max(1, SIDE // max(left.shape[:2]))
    left, right = (image.repeat(times, 0).repeat(times, 1) for image in (left, right))
    gap = np.full((len(left), GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
