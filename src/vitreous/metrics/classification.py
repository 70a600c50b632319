"""The scores of answers that name one class an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vitreous.errors import DataError
from vitreous.metrics.answers import answers, check
from vitreous.metrics.calibration import calibration_error, chance_error, reliability
from vitreous.metrics.classification_scores import ClassificationScores
from vitreous.metrics.confusion import ConfusionCounts, per_class
from vitreous.metrics.interval import mean_of_proportions, wilson
from vitreous.metrics.trivial import Baseline


def classification(
    probabilities: ArrayLike,
    targets: ArrayLike,
    classes: Sequence[str],
    *,
    baselines: Sequence[Baseline] | None = None,
) -> ClassificationScores:
    """Scores of answers that name one class an image.

    probabilities  (N, L), each row summing to 1
    targets        (N,) class numbers

    Raises DataError if shapes, numbers or sums do not fit, DivergedError if a probability is not a
    number.
    """
    table, truth = np.asarray(probabilities), np.asarray(targets, np.int64)
    check(table, truth, classes, exclusive=True)
    if ((truth < 0) | (truth >= len(classes))).any():
        raise DataError(
            f"a target is no class number: {truth.min()} to {truth.max()} of {len(classes)}",
            remedy="Translate the data's classes with `align` and leave out unknown ones.",
        )
    found = answers(table, truth)
    correct = found.predicted == truth
    cells = ConfusionCounts.of(truth, found.predicted, len(classes))
    hits, support = cells.hits, cells.support
    rows = per_class(classes, hits, support, cells.answers)
    recalls = np.array([row.recall for row in rows if row.recall is not None])
    width = reliability(found.confidence, correct)
    mass = reliability(found.confidence, correct, equal="mass")
    return ClassificationScores(
        classes=tuple(classes),
        count=len(truth),
        accuracy=float(correct.mean()),
        interval=wilson(correct.sum().item(), len(truth)),
        loss=float(-np.log(found.true_probability).mean()),
        balanced_accuracy=float(recalls.mean()),
        balanced_interval=mean_of_proportions(hits, support),
        f1=float(np.mean([row.f1 for row in rows if row.f1 is not None])),
        top5=float((found.rank < 5).mean()) if len(classes) > 5 else None,
        ece=calibration_error(width),
        ece_mass=calibration_error(mass),
        ece_chance=chance_error(width),
        per_class=rows,
        cells=cells,
        reliability=width,
        reliability_mass=mass,
        baselines=tuple(baselines or ()),
    )
