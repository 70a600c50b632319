"""Pure functions from probabilities and truth to scores, with how far they can be trusted."""

from vitreous.evaluate.align import Alignment, align
from vitreous.evaluate.baselines import Baseline, majority, nearest_neighbor
from vitreous.evaluate.calibration import fit_temperature, temper
from vitreous.evaluate.confusion import ClassScores, Confusion, top_confusions
from vitreous.evaluate.interval import Paired, Spread, paired, spread, wilson
from vitreous.evaluate.mistakes import Case, LabelCase, hardest, sample, worst, worst_labels
from vitreous.evaluate.overfit import Overfit
from vitreous.evaluate.precision import choose_thresholds
from vitreous.evaluate.scores import Scores, classification, multilabel

__all__ = [
    "Alignment",
    "Baseline",
    "Case",
    "ClassScores",
    "Confusion",
    "LabelCase",
    "Overfit",
    "Paired",
    "Scores",
    "Spread",
    "align",
    "choose_thresholds",
    "classification",
    "fit_temperature",
    "hardest",
    "majority",
    "multilabel",
    "nearest_neighbor",
    "paired",
    "sample",
    "spread",
    "temper",
    "top_confusions",
    "wilson",
    "worst",
    "worst_labels",
]
