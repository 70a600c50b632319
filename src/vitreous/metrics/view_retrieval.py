"""View retrieval: is the other view of an image found among those of other images?

What learning without labels can be judged by on images that it has not seen. It needs no labels;
where there are classes it is also told how often the nearest other image is of the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.interval import Interval, wilson, with_intervals
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

AMONG = 1_000  # images that a view is looked for among, at most: the cost grows straight
Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ViewScores:
    """Fractions in [0, 1], each with its 95 % interval.

    among       images that a view was looked for among
    found       share of images whose other view is the most alike of all of these
    neighbor    share of images whose nearest other image is of the same class; None without classes
    spread      how far the answers lie apart: 1 where they point in all directions, 0 where all are
                the same
    baselines   what simple rules reach on the same images
    """

    count: int
    loss: float
    among: int
    found: float
    found_interval: Interval
    spread: float
    neighbor: float | None = None
    neighbor_interval: Interval | None = None
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        told = [
            Score(
                name="found",
                title="other views found",
                value=self.found,
                bounds=self.found_interval,
                detail=f"images whose other view is the most alike of {self.among:,}",
            )
        ]
        if self.neighbor is not None:
            told.append(
                Score(
                    name="neighbor",
                    title="neighbors of the same class",
                    value=self.neighbor,
                    bounds=self.neighbor_interval,
                    detail="images whose nearest other image is of their class",
                )
            )
        told.append(
            Score(
                name="spread",
                title="spread of the answers",
                value=self.spread,
                unit="",
                detail="1 is all directions, 0 is the same answer to every image",
            )
        )
        return (*told,)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> ViewScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        rules = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**with_intervals(known) | {"baselines": rules})


def view_scores(
    first: Vectors,
    second: Vectors,
    classes: NDArray[np.integer] | None = None,
    *,
    loss: float = 0.0,
    baselines: Sequence[SimpleRule] = (),
) -> ViewScores:
    """The scores of answers to two views of each image.

    first, second  (N, K) of the image as it is, and of its other view; any length but 0
    classes        (N,) numbers, for neighbors of the same class
    """
    one, other = unit(first), unit(second)
    ranks = view_ranks(one, other)
    count, hits = len(ranks), int((ranks == 1).sum())
    same = None if classes is None or count < 2 else neighbors_agree(one, classes)
    return ViewScores(
        count=count,
        loss=loss,
        among=-(-count // groups(count)),
        found=hits / count,
        found_interval=wilson(hits, count),
        spread=spread(one),
        neighbor=None if same is None else float(same.mean()),
        neighbor_interval=None if same is None else wilson(int(same.sum()), count),
        baselines=tuple(baselines),
    )


def groups(count: int) -> int:
    """Into how many groups of equal size so many images are divided."""
    return max(1, -(-count // AMONG))


def grouped(count: int) -> list[slice]:
    """The rows of each group. Images often lie class by class: a group holds some of each."""
    step = groups(count)
    return [slice(start, None, step) for start in range(step)]


def view_ranks(one: Vectors, other: Vectors) -> NDArray[np.int64]:
    """(N,) the place of each image's other view among those of its group, by cosine: 1 is the
    first. Of equals it is the last, so that one answer to all images finds nothing.
    """
    ranks = np.empty(len(one), np.int64)
    for rows in grouped(len(one)):
        alike = one[rows] @ other[rows].T
        ranks[rows] = (alike >= alike.diagonal()[:, None]).sum(1)
    return ranks


def neighbors_agree(one: Vectors, classes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(N,) is the most alike other image of the group of the same class?"""
    same = np.empty(len(one), np.bool_)
    for rows in grouped(len(one)):
        alike = one[rows] @ one[rows].T
        np.fill_diagonal(alike, -np.inf)
        same[rows] = classes[rows][alike.argmax(1)] == classes[rows]
    return same


def spread(one: Vectors) -> float:
    """1 minus the square of the mean of vectors of length one: 0 where all are alike, and for
    directions of which none is preferred 1 - 1/N.
    """
    return float(1 - np.square(one.mean(0, dtype=np.float64)).sum())


def unit(vectors: NDArray[Any]) -> Vectors:
    """The directions of vectors (N, K); one without a length stays as it is."""
    floats = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(floats, axis=1, keepdims=True)
    directions: Vectors = floats / np.maximum(lengths, np.float32(1e-12))
    return directions
