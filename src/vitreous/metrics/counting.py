"""The scores of counting: how far the number of things is from the truth.

    MAE = mean Σ_l |n_l - t_l|,   RMSE = √ mean Σ_l (n_l - t_l)²
    relative error = MAE / mean Σ_l t_l

The sums go over the classes of things, the means over images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError, DivergedError
from vitreous.metrics.interval import Interval, percentiles, resampled_sums, with_intervals
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

NAMES = ("mae", "rmse", "relative_error")


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """How well things of one class are counted.

    things          there are in all images together
    mae, rmse       mean absolute error of an image's count, and root of its mean square
    bias            mean of answer minus truth: above 0 too many are counted
    relative_error  mae over the mean count; None where there is nothing to count
    """

    name: str
    things: int
    mae: float
    rmse: float
    bias: float
    relative_error: float | None
    mae_interval: Interval | None = None
    rmse_interval: Interval | None = None
    relative_error_interval: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class CountScores:
    """The scores of all classes together.

    count      number of images
    loss       mean loss of an image
    things     there are in all images together
    per_class  one row each
    baselines  what simple rules reach on the same images
    """

    count: int
    loss: float
    things: int
    mae: float
    rmse: float
    relative_error: float | None
    mae_interval: Interval | None
    rmse_interval: Interval | None
    relative_error_interval: Interval | None
    per_class: tuple[ClassCounts, ...]
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        told = [
            ("mae", "mean error of the count", self.mae, self.mae_interval, ""),
            ("rmse", "RMSE", self.rmse, self.rmse_interval, ""),
        ]
        if self.relative_error is not None:
            bounds = self.relative_error_interval
            told.append(("relative_error", "relative error", self.relative_error, bounds, "%"))
        details = ("mean absolute error of an image's count", "root of the mean squared error",
                   "mean absolute error over the mean count")  # fmt: skip
        return tuple(
            Score(
                name=name,
                title=title,
                value=value,
                bounds=bounds,
                better="lower",
                unit=unit,
                detail=detail,
            )
            for (name, title, value, bounds, unit), detail in zip(told, details, strict=False)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> CountScores:
        """The inverse of `to_json`."""
        known = with_intervals({k: state[k] for k in cls.__dataclass_fields__ if k in state})
        rows = (ClassCounts(**with_intervals(row)) for row in known["per_class"])
        rules = map(SimpleRule.from_json, known.get("baselines", ()))
        return cls(**known | {"per_class": tuple(rows), "baselines": tuple(rules)})


def counting(
    answers: ArrayLike,
    truth: ArrayLike,
    names: Sequence[str],
    *,
    loss: float = 0.0,
    baselines: Sequence[SimpleRule] = (),
) -> CountScores:
    """The scores of counted things.

    answers, truth  (N, L) how many there are of each class; answers need not be whole
    names           of the L classes

    Raises DataError if shapes do not fit, DivergedError if an answer is no number.
    """
    found, wanted = np.asarray(answers, np.float64), np.asarray(truth, np.float64)
    if found.shape != wanted.shape or wanted.shape[1:] != (len(names),) or not len(wanted):
        raise DataError(f"answers {found.shape}, truth {wanted.shape} and {len(names)} names")
    if not np.isfinite(found).all():
        raise DivergedError(
            "the model's counts are not numbers",
            where=f"image {int(np.argmin(np.isfinite(found).all(axis=1)))}",
            remedy="Train again at a lower --lr.",
        )
    errors = found - wanted
    columns = np.stack([np.abs(errors), errors**2, wanted, errors])  # (4, N, L)
    rows = tuple(
        ClassCounts(
            name=name,
            things=round(columns[2, :, k].sum()),
            bias=float(errors[:, k].mean()),
            **_told(columns[:3, :, k]),
        )
        for k, name in enumerate(names)
    )
    return CountScores(
        count=len(wanted),
        loss=loss,
        things=round(wanted.sum()),
        **_told(columns[:3].sum(axis=2)),
        per_class=rows,
        baselines=tuple(baselines),
    )


def mean_count(train: ArrayLike, truth: ArrayLike, names: Sequence[str]) -> SimpleRule:
    """What always answering the mean count of the training images reaches.

    train, truth  (M, L) and (N, L)
    """
    mean = np.asarray(train, np.float64).mean(axis=0)
    scores = counting(np.broadcast_to(mean, np.shape(truth)), truth, names)
    return SimpleRule(
        name="mean",
        title="mean count of the training images",
        detail="always answers the mean count of the training images",
        count=scores.count,
        scores=scores.all,
    )


def _told(columns: NDArray[np.float64]) -> dict[str, Any]:
    """Fields of a row from (3, N) absolute errors, squares and true counts."""
    count = columns.shape[1]
    found = _scores(columns.sum(axis=1)[None], count)
    drawn = _scores(resampled_sums(columns.T), count) if count > 1 else None
    fields: dict[str, Any] = {}
    for place, name in enumerate(NAMES):
        value = float(found[place][0])
        fields[name] = None if np.isnan(value) else value
        fields[f"{name}_interval"] = percentiles(drawn[place]) if drawn else None
    return fields


def _scores(sums: NDArray[np.float64], count: int) -> list[NDArray[np.float64]]:
    """(S,) each, from (S, 3) sums."""
    absolute, squares, things = sums.T
    there = things > 0
    relative = np.where(there, absolute / np.where(there, things, 1), np.nan)
    return [absolute / count, np.sqrt(squares / count), relative]
