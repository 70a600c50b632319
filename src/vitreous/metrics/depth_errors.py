"""The scores of depth: how far each pixel is, against what was measured there.

    AbsRel = mean |d - t| / t,   RMSE = √ mean (d - t)²,   δᵢ = share with max(d/t, t/d) < 1.25ⁱ

Each is taken over the measured pixels of one image, and then the mean over images is: an image
counts as much as another, however many of its pixels are known.
Eigen, Puhrsch and Fergus (2014), arXiv:1406.2283, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.errors import DataError
from vitreous.metrics.interval import Interval, percentiles, resampled_sums
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

RATIO = 1.25
NAMES = ("abs_rel", "rmse", "delta1", "delta2", "delta3")


@dataclass(frozen=True, kw_only=True)
class DepthScores:
    """Means over images. Intervals are of 95 %, None where images tell none.

    count      number of images, of which `measured` have a pixel of known depth
    loss       mean loss of an image
    abs_rel    mean error as a share of the true depth
    rmse       root of the mean squared error, in the unit of the depths
    delta1     share of the pixels within a factor of 1.25; delta2: 1.25²; delta3: 1.25³
    intervals  by the name of the score
    baselines  what simple rules reach on the same images
    """

    count: int
    measured: int
    loss: float
    abs_rel: float
    rmse: float
    delta1: float
    delta2: float
    delta3: float
    intervals: dict[str, Interval | None]
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        return depth_scores({name: getattr(self, name) for name in NAMES}, intervals=self.intervals)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> DepthScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        bounds = {name: each and tuple(each) for name, each in known["intervals"].items()}
        rules = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known | {"intervals": bounds, "baselines": rules})


def depth_scores(
    values: dict[str, float], intervals: dict[str, Interval | None]
) -> tuple[Score, ...]:
    """The five scores by their names, as they are told."""
    told = (
        ("abs_rel", "mean relative error", "lower", "%", "of the true depth"),
        ("rmse", "RMSE", "lower", "", "root of the mean squared error"),
        ("delta1", "δ < 1.25", "higher", "%", "pixels within a factor of 1.25"),
        ("delta2", "δ < 1.25²", "higher", "%", "pixels within a factor of 1.56"),
        ("delta3", "δ < 1.25³", "higher", "%", "pixels within a factor of 1.95"),
    )
    return tuple(
        Score(
            name=name,
            title=title,
            value=values[name],
            bounds=intervals.get(name),
            better="lower" if better == "lower" else "higher",
            unit=unit,
            detail=detail,
        )
        for name, title, better, unit, detail in told
    )


def image_depths(depths: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """(B, 5) the scores of each image in the order of NAMES; NaN where no pixel was measured.

    depths, truth  (B, H, W), above 0; truth that is no number or not above 0 was not measured
    """
    true = truth.double()
    known = torch.isfinite(true) & (true > 0)
    true = true.where(known, 1)
    given = depths.double().where(known, 1)
    count = known.flatten(1).sum(1)
    ratio = torch.maximum(given / true, true / given)
    error = given - true
    columns = [error.abs() / true, error.square()]
    columns += [(ratio < RATIO**power).double() for power in (1, 2, 3)]
    sums = torch.stack([each.where(known, 0).flatten(1).sum(1) for each in columns], 1)
    means = sums / count[:, None]  # NaN without pixels
    means[:, 1] = means[:, 1].sqrt()
    return np.asarray(means.cpu().numpy())


def depth(
    images: NDArray[np.float64],
    *,
    loss: float = 0.0,
    baselines: Sequence[SimpleRule] = (),
) -> DepthScores:
    """The scores of a part, from those of its images as `image_depths` gives them, (N, 5).

    Raises DataError if no pixel was measured in any image.
    """
    there = images[~np.isnan(images[:, 0])]
    if not len(there):
        raise DataError(
            "no pixel of these images has a known depth",
            remedy="Depths are numbers above 0; 0 and NaN stand for what was not measured.",
        )
    values = dict(zip(NAMES, there.mean(axis=0).tolist(), strict=True))
    drawn = resampled_sums(there) / len(there) if len(there) > 1 else None
    intervals = {
        name: None if drawn is None else percentiles(drawn[:, place])
        for place, name in enumerate(NAMES)
    }
    return DepthScores(
        count=len(images),
        measured=len(there),
        loss=loss,
        **values,
        intervals=intervals,
        baselines=tuple(baselines),
    )


def mean_map(images: NDArray[np.float64]) -> SimpleRule:
    """What always answering the mean depth of each place reaches.

    images  (N, 5) its scores of each image
    """
    scores = depth(images)
    return SimpleRule(
        name="mean",
        title="mean depth of each place",
        detail="always answers the mean depth of each place in the training images",
        count=scores.count,
        scores=scores.all,
    )
