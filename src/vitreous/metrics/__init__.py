"""Pure functions from probabilities and truth to scores, with how far they can be trusted."""

from vitreous.metrics.align import Alignment, align
from vitreous.metrics.average_precision import choose_thresholds
from vitreous.metrics.calibration import fit_temperature, temper
from vitreous.metrics.classification import classification
from vitreous.metrics.classification_scores import ClassificationScores
from vitreous.metrics.confusion import ClassScores, Confusion, top_confusions
from vitreous.metrics.interval import Paired, Spread, paired, spread, wilson
from vitreous.metrics.mistakes import Case, LabelCase, worst, worst_labels
from vitreous.metrics.multilabel import multilabel
from vitreous.metrics.overfit import Overfit
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.regression import RegressionScores, regression
from vitreous.metrics.score import Score
from vitreous.metrics.segmentation import SegmentationScores, segmentation
from vitreous.metrics.simple_rule import SimpleRule
from vitreous.metrics.trivial import Baseline, majority, nearest_neighbors

__all__ = [
    "Alignment",
    "Baseline",
    "Case",
    "ClassScores",
    "ClassificationScores",
    "Confusion",
    "LabelCase",
    "Overfit",
    "Paired",
    "PixelConfusion",
    "RegressionScores",
    "Score",
    "SegmentationScores",
    "SimpleRule",
    "Spread",
    "align",
    "choose_thresholds",
    "classification",
    "fit_temperature",
    "majority",
    "multilabel",
    "nearest_neighbors",
    "paired",
    "regression",
    "segmentation",
    "spread",
    "temper",
    "top_confusions",
    "wilson",
    "worst",
    "worst_labels",
]
