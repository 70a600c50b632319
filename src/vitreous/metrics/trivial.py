"""Trivial baselines, majority class and nearest neighbor on pixels, so that a score has a scale.

90 % is poor where always answering the most frequent class gives 88 %; and a network that does
not beat looking up the most similar training image has not learned to see. Both rules are
deterministic and cost a fraction of a second whatever the size of the data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.average_precision import average_precision
from vitreous.metrics.confusion import ConfusionCounts
from vitreous.metrics.interval import Interval, mean_of_proportions, wilson
from vitreous.metrics.score import Score

SIDE = 16  # pixels a side of the images that the nearest neighbor compares
LIMIT = 2000  # examples that it remembers, and examples that it is asked about


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A rule's scores, by the names of `ClassificationScores`; None where there is no such score.

    name      majority, neighbor or that of a classic method
    detail    the rule in words
    count     number of examples it was asked about
    interval  95 % interval of the accuracy, likewise balanced_interval
    """

    name: str
    detail: str
    count: int
    accuracy: float
    interval: Interval
    balanced_accuracy: float | None = None
    balanced_interval: Interval | None = None
    map: float | None = None

    @property
    def title(self) -> str:
        if self.name == "neighbor":
            return "nearest neighbor on pixels"
        if self.name != "majority":
            return self.name
        several = self.balanced_accuracy is None
        return "frequency of each label" if several else "most frequent class"

    def score(self, name: str) -> Score | None:
        """Its accuracy, balanced_accuracy or map, where it has one."""
        known = {
            "accuracy": (self.accuracy, self.interval),
            "balanced_accuracy": (self.balanced_accuracy, self.balanced_interval),
            "map": (self.map, None),
        }
        value, bounds = known.get(name, (None, None))
        if value is None:
            return None
        return Score(name=name, title=name.replace("_", " "), value=value, bounds=bounds)

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Baseline:
        known = dict(state)
        for key in ("interval", "balanced_interval"):
            if key in known:
                known[key] = tuple(known[key])
        return cls(**known)


