"""Pictures of a report: small images of chosen examples, plain or with truth and answer drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.images.decode import Source
from vitreous.drawing.thumbnail import SIDE, thumbnail
from vitreous.errors import VitreousError
from vitreous.inference.explaining import ExplainingPredictor
from vitreous.inference.model_file import load
from vitreous.report.content import Picture
from vitreous.tasks import Task
from vitreous.tasks.section import Gallery, Note

GAP = 4  # white pixels between truth and answer


def loaded(model: Path) -> tuple[ExplainingPredictor | None, list[Note]]:
    """A model with its answers, or a note why there are none."""
    try:
        return load(model), []
    except VitreousError as error:
        return None, [Note(f"The model cannot be loaded, so no answer is drawn: {error}")]


def pictures(
    dataset: Dataset,
    galleries: Sequence[Gallery],
    task: Task,
    model: ExplainingPredictor | None = None,
) -> list[tuple[Gallery, list[Picture]]]:
    """Each gallery with those of its cases whose image can be read.

    model  for galleries with drawn or explained answers; without it, theirs are plain images
    """
    wanted = {case.id for gallery in galleries for case in gallery.cases}
    ids = ((dataset.id(row), row) for row in range(len(dataset) if wanted else 0))
    rows = {name: row for name, row in ids if name in wanted}
    found = []
    for gallery in galleries:
        cases = [case for case in gallery.cases if case.id in rows]
        heats = explained(dataset, [rows[case.id] for case in cases], model, gallery)
        draws = gallery.drawn and model is not None
        shown = []
        for case, heat in zip_longest(cases, heats):
            row = rows[case.id]
            try:
                if heat is not None:
                    image = heat
                elif draws and model is not None:
                    image = drawn(dataset, row, task, model, gallery.abreast)
                else:
                    image = thumbnail(dataset.read(row, SIDE))
            except VitreousError:
                continue
            shown.append(Picture(image=image, case=case))
        found.append((replace(gallery, drawn=draws, explained=bool(heats)), shown))
    return found


def explained(
    dataset: Dataset, rows: Sequence[int], model: ExplainingPredictor | None, gallery: Gallery
) -> list[bytes]:
    """Each image with the evidence for the model's answer beside it; none at all where one of them
    cannot be read, or the network allows no explanation: the images alone tell enough then.
    """
    if not (gallery.explained and model and rows):
        return []
    try:
        sources: list[Source] = [dataset.source(row) or dataset[row].image for row in rows]
        found = model.explain(sources)
    except (VitreousError, RuntimeError):  # the latter from within a network of the user's own
        return []
    return [thumbnail(side_by_side(rgb(each.image), each.overlay), 2 * SIDE) for each in found]


def rgb(image: Pixels) -> Pixels:
    """Three channels of an image: of gray three times the one, of more the first three."""
    return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)


def drawn(
    dataset: Dataset, row: int, task: Task, model: ExplainingPredictor, abreast: int = 2
) -> bytes:
    """The truth drawn on an image, and beside it the answer: so many pictures abreast."""
    example = dataset[row]
    # As prediction does it: from the file, where there is one.
    answer = model.predict(dataset.source(row) or example.image)
    left, right = task.truth(example.targets).draw(example.image), answer.draw(example.image)
    return thumbnail(side_by_side(left, right), abreast * SIDE)


def side_by_side(left: Pixels, right: Pixels) -> Pixels:
    """Two images (H, W, 3) as one, small ones enlarged so that they stay sharp."""
    times = max(1, SIDE // max(left.shape[:2]))
    left, right = (image.repeat(times, 0).repeat(times, 1) for image in (left, right))
    gap = np.full((len(left), GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
