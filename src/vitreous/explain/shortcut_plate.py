"""Shortcuts as pictures: a spot that makes an answer, outlined on images of its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitreous.drawing.markers import outlines
from vitreous.errors import UsageError
from vitreous.explain.plate import Picture, Plate, to_bytes
from vitreous.explain.shortcut_search import Shortcut
from vitreous.formats import counted, percent
from vitreous.shapes import Images
from vitreous.tasks import Task

EACH = 4  # images of a class that are shown


def answered(task: Task, outputs: Any) -> Tensor:
    """(B,) the number of the class that each image is given. Raises UsageError for a task whose
    answer is no class.
    """
    shares = task.probabilities(outputs)
    if shares is None or shares.shape[1] < 2:
        raise UsageError(
            f"a shortcut leads to a class, and the task '{task.name}' answers with none",
            where="--shortcuts",
            remedy="Look at its maps instead: vitreous explain RUN IMAGES.",
        )
    return shares.argmax(1).cpu()


def shortcut_plate(
    found: Sequence[Shortcut], images: Images, labels: Tensor, classes: Sequence[str]
) -> Plate:
    """What `find_shortcuts` found.

    images, labels  that were searched; classes: their names
    """
    pictures = []
    says = []
    for each in found:
        name = classes[each.label]
        left, top, right, bottom = each.box
        says.append(
            f"{name}: {percent(each.flips, 0)} of the images of other classes are answered so, "
            f"once they have the spot at {left}, {top} to {right}, {bottom}."
        )
        for number in torch.nonzero(labels == each.label).flatten()[:EACH].tolist():
            pixels = to_bytes(images[number].float().cpu().numpy())
            drawn = outlines(pixels, np.array([each.box], float), [0])
            pictures.append(Picture(drawn, f"{name}: {percent(each.flips, 0)} follow it"))
    looked = counted(len(images), "image")
    if found:
        says.append("Look whether it is the thing itself, such as a part that is always there.")
        title = f"{counted(len(found), 'shortcut')} in {looked}"
    else:
        title = f"No shortcut in {looked}: no small spot makes an answer by itself"
    return Plate(
        name="shortcuts",
        title=title,
        says=says,
        pictures=pictures,
        facts={
            "searched": len(images),
            "shortcuts": [
                {"class": classes[each.label], "box": [*each.box], "flips": each.flips}
                for each in found
            ],
        },
    )
