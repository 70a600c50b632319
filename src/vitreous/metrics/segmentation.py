"""The scores of segmentation: how well regions are covered, class by class.

    IoU = |A ∩ B| / |A ∪ B|,   Dice = 2 |A ∩ B| / (|A| + |B|)

A are the pixels of a class in all images together, B those that were called so; small objects count
little within their class, and each class counts alike in the mean. A class without a pixel in the
truth has no scores: neither 0 nor NaN, so it can enter no mean. What was called so wrongly is
missing from the other classes. Images, not pixels, are drawn for the intervals: the pixels of an
image are alike. Everingham et al. (2010), "The Pascal visual object classes challenge", section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError
from vitreous.metrics.boundary import boundary_f1
from vitreous.metrics.interval import Interval, percentiles, resampled_sums
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule


@dataclass(frozen=True, kw_only=True)
class RegionScores:
    """How well the pixels of one class are found. None stands for what is undefined.

    pixels     that are of the class; without any it has no scores
    iou        intersection over union; interval: its 95 % interval
    dice       likewise over the mean of both: the F1 of pixels
    precision  share of the pixels called so that are; None if none was
    recall     share of the pixels of the class that were called so
    """

    name: str
    pixels: int
    iou: float | None = None
    interval: Interval | None = None
    dice: float | None = None
    precision: float | None = None
    recall: float | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentationScores:
    """All fractions are in [0, 1]; an interval is None where images tell none.

    classes    names, in the model's order
    count      number of images; pixels: of those with a class in them
    loss       mean loss of an image
    mean_iou   mean of the IoU of the classes present; mean_dice likewise
    accuracy   share of right pixels
    boundary_f1  mean over the images of how well their outlines lie; None where there are none
    foreground_rand  mean over the images of the Rand score, where there are two classes; else None
    per_class  one row a class, in the order of `classes`
    confusion  (L, L) pixels, truth by prediction
    baselines  what simple rules reach on the same images
    """

    classes: tuple[str, ...]
    count: int
    pixels: int
    loss: float
    mean_iou: float
    mean_iou_interval: Interval | None
    mean_dice: float
    mean_dice_interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None
    per_class: tuple[RegionScores, ...]
    confusion: NDArray[np.int64]
    baselines: tuple[SimpleRule, ...] = ()
    boundary_f1: float | None = None
    boundary_f1_interval: Interval | None = None
    foreground_rand: float | None = None
    foreground_rand_interval: Interval | None = None

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        return (
            _mean_iou(self.mean_iou, self.mean_iou_interval),
            Score(
                name="mean_dice",
                title="mean Dice",
                value=self.mean_dice,
                bounds=self.mean_dice_interval,
                detail="overlap over the mean size of both, mean of the classes",
            ),
            _accuracy(self.accuracy, self.accuracy_interval),
            *self._of_images(),
        )

    def _of_images(self) -> Iterator[Score]:
        """Scores that are means over the images."""
        if self.boundary_f1 is not None:
            yield Score(
                name="boundary_f1",
                title="boundary F1",
                value=self.boundary_f1,
                bounds=self.boundary_f1_interval,
                detail="outlines within 0.75 % of the diagonal, mean of images and their classes",
            )
        if self.foreground_rand is not None:
            yield Score(
                name="foreground_rand",
                title="foreground Rand",
                value=self.foreground_rand,
                bounds=self.foreground_rand_interval,
                detail=f"pairs of pixels of {self.classes[1]}: in one region or not, as in truth",
            )

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        state = asdict(self) | {"headline": self.headline.name}
        rows = [{"class": row.name, **asdict(row)} for row in self.per_class]
        for row in rows:
            del row["name"]
        return state | {"per_class": rows, "confusion": self.confusion.tolist()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> SegmentationScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in known:
            if key == "classes" or key.endswith("_interval"):
                known[key] = known[key] and tuple(known[key])
        known["per_class"] = tuple(_row_from_json(dict(row)) for row in known["per_class"])
        known["confusion"] = np.array(known["confusion"], np.int64)
        known["baselines"] = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known)


def segmentation(
    confusion: PixelConfusion,
    classes: Sequence[str],
    *,
    loss: float,
    baselines: Sequence[SimpleRule] = (),
    outlines: Sequence[NDArray[np.int32]] = (),
    rands: Sequence[float] = (),
) -> SegmentationScores:
    """The scores of all images that were counted.

    loss      mean loss of an image, as the caller has summed it up
    outlines  (4, L) of each image, see `metrics.boundary`
    rands     the Rand score of each image, NaN where it has none

    Raises DataError if there is no image, or no pixel with a class.
    """
    matrix, pixels = confusion.matrix, int(confusion.matrix.sum())
    if not pixels:
        what = "no pixel of them has a class" if len(confusion) else "no images to score"
        raise DataError(what, remedy="Choose a part that has some: --split.")
    present = matrix.sum(axis=1) > 0
    iou, dice, accuracy = _overlaps(confusion.counts.sum(axis=0))
    ious, dices, accuracies = _overlaps(_drawn(confusion.counts))
    boundary, boundary_bounds = _image_mean(boundary_f1(np.stack(outlines)) if outlines else [])
    rand, rand_bounds = _image_mean(rands)
    rows = (
        _row(name, matrix, k, iou[k], dice[k], percentiles(ious[:, k]))
        if present[k]
        else RegionScores(name=name, pixels=0)
        for k, name in enumerate(classes)
    )
    return SegmentationScores(
        classes=tuple(classes),
        count=len(confusion),
        pixels=pixels,
        loss=loss,
        mean_iou=float(_mean(iou)),
        mean_iou_interval=percentiles(_mean(ious)),
        mean_dice=float(_mean(dice)),
        mean_dice_interval=percentiles(_mean(dices)),
        accuracy=float(accuracy),
        accuracy_interval=percentiles(accuracies),
        per_class=tuple(rows),
        confusion=matrix.copy(),
        baselines=tuple(baselines),
        boundary_f1=boundary,
        boundary_f1_interval=boundary_bounds,
        foreground_rand=rand,
        foreground_rand_interval=rand_bounds,
    )


def _image_mean(values: ArrayLike) -> tuple[float | None, Interval | None]:
    """The mean over the images that have a value, and its interval; None where none has."""
    given = np.asarray(values, np.float64)
    defined = np.isfinite(given)
    if not defined.any():
        return None, None
    sums = resampled_sums(np.stack([np.where(defined, given, 0), defined], axis=1))
    means = sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
    return float(given[defined].mean()), percentiles(means)


def image_iou(confusion: PixelConfusion) -> NDArray[np.float64]:
    """(N,) the mean IoU of the classes in each image; NaN for an image without any.

    What is called so in an image without the class is missing from another one.
    """
    return _mean(_overlaps(confusion.counts)[0])


def one_class(confusion: PixelConfusion, classes: Sequence[str], answer: int) -> SimpleRule:
    """What calling every pixel the same class reaches on the images that were counted.

    answer  its number; that of the most frequent class in the training masks is the best choice
    """
    counts = confusion.counts
    pixels = counts[:, 1]
    called, shared = np.zeros_like(pixels), np.zeros_like(pixels)
    called[:, answer] = pixels.sum(axis=1)
    shared[:, answer] = pixels[:, answer]
    counts = np.stack([shared, pixels, called], axis=1)
    iou, _, accuracy = _overlaps(counts.sum(axis=0))
    ious, _, accuracies = _overlaps(_drawn(counts))
    return SimpleRule(
        name="majority",
        title="most frequent class",
        detail=f"calls every pixel {classes[answer]}",
        count=len(confusion),
        scores=(
            _mean_iou(float(_mean(iou)), percentiles(_mean(ious))),
            _accuracy(float(accuracy), percentiles(accuracies)),
        ),
    )


def _drawn(counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """(S, 3, L) sums of the counts (N, 3, L) over images drawn with replacement."""
    return resampled_sums(counts.reshape(len(counts), -1)).reshape(-1, *counts.shape[1:])


def _overlaps(counts: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
    """(..., L) IoU, (..., L) Dice and (...) accuracy, from sums over images (..., 3, L); NaN for a
    class without pixels.
    """
    shared, pixels, called = (counts[..., k, :].astype(np.float64) for k in range(3))
    there = np.where(pixels > 0, pixels, np.nan)
    everything = pixels.sum(axis=-1)
    accuracy = shared.sum(axis=-1) / np.where(everything > 0, everything, np.nan)
    return shared / (there + called - shared), 2 * shared / (there + called), accuracy


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...) the mean over the classes (..., L) that have a value; NaN if none has."""
    defined = np.isfinite(values)
    number = defined.sum(axis=-1)
    total: NDArray[np.float64] = np.where(defined, values, 0).sum(axis=-1)
    return total / np.where(number > 0, number, np.nan)


def _row(
    name: str, matrix: NDArray[np.int64], k: int, iou: float, dice: float, interval: Interval | None
) -> RegionScores:
    found, pixels, called = (int(n) for n in (matrix[k, k], matrix[k].sum(), matrix[:, k].sum()))
    return RegionScores(
        name=name,
        pixels=pixels,
        iou=float(iou),
        interval=interval,
        dice=float(dice),
        precision=found / called if called else None,
        recall=found / pixels,
    )


def _row_from_json(state: dict[str, Any]) -> RegionScores:
    interval = state.pop("interval")
    return RegionScores(
        name=state.pop("class"), interval=None if interval is None else tuple(interval), **state
    )


def _mean_iou(value: float, bounds: Interval | None = None) -> Score:
    return Score(
        name="mean_iou",
        title="mean IoU",
        value=value,
        bounds=bounds,
        detail="intersection over union, mean of the classes",
    )


def _accuracy(value: float, bounds: Interval | None = None) -> Score:
    return Score(
        name="pixel_accuracy",
        title="pixel accuracy",
        value=value,
        bounds=bounds,
        detail="share of right pixels",
    )
