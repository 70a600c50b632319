"""Points: places in the image that have a name, such as the joints of a body; key points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import Changes, Column, Ids, exact
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError

SIDES = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])", re.IGNORECASE)
OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


class Points(Column):
    """The same P points in each example, some of which may not be visible.

    array  (N, P, 3) float32: x and y in pixels, of which (0, 0) is the center of the first, and 1
           where the point can be seen, else 0
    names  of the points
    pairs  positions of points that change their places when the image is mirrored, such as the
           left and the right eye; None: told from names that differ in "left" and "right" alone
    scales (N, 2) pixels of the image, along x and y, to one of the window that its points were
           fitted into; None: they are in the image's own

    A point that is moved out of the window is visible no more. Raises DataError for a visible point
    without a finite place.
    """

    moves = True

    def __init__(
        self,
        array: NDArray[Any],
        names: Sequence[str],
        pairs: Sequence[tuple[int, int]] | None = None,
        scales: NDArray[np.float64] | None = None,
    ):
        self.names = tuple(names)
        self.array = np.array(array, np.float32).reshape(-1, len(self.names), 3)
        self.pairs = pairs_of(self.names) if pairs is None else tuple(pairs)
        self.scales = np.ones((len(self.array), 2)) if scales is None else scales
        hidden = self.array[..., 2] == 0
        lost = ~hidden & ~np.isfinite(self.array).all(axis=2)
        if lost.any():
            example, point = np.argwhere(lost)[0].tolist()
            raise DataError(
                f"example {example} has '{self.names[point]}' at "
                f"{self.array[example, point, :2].tolist()}",
                remedy="Give its x and y in pixels, or say that it is not visible.",
            )
        self.array[hidden] = 0  # a place that counts nowhere is no secret target

    def __len__(self) -> int:
        return len(self.array)

    @property
    def mirrors(self) -> bool:
        """Is it known which points a mirror exchanges? One alone has no other side; of several,
        names tell it, or nobody does.
        """
        return bool(self.pairs) or len(self.names) == 1

    @property
    def empty(self) -> bool:
        """Is no point visible?"""
        return not self.array[..., 2].any()

    def take(self, ids: Ids) -> Self:
        return type(self)(self.array[ids], self.names, self.pairs, self.scales[ids])

    def content(self) -> bytes:
        return self.array.tobytes()

    def gather(self, ids: Ids) -> NDArray[np.float32]:
        """(B, P, 3) x, y, visible."""
        return self.array[ids]

    def moved(self, values: NDArray[np.float32], changes: Changes) -> NDArray[np.float32]:
        places = values[..., :2].astype(np.float64)
        moved = _seen(values, changes.points(places), changes.size)
        moved[changes.mirrored] = moved[changes.mirrored][:, self._swapped]
        return moved

    def fitted(self, frames: Sequence[Frame]) -> Self:
        """In the pixels of each image's window."""
        fitted = [
            _seen(each, frame.points(each[:, :2].astype(np.float64)), frame.size)
            for each, frame in zip(self.array, frames, strict=True)
        ]
        scales = np.array([1 / np.diag(frame.matrix)[:2] for frame in frames]).reshape(-1, 2)
        array = np.array(fitted, np.float32)
        return type(self)(array, self.names, self.pairs, self.scales * scales)

    @property
    def _swapped(self) -> NDArray[np.int64]:
        order = np.arange(len(self.names))
        for one, other in self.pairs:
            order[[one, other]] = order[[other, one]]
        return order

    def text(self, index: int) -> str:
        there = [
            f"{name} {x:.6g} {y:.6g}"
            for name, (x, y, seen) in zip(self.names, self.array[index].tolist(), strict=True)
            if seen
        ]
        return ", ".join(there) or "none visible"

    def header(self, name: str) -> list[str]:
        return [f"{name} {point}" for point in self.names]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """x and y of each point, divided by a space; empty where it is not visible."""
        return [
            f"{exact(x)} {exact(y)}" if seen else "" for x, y, seen in self.array[index].tolist()
        ]


def pairs_of(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Positions of names that differ in their side alone, such as "left eye" and "right eye"."""
    places = {name.lower(): place for place, name in enumerate(names)}
    found = set()
    for name, place in places.items():
        other = SIDES.sub(lambda match: OTHER[match[0].lower()], name)
        if other != name and other in places:
            found.add((min(place, places[other]), max(place, places[other])))
    return tuple(sorted(found))


def _seen(
    old: NDArray[np.float32], places: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Moved points (..., P, 3), visible where they were and still lie in the window."""
    height, width = size
    inside = (places >= -0.5) & (places < np.array([width, height]) - 0.5)
    seen = (old[..., 2] > 0) & inside.all(axis=-1)
    moved = np.concatenate([places, np.ones_like(places[..., :1])], axis=-1)
    moved[~seen] = 0
    return moved.astype(np.float32)
