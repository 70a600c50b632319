"""Places of targets, boxes, points and dots, outside of their image or of the network's window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.boxes import Boxes
from vitreous.data.columns import Column
from vitreous.data.dots import Dots
from vitreous.data.points import Points
from vitreous.formats import counted

EDGE = 1.0  # pixels by which a box may pass an edge: some programs count from 1


def outside(column: Column, sizes: NDArray[np.integer[Any]]) -> NDArray[np.int64] | None:
    """(N,) how many places of each example lie outside of its image; None for other targets.

    sizes  (N, 2) height and width of the images
    """
    limits = sizes[:, ::-1].astype(np.float64)
    if isinstance(column, Points):
        places = column.array[..., :2]
        beyond = (places < -0.5) | (places >= limits[:, None] - 0.5)
        hidden = column.array[..., 2] == 0
        return np.asarray((beyond.any(axis=2) & ~hidden).sum(axis=1), np.int64)
    if not isinstance(column, Boxes | Dots):
        return None
    rows = np.repeat(np.arange(len(column)), column.sizes)
    low, high = column.array[:, :2], column.array[:, -2:]
    margin = EDGE if isinstance(column, Boxes) else -0.5
    beyond = (low < -abs(margin)) | (high > limits[rows] + margin)
    return np.bincount(rows[beyond.any(axis=1)], minlength=len(column))


def cut_off(
    targets: Mapping[str, Column],
    made: Mapping[str, Column],
    sizes: NDArray[np.integer[Any]],
    good: NDArray[np.bool_],
    name: Callable[[int], str],
) -> Iterator[str]:
    """What is lost when targets are fitted into the window, as sentences.

    targets  in the images' own pixels; made: the same, fitted
    sizes    (N, 2) of the images
    good     (N,) False for images that could not be read
    name     of the image with that index
    """
    for column, old in targets.items():
        beyond, lost = outside(old, sizes), _lost(old, made[column])
        if beyond is None or lost is None:
            continue
        for counts, words, remedy in (
            (beyond, "beyond the edges of the image", "Correct the places"),
            (
                lost - beyond,
                "outside of what the network sees",
                "Correct the places, or train with --fit pad",
            ),
        ):
            where = np.flatnonzero((counts > 0) & good)
            count = int(counts[where].sum())
            if count:
                verb = "lies" if count == 1 else "lie"
                yield (
                    f"{counted(count, column)} of {counted(len(where), 'image')} {verb} {words}, "
                    f"such as in {name(int(where[0]))}, and what is there is cut off. {remedy}"
                )


def _lost(old: Column, new: Column) -> NDArray[np.int64] | None:
    """(N,) how many places of each example are there no more."""
    if isinstance(old, Points) and isinstance(new, Points):
        return np.asarray(old.array[..., 2].sum(axis=1) - new.array[..., 2].sum(axis=1), np.int64)
    if isinstance(old, Boxes | Dots) and isinstance(new, Boxes | Dots):
        return old.sizes - new.sizes
    return None
