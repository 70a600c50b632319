"""The scores of answers that give any number of labels an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.metrics.answers import check
from vitreous.metrics.average_precision import average_precision, mean_average_precision_interval
from vitreous.metrics.calibration import calibration_error, chance_error, reliability
from vitreous.metrics.classification_scores import ClassificationScores
from vitreous.metrics.confusion import ClassScores, per_class
from vitreous.metrics.interval import wilson
from vitreous.metrics.trivial import Baseline


def multilabel(
    probabilities: ArrayLike,
    targets: ArrayLike,
    classes: Sequence[str],
    thresholds: ArrayLike,
    *,
    baselines: Sequence[Baseline] | None = None,
) -> ClassificationScores:
    """Scores of answers that give any number of labels an image.

    probabilities  (N, L), each in [0, 1], independent of each other
    targets        (N, L) zeros and ones
    thresholds     (L,) a label is given from this probability on; see `choose_thresholds`

    Raises DataError if shapes or numbers do not fit, DivergedError if a probability is no number.
    """
    table, truth = np.asarray(probabilities, np.float64), np.asarray(targets) > 0
    check(table, truth, classes, exclusive=False)
    cuts = np.broadcast_to(np.asarray(thresholds, np.float64), (len(classes),))
    given = table >= cuts
    right = (given == truth).all(axis=1)
    hits, labels = (given & truth).sum(), truth.sum() + given.sum()
    rows = _rows(table, truth, given, classes, cuts)
    areas = [row.average_precision for row in rows if row.average_precision is not None]
    f1s = [row.f1 for row in rows if row.f1 is not None]
    tiny = np.finfo(np.float64).eps
    likelihood = np.where(truth, table, 1 - table).clip(tiny, 1)
    width = reliability(table.ravel(), truth.ravel())
    mass = reliability(table.ravel(), truth.ravel(), equal="mass")
    return ClassificationScores(
        classes=tuple(classes),
        count=len(truth),
        accuracy=float(right.mean()),
        interval=wilson(right.sum().item(), len(truth)),
        loss=float(-np.log(likelihood).mean()),
        f1=float(np.mean(f1s)) if f1s else 0.0,
        micro_f1=float(2 * hits / labels) if labels else None,
        map=float(np.mean(areas)) if areas else None,
        map_interval=mean_average_precision_interval(table, truth) if areas else None,
        ece=calibration_error(width),
        ece_mass=calibration_error(mass),
        ece_chance=chance_error(width),
        per_class=rows,
        reliability=width,
        reliability_mass=mass,
        baselines=tuple(baselines or ()),
    )


def _rows(
    table: NDArray[np.float64],
    truth: NDArray[np.bool_],
    given: NDArray[np.bool_],
    classes: Sequence[str],
    cuts: NDArray[Any],
) -> tuple[ClassScores, ...]:
    """One row a label, with its average precision and its threshold."""
    hits, support, answers = (labels.sum(axis=0) for labels in (given & truth, truth, given))
    return tuple(
        replace(
            row,
            average_precision=average_precision(table[:, k], truth[:, k]),
            threshold=float(cuts[k]),
        )
        for k, row in enumerate(per_class(classes, hits, support, answers))
    )
