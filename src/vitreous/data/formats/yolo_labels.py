"""YOLO's label files: a line for each thing, its class and its box or outline.

`class x y width height`, or `class x1 y1 x2 y2 …`, in shares of the image's width and height; a box
is told by its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.data.formats.found_boxes import Box
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import number
from vitreous.errors import DataError

BOX = 5  # numbers of a line that tells a box
FAR = 2.0  # shares beyond which numbers are none: they are pixels


@dataclass(frozen=True, eq=False)
class Thing:
    """A line.

    entry    for notes: the name of the file, line 3
    number   of its class
    corners  (n, 2) of its outline, or (2, 2) of its box, in shares
    """

    entry: str
    number: int
    corners: NDArray[np.float64]

    @property
    def outlined(self) -> bool:
        return len(self.corners) > 2

    def pixels(self, size: tuple[float, float]) -> NDArray[np.float64]:
        """Its corners in an image of this width and height."""
        return np.asarray(self.corners * np.array(size), np.float64)

    def box(self, size: tuple[float, float]) -> Box:
        """Its box in such an image, around its outline."""
        places = self.pixels(size)
        left, top = places.min(axis=0).tolist()
        right, bottom = places.max(axis=0).tolist()
        return left, top, right, bottom


def read_labels(path: Path, classes: Sequence[str] | None) -> list[Thing]:
    """The things in a file. Raises DataError with the line that is wrong.

    classes  their names; None: numbers are their own names
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=printable(path), remedy="Check the file."
        ) from error
    except UnicodeDecodeError as error:
        remedy = "Write a line for each thing: class x y width height."
        raise DataError("is no text", where=printable(path), remedy=remedy) from error
    return [
        _thing(line.split(), path, place, classes)
        for place, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]


def _thing(words: list[str], path: Path, line: int, classes: Sequence[str] | None) -> Thing:
    numbers = [number(word) for word in words]
    values = [value for value in numbers if value is not None]
    where = f"{printable(path)}, line {line}"
    shown = " ".join(words)[:40]
    if len(values) < len(words):
        raise DataError(
            f"holds '{shown}'", where=where, remedy="Write finite numbers, divided by blanks."
        )
    if len(values) < BOX or (len(values) != BOX and (len(values) % 2 == 0 or len(values) < 7)):
        raise DataError(
            f"has {len(values)} numbers: '{shown}'",
            where=where,
            remedy="Write five, class x y width height, or the class and x y of three corners or "
            "more.",
        )
    place = values[0]
    if place != int(place) or place < 0 or (classes is not None and place >= len(classes)):
        known = "a whole number from 0" if classes is None else f"one from 0 to {len(classes) - 1}"
        raise DataError(
            f"has the class {words[0]}",
            where=where,
            remedy=f"Write {known}, or name all classes in data.yaml.",
        )
    shares = np.array(values[1:])
    if (np.abs(shares) > FAR).any():
        raise DataError(
            f"has places far outside of the image: '{shown}'",
            where=where,
            remedy="Write shares of the image's width and height, from 0 to 1, and no pixels.",
        )
    if len(values) == BOX:
        middle, half = shares[:2], shares[2:] / 2
        if (half < 0).any():
            raise DataError(
                f"has a width or height below 0: '{shown}'",
                where=where,
                remedy="Write the middle of the box, and then its width and height.",
            )
        corners = np.stack([middle - half, middle + half])
    else:
        corners = shares.reshape(-1, 2)
    return Thing(f"{printable(path.name)}, line {line}", int(place), corners)