class Rows(Protocol):
    """Images (N, H, W, C) uint8 that are read one by one: an array, a memory map, a choice of
    rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: Any, /) -> Any: ...


def majority(
    train_targets: NDArray[np.integer], targets: NDArray[np.integer], num_classes: int
) -> Baseline:
    """Always answer the most frequent class of the training part (of equals, the first).

    train_targets, targets  (N,) class numbers
    """
    answer = int(np.bincount(train_targets, minlength=num_classes).argmax())
    detail = "always answers the most frequent class"
    return _one_class("majority", detail, np.full(len(targets), answer), targets, num_classes)


def frequency(train_marks: NDArray[np.integer], marks: NDArray[np.integer]) -> Baseline:
    """Give every label that most training images have; as a ranking, each label is as probable as
    it is frequent.

    train_marks, marks  (N, L) zeros and ones
    """
    share = (train_marks > 0).mean(axis=0)
    detail = "gives the labels that most images have"
    return _labels("majority", detail, np.tile(share, (len(marks), 1)), marks)


def neighbor_class(
    found: Neighbors,
    train_targets: NDArray[np.integer],
    targets: NDArray[np.integer],
    num_classes: int,
) -> Baseline:
    """Answer the class of the most similar training image.

    train_targets, targets  (N,) class numbers
    """
    answers, truth = train_targets[found.nearest], targets[found.queries]
    return _one_class("neighbor", found.detail, answers, truth, num_classes)


def neighbor_labels(
    found: Neighbors, train_marks: NDArray[np.integer], marks: NDArray[np.integer]
) -> Baseline:
    """Give the labels of the most similar training image.

    train_marks, marks  (N, L) zeros and ones
    """
    answers = train_marks[found.nearest].astype(float)
    return _labels("neighbor", found.detail, answers, marks[found.queries])


def other_method(
    name: str,
    detail: str,
    predicted: NDArray[np.integer],
    targets: NDArray[np.integer],
    num_classes: int,
) -> Baseline:
    """What another method has answered to the same images. Both arrays are (N,) class numbers."""
    return _one_class(name, detail, predicted, targets, num_classes)


@dataclass(frozen=True)
class Neighbors:
    """The most similar training image of each image that was asked about.

    queries  (M,) rows of the images
    nearest  (M,) rows of the training images
    detail   the rule in words
    """

    queries: NDArray[np.int64]
    nearest: NDArray[np.int64]
    detail: str


def nearest_neighbors(
    train_images: Rows, images: Rows, *, side: int = SIDE, limit: int = LIMIT, seed: int = 0
) -> Neighbors:
    """The most similar training images, by Euclidean distance of small pixels.

    At most `limit` images are drawn from each part, once, by `seed`; the interval of a score tells
    what that costs in certainty.

    train_images, images  (N, H, W, C) uint8, of equal H, W and C
    """
    remembered = _draw(len(train_images), limit, seed)
    queries = _draw(len(images), limit, seed + 1)
    memory = _small(train_images, remembered, side)
    nearest = remembered[_nearest(memory, _small(images, queries, side))]
    detail = f"answers as the most similar of {len(remembered):,} training images"
    return Neighbors(queries, nearest, detail)


def _one_class(
    name: str,
    detail: str,
    predicted: NDArray[np.integer],
    targets: NDArray[np.integer],
    num_classes: int,
) -> Baseline:
    cells = ConfusionCounts.of(targets, predicted, num_classes)
    hits, support = cells.hits, cells.support
    right, count = float(hits.sum()), len(targets)
    present = support > 0
    return Baseline(
        name=name,
        detail=detail,
        count=count,
        accuracy=right / count,
        interval=wilson(right, count),
        balanced_accuracy=float((hits[present] / support[present]).mean()),
        balanced_interval=mean_of_proportions(hits, support),
    )


def _labels(
    name: str, detail: str, probabilities: NDArray[np.float64], targets: NDArray[np.integer]
) -> Baseline:
    truth = targets > 0
    right = int(((probabilities > 0.5) == truth).all(axis=1).sum())
    areas = [average_precision(probabilities[:, k], truth[:, k]) for k in range(truth.shape[1])]
    defined = [area for area in areas if area is not None]
    return Baseline(
        name=name,
        detail=detail,
        count=len(truth),
        accuracy=right / len(truth),
        interval=wilson(right, len(truth)),
        map=float(np.mean(defined)) if defined else None,
    )


def _draw(count: int, limit: int, seed: int) -> NDArray[np.int64]:
    """At most `limit` row numbers at random, in ascending order, as a memory map likes them."""
    drawn = np.random.default_rng(seed).permutation(count)[:limit]
    return np.sort(drawn)


def _small(images: Rows, rows: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """Block means of the chosen images, (N, side · side · C) in [0, 1].

    Large images are thinned first: at least two pixels a block and axis are read, not all.
    """
    height, width = images.shape[1:3]
    down, across = max(height // (2 * side), 1), max(width // (2 * side), 1)
    vertical = _averaging(len(range(0, height, down)), side)
    horizontal = _averaging(len(range(0, width, across)), side)
    small = []
    for row in rows:
        thinned = images[row][::down, ::across].astype(np.float32)  # (h, w, C)
        bands = np.tensordot(vertical, thinned, axes=1)  # (side, w, C)
        small.append(np.ravel(horizontal @ bands))  # (side, side, C)
    return np.array(small, np.float32) / np.float32(255)


def _averaging(length: int, side: int) -> NDArray[np.float32]:
    """(side, length): each row averages one stretch of pixels; short axes stay as they are."""
    side = min(side, length)
    edges = np.linspace(0, length, side + 1)
    left, right = np.arange(length), np.arange(1, length + 1)
    overlap = np.minimum(right, edges[1:, None]) - np.maximum(left, edges[:-1, None])
    matrix = overlap.clip(0) / (length / side)
    return matrix.astype(np.float32)


def _nearest(
    memory: NDArray[np.float32], queries: NDArray[np.float32], chunk: int = 500
) -> NDArray[np.int64]:
    """For each row of `queries` the nearest row of `memory`; of equals, the first.

    |a - m|² = |a|² - 2 a·m + |m|², and |a|² does not matter for the order.
    """
    squares = (memory**2).sum(axis=1)
    parts = [
        (squares - 2 * queries[start : start + chunk] @ memory.T).argmin(axis=1)
        for start in range(0, len(queries), chunk)
    ]
    return np.concatenate(parts)
