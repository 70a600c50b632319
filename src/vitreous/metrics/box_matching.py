"""Matching of boxes: which answers are right, as the COCO challenge decides it.

The surest answer of an image chooses first: of the true boxes of its class that are still free, the
one that it overlaps most, if the IoU reaches a threshold. What matches nothing is wrong; what
matches only an ignored region, which any number may, counts nowhere. Lin et al. (2014), "Microsoft
COCO: common objects in context", arXiv:1405.0312, section 5, as `pycocotools` computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the IoU
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # answers of a class in an image that are looked at
FAR = 1e10
AREAS: dict[str, tuple[float, float]] = {
    "all": (0, FAR),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, FAR),
}
"""The least and the largest area of boxes, in square pixels."""

ROUNDING = 1e-10  # so that an IoU of 1 reaches a threshold of 1
LEAST = 1e-9  # area of a union, so that two boxes without any have an overlap of 0


@dataclass(frozen=True)
class Detections:
    """The boxes that are answered for one image.

    boxes    (n, 4) float64: left, top, right, bottom
    numbers  (n,) int64 their classes
    scores   (n,) how sure each is
    """

    boxes: NDArray[np.float64]
    numbers: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, kept: NDArray[np.generic]) -> Detections:
        """Those of a mark (n,), or of places."""
        return Detections(self.boxes[kept], self.numbers[kept], self.scores[kept])


@dataclass(frozen=True)
class Things:
    """The boxes that are true of one image.

    boxes    (n, 4) float64
    numbers  (n,) int64 their classes
    ignored  (n,) bool: regions in which answers are neither right nor wrong
    areas    (n,) by which they are called small or large; None is that of the boxes
    """

    boxes: NDArray[np.float64]
    numbers: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    areas: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def of_class(self, number: int) -> Things:
        kept = self.numbers == number
        areas = None if self.areas is None else self.areas[kept]
        return Things(self.boxes[kept], self.numbers[kept], self.ignored[kept], areas)


@dataclass(frozen=True)
class Matches:
    """How the answers of one class fared over N images; A areas, T thresholds, D answers, the
    surest first.

    scores   (D,)
    images   (D,) which image each is of
    ranks    (D,) its place among the answers of its image, from 0
    right    (A, T, D) does it match a thing that counts?
    ignored  (A, T, D) does it count nowhere?
    things   (A, N) true boxes that count
    """

    scores: NDArray[np.float64]
    images: NDArray[np.int64]
    ranks: NDArray[np.int64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    things: NDArray[np.int64]

    def first(self, most: int) -> Matches:
        """With the `most` surest answers of each image alone."""
        kept = self.ranks < most
        return Matches(
            self.scores[kept],
            self.images[kept],
            self.ranks[kept],
            self.right[..., kept],
            self.ignored[..., kept],
            self.things,
        )


def overlaps(
    one: NDArray[np.floating],
    other: NDArray[np.floating],
    ignored: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """(n, m) the IoU of each of n boxes with each of m: left, top, right, bottom.

    ignored  (m,) regions, of which the overlap is the share of the first box that lies within
    """
    a, b = np.asarray(one, np.float64)[:, None], np.asarray(other, np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    first, second = ((each[..., 2:] - each[..., :2]).prod(-1) for each in (a, b))
    union = first + second - shared
    if ignored is not None:
        union = np.where(ignored, np.broadcast_to(first, union.shape), union)
    return np.asarray(shared / np.maximum(union, LEAST), np.float64)


def matched(found: Sequence[Detections], truth: Sequence[Things], number: int) -> Matches:
    """How the answers of class `number` fare, image by image."""
    parts = [
        _image(given.where(given.numbers == number), true.of_class(number))
        for given, true in zip(found, truth, strict=True)
    ]
    counts = [len(scores) for scores, *_ in parts]
    images = np.repeat(np.arange(len(parts)), counts)
    ranks = np.concatenate([np.arange(0), *(np.arange(count) for count in counts)])
    scores = np.concatenate([np.zeros(0), *(each[0] for each in parts)])
    shape = (len(AREAS), len(THRESHOLDS), 0)
    right, ignored = (
        np.concatenate([np.zeros(shape, bool), *(each[k] for each in parts)], axis=2)
        for k in (1, 2)
    )
    things = np.array([each[3] for each in parts], np.int64).reshape(-1, len(AREAS)).T
    order = np.argsort(-scores, kind="stable")
    return Matches(
        scores[order],
        images[order],
        ranks[order].astype(np.int64),
        right[..., order],
        ignored[..., order],
        things,
    )


def judged(given: Detections, true: Things, kinds: int) -> tuple[int, int, int]:
    """Of one image: things that count, answers that find one at an IoU of 0.5, wrong answers."""
    things = right = wrong = 0
    for number in range(kinds):
        row = matched([given], [true], number)
        counted, hits = ~row.ignored[0, 0], row.right[0, 0]
        things += int(row.things[0, 0])
        right += int((hits & counted).sum())
        wrong += int((~hits & counted).sum())
    return things, right, wrong


def _image(
    given: Detections, true: Things
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Scores, right, ignored and things of one image and class."""
    given = given.where(np.argsort(-given.scores, kind="stable")[:MOST])
    limits = np.array([*AREAS.values()])
    areas = (true.boxes[:, 2:] - true.boxes[:, :2]).prod(1) if true.areas is None else true.areas
    outside = (areas < limits[:, :1]) | (areas > limits[:, 1:])  # (A, G)
    aside = outside | true.ignored
    shape = (len(limits), len(THRESHOLDS), len(given))
    right, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    own = (given.boxes[:, 2:] - given.boxes[:, :2]).prod(1)
    ignored |= ((own < limits[:, :1]) | (own > limits[:, 1:]))[:, None]
    iou = overlaps(given.boxes, true.boxes, true.ignored)
    free = np.ones((*shape[:2], len(true)), bool)
    enough = np.minimum(THRESHOLDS, 1 - ROUNDING)[:, None]
    for place, row in enumerate(iou):
        near = (row >= enough) & free  # (A, T, G)
        if not near.any():
            continue
        sought = near & ~aside[:, None]
        counts = sought.any(-1, keepdims=True)
        values = np.where(np.where(counts, sought, near), row, -1.0)
        best = len(true) - 1 - values[..., ::-1].argmax(-1)  # of equals, the last
        hit = np.take_along_axis(near, best[..., None], -1)[..., 0] & near.any(-1)
        right[..., place] = hit & counts[..., 0]
        ignored[..., place] = np.where(hit, ~counts[..., 0], ignored[..., place])
        taken = (np.arange(len(true)) == best[..., None]) & hit[..., None]
        free &= ~taken | true.ignored
    return given.scores, right, ignored, (~aside).sum(1)
