"""The scores of regression: how far answers are from real numbers, in their unit.

    RMSE = √ mean (y - t)²,   MAE = mean |y - t|,   R² = 1 - Σ (y - t)² / Σ (t - mean t)²

R² is the share of the variance that is explained: 0 is what answering the mean of these very
examples reaches, and it has no meaning where the truth is constant.
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


@dataclass(frozen=True, kw_only=True)
class QuantityScores:
    """How well one quantity is predicted. Intervals are of 95 %, None where examples tell none.

    rmse  root of the mean squared error; mae: mean absolute error
    r2    share of the variance explained; None where the truth is constant
    """

    name: str
    rmse: float
    mae: float
    r2: float | None
    rmse_interval: Interval | None = None
    mae_interval: Interval | None = None
    r2_interval: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class RegressionScores:
    """The scores of all quantities together: root of the mean of their squared errors, mean of
    their absolute errors, mean of the R² that are defined.

    count         number of examples
    loss          mean loss of an example
    unit          of the numbers, such as "px"; or nothing
    per_quantity  one row each
    baselines     what simple rules reach on the same examples
    """

    count: int
    loss: float
    unit: str
    rmse: float
    mae: float
    r2: float | None
    rmse_interval: Interval | None
    mae_interval: Interval | None
    r2_interval: Interval | None
    per_quantity: tuple[QuantityScores, ...]
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        errors = [
            Score(
                name=name,
                title=name.upper(),
                value=value,
                bounds=bounds,
                better="lower",
                unit=self.unit,
                detail=detail,
            )
            for name, value, bounds, detail in (
                ("rmse", self.rmse, self.rmse_interval, "root of the mean squared error"),
                ("mae", self.mae, self.mae_interval, "mean absolute error"),
            )
        ]
        if self.r2 is None:
            return tuple(errors)
        explained = Score(
            name="r2",
            title="R²",
            value=self.r2,
            bounds=self.r2_interval,
            unit="",
            detail="share of the variance that is explained",
        )
        return (*errors, explained)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> RegressionScores:
        """The inverse of `to_json`."""
        known = with_intervals({k: state[k] for k in cls.__dataclass_fields__ if k in state})
        rows = (QuantityScores(**with_intervals(row)) for row in known["per_quantity"])
        rules = map(SimpleRule.from_json, known.get("baselines", ()))
        return cls(**known | {"per_quantity": tuple(rows), "baselines": tuple(rules)})


def regression(
    predictions: ArrayLike,
    targets: ArrayLike,
    names: Sequence[str],
    *,
    unit: str = "",
    loss: float | None = None,
    baselines: Sequence[SimpleRule] = (),
) -> RegressionScores:
    """The scores of predicted numbers.

    predictions, targets  (N, K)
    names                 of the K quantities
    loss                  mean loss of an example; None is the mean squared error

    Raises DataError if shapes or targets do not fit, DivergedError if a prediction is no number.
    """
    answers, truth = np.asarray(predictions, np.float64), np.asarray(targets, np.float64)
    _check(answers, truth, names)
    errors, centered = answers - truth, truth - truth.mean(axis=0)
    varies = truth.min(axis=0) < truth.max(axis=0)
    columns = np.stack([errors**2, np.abs(errors), centered, centered**2])  # (4, N, K)
    count, kinds = len(truth), len(names)
    found = _scores(columns.sum(axis=1)[None], count, varies)
    drawn = None
    if count > 1:
        sums = resampled_sums(columns.transpose(1, 0, 2).reshape(count, 4 * kinds))
        drawn = _scores(sums.reshape(-1, 4, kinds), count, varies)
    rows = tuple(
        QuantityScores(
            name=name, **_told([x[:, k] for x in found], drawn and [x[:, k] for x in drawn])
        )
        for k, name in enumerate(names)
    )
    return RegressionScores(
        count=count,
        loss=float((errors**2).mean()) if loss is None else loss,
        unit=unit,
        **_told(_together(found, varies), drawn and _together(drawn, varies)),
        per_quantity=rows,
        baselines=tuple(baselines),
    )


def answering(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    name: str,
    title: str,
    detail: str,
    unit: str = "",
) -> SimpleRule:
    """The scores of a rule that gives these answers, (N, K) like the targets."""
    names = [""] * np.shape(targets)[-1]
    scores = regression(predictions, targets, names, unit=unit)
    return SimpleRule(name=name, title=title, detail=detail, count=scores.count, scores=scores.all)


def mean_answer(train_targets: ArrayLike, targets: ArrayLike, *, unit: str = "") -> SimpleRule:
    """What always answering the mean of the training targets reaches.

    train_targets, targets  (M, K) and (N, K)
    """
    mean = np.asarray(train_targets, np.float64).mean(axis=0)
    return answering(
        np.broadcast_to(mean, np.shape(targets)),
        targets,
        name="mean",
        title="mean of the training values",
        detail="always answers the mean of the training values",
        unit=unit,
    )


Columns = list[NDArray[np.float64]]  # RMSE, MAE and R², NaN where there is none


def _scores(sums: NDArray[np.float64], count: int, varies: NDArray[np.bool_]) -> Columns:
    """(S, K) each, from (S, 4, K) sums of e², |e|, t - mean and (t - mean)²."""
    squares, absolute, shift, spread = (sums[:, column] for column in range(4))
    variance = spread - shift**2 / count
    # Of some draws all targets are the same, but for rounding.
    there = varies & (variance > 1e-12 * np.maximum(spread, np.finfo(np.float64).tiny))
    r2 = np.where(there, 1 - squares / np.where(there, variance, 1), np.nan)
    return [np.sqrt(squares / count), absolute / count, r2]


def _together(columns: Columns, varies: NDArray[np.bool_]) -> Columns:
    """(S,) each: of all quantities."""
    rmse, mae, r2 = columns
    explained = r2[:, varies].mean(axis=1) if varies.any() else np.full(len(r2), np.nan)
    return [np.sqrt((rmse**2).mean(axis=1)), mae.mean(axis=1), explained]


def _told(found: Columns, drawn: Columns | None) -> dict[str, Any]:
    """Fields of a row: its scores (one each), and their intervals from those of the draws."""
    fields: dict[str, Any] = {}
    for position, name in enumerate(("rmse", "mae", "r2")):
        value = float(found[position][0])
        fields[name] = None if np.isnan(value) else value
        fields[f"{name}_interval"] = percentiles(drawn[position]) if drawn else None
    return fields


def _check(answers: NDArray[np.float64], truth: NDArray[np.float64], names: Sequence[str]) -> None:
    if not len(truth):
        raise DataError("no examples to score", remedy="Choose a part that has some: --split.")
    if answers.shape != truth.shape or truth.shape[1:] != (len(names),):
        raise DataError(
            f"predictions {answers.shape}, targets {truth.shape} and {len(names)} names do not fit "
            "together"
        )
    if not np.isfinite(truth).all():
        row = int(np.argmin(np.isfinite(truth).all(axis=1)))
        raise DataError("a target is not a number", where=f"example {row}")
    if not np.isfinite(answers).all():
        raise DivergedError(
            "the model's answers are not numbers",
            where=f"example {int(np.argmin(np.isfinite(answers).all(axis=1)))}",
            remedy="Go back to an earlier checkpoint, or train again at a lower --lr.",
        )
