"""Argmax, confidence and rank of the truth for each row of a table of probabilities, checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError, DivergedError

CHUNK = 1 << 17  # numbers looked at together: a MiB in float64, which a cache holds


@dataclass(frozen=True)
class Answers:
    """Argmax, confidence, probability and rank of the truth for each row of a table: (N,) each.

    predicted         the most probable class; of equals the first
    confidence        its probability
    true_probability  of the true class, at least float64's epsilon, so that a loss is finite
    rank              how many classes were preferred to the true one
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    true_probability: NDArray[np.float64]
    rank: NDArray[np.int64]


def answers(table: NDArray[Any], truth: NDArray[np.int64]) -> Answers:
    columns = []
    for rows in chunks(table):
        part = table[rows].astype(np.float64)
        wanted = truth[rows, None]
        true_probability = np.take_along_axis(part, wanted, axis=1)
        earlier = np.arange(part.shape[1]) < wanted
        rank = ((part > true_probability) | ((part == true_probability) & earlier)).sum(axis=1)
        columns.append((part.argmax(axis=1), part.max(axis=1), true_probability[:, 0], rank))
    predicted, confidence, true_probability, rank = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    return Answers(predicted, confidence, true_probability.clip(np.finfo(np.float64).eps, 1), rank)


def chunks(table: NDArray[Any]) -> Iterator[slice]:
    step = max(CHUNK // table.shape[1], 1)
    return (slice(start, start + step) for start in range(0, len(table), step))


def check(
    table: NDArray[Any], truth: NDArray[Any], classes: Sequence[str], *, exclusive: bool
) -> None:
    """Refuse what cannot be scored: DataError or DivergedError, with the first example.

    exclusive  the classes share one unit of probability
    """
    if not len(truth):
        raise DataError("no examples to score", remedy="Choose a part that has some: --split.")
    shape = () if exclusive else table.shape[1:]
    if table.shape != (len(truth), len(classes)) or truth.shape[1:] != shape:
        raise DataError(
            f"probabilities {table.shape}, targets {truth.shape} and {len(classes)} classes do not"
            " fit together"
        )
    for rows in chunks(table):
        part = table[rows]
        if not np.isfinite(part).all():
            raise DivergedError(
                "the model's probabilities are not numbers",
                where=f"example {rows.start + int(np.argmin(np.isfinite(part).all(axis=1)))}",
                remedy="Go back to an earlier checkpoint, or train again at a lower --lr.",
            )
        if part.min() < 0 or part.max() > 1 + 1e-6:
            raise DataError("probabilities must lie in [0, 1]; these look like logits")
        if exclusive and np.abs(part.sum(axis=1, dtype=np.float64) - 1).max() > 0.01:
            raise DataError("the probabilities of an example must sum to 1")
