"""A photo with the answer drawn over it, and what a network says at one of its pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from vitreous.data.batches.preprocess import resize
from vitreous.drawing.markers import colored
from vitreous.inference.answered import Answered
from vitreous.tasks import Task
from vitreous.trace.capture.operations import Shape, trace
from vitreous.trace.measure.receptive import ReceptiveField, fields_by_value, fields_of

LONGEST = 1024  # pixels of the longer side of what a page is sent; answers are drawn before that

Window = tuple[int, int, int, int]  # top, left, bottom, right; half-open


@dataclass(frozen=True, eq=False)
class Fields:
    """What a network's numbers depend on, for images of one size.

    layers  the receptive field of each layer that makes maps, by name
    output  that of its answer; None where the answer is no map, or not known
    """

    layers: dict[str, ReceptiveField]
    output: ReceptiveField | None

    @classmethod
    def of(cls, model: nn.Module, shape: Shape) -> Self:
        traced = trace(model, shape)
        value = traced.output
        is_map = value is not None and len(value[1]) == 4
        output = fields_by_value(traced).get(value[0]) if is_map and value else None
        return cls(fields_of(traced), output)


def drawn_over(seen: Answered, task: Task) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The photo, and the answer drawn over it, at most `LONGEST` pixels a side; nothing where an
    answer is of the image as a whole.
    """
    height, width = seen.picture.shape[:2]
    photo, drawn = colored(seen.picture), colored(seen.answer.draw(seen.picture))
    asks = task.at_pixel(seen.outputs, seen.answer, seen.frame, width // 2, height // 2) is not None
    if not asks and np.array_equal(photo, drawn):
        return None, {}
    pictures = {"photo": within_page(photo), "drawn": within_page(drawn)}
    return {"height": height, "width": width, "asks": asks}, pictures


def within_page(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, shrunk to at most `LONGEST` pixels a side."""
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    return resize(picture, max(1, round(height * scale)), max(1, round(width * scale)))


def fitted_to_page(drawn: NDArray[np.uint8], photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Another picture of the same image in the size in which a page has that."""
    height, width = photo.shape[:2]
    return resize(colored(drawn), height, width)


def told(
    seen: Answered, task: Task, x: int, y: int, field: ReceptiveField | None
) -> dict[str, Any]:
    """What the network says at a pixel; the window of its input that this depends on, and the same
    as left, top, right and bottom in the image.

    field  of the answer; None where it is not known
    """
    facts: dict[str, Any] = {"x": x, "y": y, "value": seen.picture[y, x].tolist()}
    answer = task.at_pixel(seen.outputs, seen.answer, seen.frame, x, y)
    if answer is None:
        return facts | {"title": "", "rows": [], "window": None}
    rows = [row for row in answer.rows if math.isfinite(row[1])]
    facts |= {"title": answer.title, "rows": rows, "shares": answer.shares, "box": answer.box}
    height, width = seen.images.shape[2:]
    window = answer.place and field and field.window(*answer.place, height, width)
    facts["window"] = window
    if window:
        facts["whole"] = window == (0, 0, height, width)
        facts["around"] = around(seen, window)
    return facts


def around(seen: Answered, window: Window) -> list[float]:
    """Left, top, right and bottom of a window of the input in the image, as far as it shows it."""
    top, left, bottom, right = window
    box: NDArray[np.float64] = seen.frame.inverse.boxes([[left, top, right, bottom]])[0]
    height, width = seen.picture.shape[:2]
    return [*map(float, np.clip(box, 0, [width, height, width, height]))]
