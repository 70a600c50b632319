"""Aim at pixels: of a class map, which scores are asked about when an answer is explained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vitreous.data.images.frame import Frame
from vitreous.errors import UsageError, unknown
from vitreous.tasks.aim import Aim, picked


def pixel_aim(
    outputs: Tensor, classes: Sequence[str], target: str, frames: Sequence[Frame] | None = None
) -> Aim:
    """The mean score of a class where it was answered: "road"; or at one pixel: "road@120,80", or
    "@120,80" for the class that was answered there, x and y in the image's own pixels.

    outputs  (B, L, H, W)
    target   "" is the class of most pixels, and the first one only where there is no other

    Raises UsageError for an unknown class, and for a place that is none or lies outside.
    """
    whole = target in classes or "@" not in target
    word, at, place = (target, "", "") if whole else target.rpartition("@")
    if word and word not in classes:
        raise unknown("class", word, classes, where="target")
    answer = outputs.argmax(1)  # (B, H, W)
    here = torch.ones_like(answer, dtype=torch.bool)
    if at:
        here = torch.zeros_like(here)
        for number, (x, y) in enumerate(_pixels(place, outputs, frames)):
            here[number, y, x] = True
    names, chosen = [], []
    for one, inside in zip(answer, here, strict=True):
        counts = one[inside].bincount(minlength=len(classes))
        if not at and counts[1:].any():
            counts[0] = 0  # usually the background
        number = classes.index(word) if word else int(counts.argmax())
        names.append(f"{classes[number]}{at}{place}")
        chosen.append(number)
    numbers = torch.tensor(chosen, device=outputs.device)
    there = here & (answer == numbers[:, None, None])
    # Of a class that was answered nowhere, what speaks for it anywhere.
    there = torch.where(there.flatten(1).any(1)[:, None, None], there, here)

    def score(out: Tensor) -> Tensor:
        times = len(out) // len(numbers)
        rows = torch.arange(len(out), device=out.device)
        weights = there.repeat(times, 1, 1).to(out)
        scores = out[rows, numbers.repeat(times)]
        mean: Tensor = (scores * weights).sum((1, 2)) / weights.sum((1, 2))
        return mean

    return Aim(tuple(names), score)


def place_aim(
    outputs: Tensor,
    names: Sequence[str],
    target: str,
    frames: Sequence[Frame] | None = None,
    stride: int = 1,
) -> Aim | None:
    """One of several maps at one place: "depth@120,80", or "@120,80" for the one that is largest
    there; None for a target without a place.

    outputs  (B, L, h, w), of which the first are those of the names
    stride   pixels of the window a side that one place of a map answers for

    Raises UsageError for an unknown name, and for a place that is none or lies outside.
    """
    if target in names or "@" not in target:
        return None
    word, _, place = target.rpartition("@")
    if word and word not in names:
        raise unknown("map", word, names, where="target")
    told, index = [], []
    size = outputs.shape[2], outputs.shape[3]
    for number, (column, row) in enumerate(_pixels(place, outputs, frames, stride)):
        here = outputs[number, : len(names), row, column]
        chosen = names.index(word) if word else int(here.argmax())
        told.append(f"{names[chosen]}@{place}")
        index.append((chosen * size[0] + row) * size[1] + column)
    numbers = torch.tensor(index, device=outputs.device)
    return Aim(tuple(told), lambda out: picked(out.flatten(1), numbers))


def _pixels(
    place: str, outputs: Tensor, frames: Sequence[Frame] | None, stride: int = 1
) -> list[tuple[int, int]]:
    """Column and row of the maps, of one place "x,y" in each image."""
    try:
        x, y = (float(part) for part in place.split(","))
    except ValueError:
        raise UsageError(
            f"'@{place}' is no pixel", where="target", remedy="Write @x,y, such as @120,80."
        ) from None
    height, width = outputs.shape[2:]
    found = []
    whole = Frame.identity((stride * height, stride * width))
    for frame in frames or [whole] * len(outputs):
        column, row = (round(float(value)) // stride for value in frame.points([x, y]))
        inside = 0 <= x < frame.source[1] and 0 <= y < frame.source[0]
        if not (inside and 0 <= column < width and 0 <= row < height):
            tall, wide = frame.source
            raise UsageError(
                f"the network does not see a pixel at {x:g},{y:g}",
                where="target",
                remedy=f"The image is {wide} × {tall} (width × height), counted from 0.",
            )
        found.append((column, row))
    return found
