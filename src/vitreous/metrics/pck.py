"""PCK, the percentage of correct key points: how many lie near enough to where they belong.

    PCK = share of the seen points with |answer - truth| <= 0.2 · size

The size is that of the thing in the same image: of a body its torso, from a shoulder to the hip of
the other side; of anything else the diagonal of the box around its seen points. Where a body's
torso is not seen, that diagonal takes its place, which is larger and forgives more. An image with
one seen point alone has no size: it counts in the mean error, and not in PCK.

Yang and Ramanan (2013), "Articulated human detection with flexible mixtures of parts", section 6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError, DivergedError
from vitreous.metrics.interval import Interval, percentiles, resampled_sums
from vitreous.metrics.oks import oks, sigmas_of
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

NEAR = 0.2  # of the size
TORSO = (("left shoulder", "right hip"), ("right shoulder", "left hip"))

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PointScores:
    """How well one point is found.

    count  images in which it is seen; without any it has no scores
    pck    share of these that are near enough; None where no image has a size
    error  mean distance, in pixels
    """

    name: str
    count: int
    pck: float | None = None
    interval: Interval | None = None
    error: float | None = None


@dataclass(frozen=True, kw_only=True)
class KeyPointScores:
    """The scores of all seen points together. Intervals are of 95 %, by drawing images.

    count      number of images
    points     seen points; judged: those of them in an image that has a size
    loss       mean loss of an image
    scale      torso or extent: what the size of most images is
    by_extent  images without a seen torso, measured by the extent, where the scale is the torso
    pck        None where no image has a size
    error      mean distance in pixels of the network's window
    oks        mean OKS of the images that have a size, by the box around their points; None
               where none has
    per_point  one row each
    baselines  what simple rules reach on the same images
    """

    count: int
    points: int
    judged: int
    loss: float
    scale: str
    by_extent: int
    pck: float | None
    pck_interval: Interval | None
    error: float
    error_interval: Interval | None
    per_point: tuple[PointScores, ...]
    oks: float | None = None
    oks_interval: Interval | None = None
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        error = Score(
            name="error",
            title="mean error",
            value=self.error,
            bounds=self.error_interval,
            better="lower",
            unit="px",
            detail="mean distance, in pixels of the network's window",
        )
        if self.pck is None:
            return (error,)
        near = Score(
            name="pck",
            title=f"PCK at {NEAR}",
            value=self.pck,
            bounds=self.pck_interval,
            detail=f"points within {NEAR} of the {self.size_word}",
        )
        if self.oks is None:
            return near, error
        similar = Score(
            name="oks",
            title="OKS",
            value=self.oks,
            bounds=self.oks_interval,
            detail="object keypoint similarity, by the box around the points",
        )
        return near, error, similar

    @property
    def size_word(self) -> str:
        return WORDS[self.scale]

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> KeyPointScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in ("pck_interval", "error_interval", "oks_interval"):
            known[key] = known.get(key) and tuple(known[key])
        rows = (row | {"interval": row["interval"] and tuple(row["interval"])}
                for row in known["per_point"])  # fmt: skip
        known["per_point"] = tuple(PointScores(**row) for row in rows)
        known["baselines"] = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known)


WORDS = {"torso": "torso", "extent": "diagonal of the points' extent"}


def key_points(
    answers: ArrayLike,
    truth: ArrayLike,
    names: Sequence[str],
    *,
    loss: float,
    baselines: Sequence[SimpleRule] = (),
) -> KeyPointScores:
    """The scores of answered points.

    answers  (N, P, 2) x and y
    truth    (N, P, 3) x, y, and whether the point is seen
    loss     mean loss of an image

    Raises DataError if no point is seen, DivergedError if an answer is no number.
    """
    given, true = np.asarray(answers, np.float64), np.asarray(truth, np.float64)
    seen = true[..., 2] > 0
    if not seen.any():
        what = "no point of these images is visible" if len(true) else "no images to score"
        raise DataError(what, remedy="Choose a part that has some: --split.")
    if not np.isfinite(given).all():
        raise DivergedError(
            "the model's answers are not numbers",
            remedy="Go back to an earlier checkpoint, or train again at a lower --lr.",
        )
    distances = np.where(seen, np.linalg.norm(given - true[..., :2], axis=2), 0.0)
    sizes, torso = sizes_of(true, names)
    judged = seen & np.isfinite(sizes)[:, None]
    near = judged & (distances <= NEAR * np.where(np.isfinite(sizes), sizes, 0.0)[:, None])
    columns = np.stack([near, judged, distances, seen], axis=1).astype(np.float64)  # (N, 4, P)
    count, kinds = len(true), len(names)
    sums = columns.sum(axis=0)
    drawn = resampled_sums(columns.reshape(count, -1)).reshape(-1, 4, kinds)
    share, error = _ratios(sums.sum(axis=1)[None])
    shares, errors = _ratios(drawn.sum(axis=2))
    known = bool(np.isfinite(share[0]))
    similar = oks(given, true, sigmas_of(names))
    similar = similar[np.isfinite(similar)]
    rows = _ratios(sums.T), _ratios(drawn.transpose(0, 2, 1).reshape(-1, 4))[0].reshape(-1, kinds)
    return KeyPointScores(
        count=count,
        points=int(seen.sum()),
        judged=int(judged.sum()),
        loss=loss,
        scale="torso" if torso.any() else "extent",
        by_extent=int((judged.any(axis=1) & ~torso).sum()) if torso.any() else 0,
        pck=float(share[0]) if known else None,
        pck_interval=percentiles(shares) if known else None,
        error=float(error[0]),
        error_interval=percentiles(errors),
        per_point=tuple(
            _row(name, sums[:, k], rows[0][0][k], rows[1][:, k]) for k, name in enumerate(names)
        ),
        oks=float(similar.mean()) if len(similar) else None,
        oks_interval=percentiles(resampled_sums(similar[:, None])[:, 0] / len(similar))
        if len(similar)
        else None,
        baselines=tuple(baselines),
    )


def answering_points(
    answers: ArrayLike,
    truth: ArrayLike,
    names: Sequence[str],
    *,
    name: str,
    title: str,
    detail: str,
) -> SimpleRule:
    """The scores of a rule that gives these answers, (N, P, 2)."""
    scores = key_points(answers, truth, names, loss=0.0)
    return SimpleRule(name=name, title=title, detail=detail, count=scores.count, scores=scores.all)


def image_pck(
    answers: ArrayLike,
    truth: ArrayLike,
    names: Sequence[str],
    scales: ArrayLike | None = None,
) -> tuple[Numbers, Numbers]:
    """(N,) PCK and (N,) mean error of each image; NaN where there is none.

    scales  (N, 2) pixels, in which the error shall be told, to one of the answers', along x and y
    """
    given, true = np.asarray(answers, np.float64), np.array(truth, np.float64)
    if scales is not None:
        factors = np.asarray(scales, np.float64)[:, None]
        given, true[..., :2] = given * factors, true[..., :2] * factors
    seen = true[..., 2] > 0
    distances = np.linalg.norm(given - true[..., :2], axis=2)
    sizes, _ = sizes_of(true, names)
    with np.errstate(invalid="ignore"):
        near = (distances <= NEAR * sizes[:, None]) & seen
    points = seen.sum(axis=1)
    some = np.where(points, points, np.nan)
    pck = np.where(np.isfinite(sizes), near.sum(axis=1) / some, np.nan)
    return pck, np.where(seen, distances, 0).sum(axis=1) / some


def sizes_of(truth: NDArray[Any], names: Sequence[str]) -> tuple[Numbers, NDArray[np.bool_]]:
    """(N,) the size of the thing in each image, NaN where it has none; (N,) is it the torso?

    truth  (N, P, 3) x, y, and whether the point is seen
    """
    seen = truth[..., 2] > 0
    places = truth[..., :2].astype(np.float64)
    low = np.where(seen[..., None], places, np.inf).min(axis=1)
    high = np.where(seen[..., None], places, -np.inf).max(axis=1)
    sizes = np.linalg.norm(np.where(np.isfinite(high), high - low, 0), axis=1)
    torso = np.zeros(len(truth), np.bool_)
    words = {
        " ".join(sorted(re.findall("[a-z]+", name.lower()))): k for k, name in enumerate(names)
    }
    for pair in TORSO:
        ends = [words.get(" ".join(sorted(end.split()))) for end in pair]
        if ends[0] is None or ends[1] is None:
            continue
        length = np.linalg.norm(places[:, ends[0]] - places[:, ends[1]], axis=1)
        there = seen[:, ends[0]] & seen[:, ends[1]] & (length > 0) & ~torso
        sizes[there], torso[there] = length[there], True
    return np.where(sizes > 0, sizes, np.nan), torso


def _ratios(sums: Numbers) -> tuple[Numbers, Numbers]:
    """(S,) PCK and (S,) mean error from (S, 4) sums; NaN where nothing was counted."""
    counted, seen = (np.where(sums[:, k] > 0, sums[:, k], np.nan) for k in (1, 3))
    return sums[:, 0] / counted, sums[:, 2] / seen


def _row(name: str, sums: Numbers, pck: float, drawn: Numbers) -> PointScores:
    if not sums[3]:
        return PointScores(name=name, count=0)
    judged = bool(sums[1])
    return PointScores(
        name=name,
        count=int(sums[3]),
        pck=float(pck) if judged else None,
        interval=percentiles(drawn) if judged else None,
        error=float(sums[2] / sums[3]),
    )
