"""Boxes: rectangles around things, any number an image, as two corners in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import Changes, Column, Ids, exact
from vitreous.data.images.frame import Frame, clipped
from vitreous.data.manifest_words import box_word
from vitreous.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FLAGGED = 6  # columns of a table of boxes with class number and mark of what is ignored
IGNORE = "ignore"  # the word for that mark in a manifest
VISIBLE = 0.25  # share of a box that has to be left, for what is seen of the thing to tell of it


class Boxes(Column):
    """Any number of boxes an example.

    array    (M, 4) float32: left, top, right, bottom of all boxes, those of one example after
             those of the one before. Half-open: a box around the whole image ends in its width
    sizes    (N,) how many each example has
    numbers  (M,) their classes, or None where boxes are all of one kind
    ignored  (M,) bool: boxes that count nowhere, such as one around a crowd: what is found in them
             is neither right nor wrong. None: all count

    Moved boxes are the smallest that hold what the old ones held, cut at the window's edges; those
    of which less than a pixel is left are left out, with their class. In training, those that a
    crop or a turn leaves less than a quarter of are ignored: such a sliver is neither one of these
    things nor the ground.

    Raises DataError for a box without area.
    """

    moves = True

    def __init__(
        self,
        array: NDArray[Any],
        sizes: NDArray[np.integer[Any]],
        numbers: NDArray[np.integer[Any]] | None = None,
        classes: Sequence[str] = (),
        ignored: NDArray[np.bool_] | None = None,
    ):
        self.array: NDArray[np.float32] = np.asarray(array, np.float32).reshape(-1, 4)
        self.sizes = np.asarray(sizes, np.int64)
        self.numbers = None if numbers is None else np.asarray(numbers, np.int64)
        self.classes = tuple(classes)
        self.ignored = None if ignored is None else np.asarray(ignored, np.bool_)
        self._starts = np.concatenate([[0], np.cumsum(self.sizes)])
        with np.errstate(invalid="ignore"):
            sound = (self.array[:, :2] < self.array[:, 2:]).all(axis=1)
        sound &= np.isfinite(self.array).all(axis=1)
        if not sound.all():
            place = int(np.flatnonzero(~sound)[0])
            example = int(np.searchsorted(self._starts, place, side="right")) - 1
            raise DataError(
                f"example {example} has the box {self.array[place].tolist()}",
                remedy="Write left, top, right, bottom in pixels, with left < right, top < bottom.",
            )

    @classmethod
    def of(cls, boxes: Sequence[NDArray[Any]], classes: Sequence[str] = ()) -> Self:
        """From (n, 4) for each example, (n, 5) with the class number, or (n, 6): see `gather`."""
        sizes = np.array([len(each) for each in boxes], np.int64)
        flagged = any(np.shape(each)[-1] == FLAGGED for each in boxes)
        width = FLAGGED if flagged else 5 if classes else 4
        table = np.concatenate([np.zeros((0, width)), *(np.reshape(b, (-1, width)) for b in boxes)])
        numbers = table[:, 4].astype(np.int64) if classes else None
        return cls(table[:, :4], sizes, numbers, classes, table[:, 5] > 0 if flagged else None)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def empty(self) -> bool:
        """Is there no box that counts?"""
        return not (self.sizes.any() if self.ignored is None else (~self.ignored).any())

    def take(self, ids: Ids) -> Self:
        sizes = self.sizes[ids]
        first = np.repeat(self._starts[:-1][ids] - (np.cumsum(sizes) - sizes), sizes)
        places = first + np.arange(len(first))
        return self._chosen(places, sizes)

    def counting(self) -> Self:
        """The column without the boxes that are ignored."""
        if self.ignored is None:
            return self
        rows = np.repeat(np.arange(len(self)), self.sizes)[~self.ignored]
        kept = self._chosen(np.flatnonzero(~self.ignored), np.bincount(rows, minlength=len(self)))
        kept.ignored = None
        return kept

    def _chosen(self, places: Ids, sizes: Ids) -> Self:
        numbers = None if self.numbers is None else self.numbers[places]
        ignored = None if self.ignored is None else self.ignored[places]
        return type(self)(self.array[places], sizes, numbers, self.classes, ignored)

    def content(self) -> bytes:
        more = (each for each in (self.numbers, self.ignored) if each is not None)
        return self.sizes.tobytes() + self.array.tobytes() + b"".join(e.tobytes() for e in more)

    def gather(self, ids: Ids) -> list[NDArray[np.float32]]:
        """(n, 4) of each row, or (n, 5) with the class number last.

        Where some boxes of the column may be ignored it is (n, 6): the class, which is 0 where
        there are no classes, and 1 for those that are: see `is_ignored`.
        """
        return [self._of(index) for index in np.asarray(ids).tolist()]

    def _of(self, index: int) -> NDArray[np.float32]:
        part = slice(self._starts[index], self._starts[index + 1])
        more: list[NDArray[Any]] = []
        if self.numbers is not None:
            more.append(self.numbers[part])
        if self.ignored is not None:
            more += [self.ignored[part]] if more else [self.ignored[part] * 0, self.ignored[part]]
        return np.column_stack([self.array[part], *more]).astype(np.float32)

    def moved(
        self, values: list[NDArray[np.float32]], changes: Changes
    ) -> list[NDArray[np.float32]]:
        moved = changes.boxes([each[:, :4].astype(np.float64) for each in values])
        pairs = zip(values, moved, strict=True)
        return [_kept(old, new, changes.size, VISIBLE) for old, new in pairs]

    def fitted(self, frames: Sequence[Frame]) -> Self:
        """In the pixels of each image's window."""
        kept = []
        for old, frame in zip(self.gather(np.arange(len(self))), frames, strict=True):
            new = frame.boxes(old[:, :4].astype(np.float64))
            kept.append(_kept(old, new, frame.size))
        return self.of(kept, self.classes)

    def joined(self, pieces: Sequence[Any]) -> list[NDArray[np.float32]]:
        return [box for piece in pieces for box in piece]

    def tensors(self, values: Any, device: torch.device) -> list[Tensor]:
        """float32 of each example, (n, 4), (n, 5) or (n, 6) as `gather` gives them."""
        import torch

        return [torch.from_numpy(each).to(device) for each in values]

    def text(self, index: int) -> str:
        return "; ".join(self._words(index, lambda value: f"{value:.6g}")) or "none"

    def header(self, name: str) -> list[str]:
        return [name]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """Boxes divided by ";", each four numbers and perhaps a class, divided by spaces; before
        those that are ignored stands `ignore`.
        """
        return ["; ".join(self._words(index, exact))]

    def _words(self, index: int, number: Any) -> list[str]:
        words = []
        for box in self._of(index).tolist():
            mark = [IGNORE] if self.ignored is not None and box[5] else []
            name = [box_word(self.classes[int(box[4])])] if self.numbers is not None else []
            words.append(" ".join([*mark, *map(number, box[:4]), *name]))
        return words

    def strata(self) -> tuple[Ids, Ids]:
        """A row belongs to the class of each of its boxes that count."""
        if self.numbers is None:
            return super().strata()
        rows, numbers = np.repeat(np.arange(len(self)), self.sizes), self.numbers
        if self.ignored is not None:
            rows, numbers = rows[~self.ignored], numbers[~self.ignored]
        pairs = np.unique(np.stack([rows, numbers]), axis=1)
        return pairs[0], pairs[1]


def is_ignored(boxes: Any) -> Any:
    """(n,) bool: which boxes of an example count nowhere; an array or a tensor, as `gather` or
    `tensors` gives it.
    """
    return (boxes[:, 5:] > 0).any(1)


def _kept(
    old: NDArray[np.float32], new: NDArray[np.float64], size: tuple[int, int], visible: float = 0.0
) -> NDArray[np.float32]:
    """What is left of moved boxes within the window, with the classes that they had.

    visible  share of a box's area below which it is marked as ignored
    """
    inside, kept = clipped(new, size)
    rows = np.concatenate([inside, old[kept, 4:]], axis=1)
    whole, left = ((each[:, 2:] - each[:, :2]).prod(1) for each in (new[kept], inside))
    slivers = left < visible * whole
    if slivers.any():
        marked = np.zeros((len(rows), FLAGGED))
        marked[:, : rows.shape[1]] = rows
        marked[slivers, -1] = 1
        rows = marked
    return rows.astype(np.float32)
