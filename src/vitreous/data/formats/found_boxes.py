"""Boxes as annotations have them: put in order, cut at edges, and counted where they are odd."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from vitreous.data.boxes import Boxes
from vitreous.data.class_names import clean, doubts
from vitreous.data.images.read_file import printable

SHOWN = 3  # places in a note
NO_AREA = "boxes without area, left out"

Box = tuple[float, float, float, float]


class FoundBoxes:
    """Boxes and their classes, image by image.

    told  places where something was left out or mended, by what it was
    """

    def __init__(self) -> None:
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self._sizes: list[int] = []
        self._corners: list[Box] = []
        self._words: list[str] = []
        self._ignored: list[bool] = []
        self._seen: set[tuple[Box, str]] = set()  # in the image at hand

    def begin(self) -> None:
        """The boxes that follow are those of the next image."""
        self._sizes.append(0)
        self._seen.clear()

    def add(
        self,
        box: Box,
        word: str,
        where: str,
        size: tuple[float, float] | None,
        ignored: bool = False,
    ) -> bool:
        """One box, left, top, right, bottom in pixels; False where it was left out.

        word  its class, "" where there are none
        where it is written
        size  width and height of the image, if they are known
        """
        left, top, right, bottom = box
        if left > right or top > bottom:
            self.told["boxes with corners exchanged, put in order"].append(where)
            left, right = sorted((left, right))
            top, bottom = sorted((top, bottom))
        if left == right or top == bottom:
            self.told[NO_AREA].append(where)
            return False
        if size:
            whole, (width, height) = (left, top, right, bottom), size
            left, right = max(left, 0.0), min(right, width)
            top, bottom = max(top, 0.0), min(bottom, height)
            if left >= right or top >= bottom:
                self.told["boxes outside their image, left out"].append(where)
                return False
            if (left, top, right, bottom) != whole:
                self.told["boxes beyond an edge of their image, cut there"].append(where)
        # As they are kept: a box thinner than float32 can tell has no area.
        left, top, right, bottom = np.array([left, top, right, bottom], np.float32).tolist()
        if left == right or top == bottom:
            self.told[NO_AREA].append(where)
            return False
        box, word = (left, top, right, bottom), clean(word) if word else ""
        if (box, word) in self._seen:
            self.told["boxes that stand there twice, left out once"].append(where)
            return False
        self._seen.add((box, word))
        self._sizes[-1] += 1
        self._corners.append(box)
        self._words.append(word)
        self._ignored.append(ignored)
        return True

    def boxes(self) -> Boxes:
        classes = sorted({*self._words} - {""})
        place = {name: number for number, name in enumerate(classes)}
        numbers = np.array([place[word] for word in self._words], np.int64) if classes else None
        ignored = np.array(self._ignored) if any(self._ignored) else None
        corners = np.array(self._corners, np.float32)
        return Boxes(corners, np.array(self._sizes, np.int64), numbers, classes, ignored)

    def notes(self) -> Iterator[str]:
        """What was left out or mended, one sentence each, and what is odd about class names."""
        yield from told_of(self.told)
        yield from doubts(sorted({*self._words} - {""}))


def told_of(told: dict[str, list[str]]) -> Iterator[str]:
    """What was told of some places, with their number and the first of them."""
    return (f"{words}: {some(places)}" for words, places in told.items() if places)


def some(places: list[str]) -> str:
    shown = ", ".join(printable(place) for place in places[:SHOWN])
    return f"{len(places):,}, such as {shown}" if len(places) > SHOWN else f"{len(places)}: {shown}"
