"""The scores of localization: is the one thing in an image named, and is its box where it lies?

A box is right from an IoU of 0.5 on. Localization accuracy asks for class and box; CorLoc for the
box alone. Russakovsky et al. (2015), "ImageNet large scale visual recognition challenge", section
4.2; Deselaers et al. (2012), "Weakly supervised localization and learning with generic knowledge".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError
from vitreous.metrics.interval import Interval, percentiles, resampled_sums, wilson
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

RIGHT = 0.5  # IoU from which on a box is right


@dataclass(frozen=True, kw_only=True)
class PlacedClass:
    """How well the things of one class are found; without any it has no scores."""

    name: str
    count: int
    accuracy: float | None = None
    interval: Interval | None = None
    corloc: float | None = None
    mean_iou: float | None = None


@dataclass(frozen=True, kw_only=True)
class LocalizationScores:
    """All fractions are in [0, 1]; intervals of 95 %.

    count           number of images with a box
    loss            mean loss of an image
    accuracy        share of images whose class and box are right
    corloc          share of images whose box is right
    mean_iou        mean IoU of the boxes
    class_accuracy  share of images whose class is right; None where all boxes are of one kind
    per_class       one row a class
    baselines       what simple rules reach on the same images
    """

    count: int
    loss: float
    accuracy: float
    accuracy_interval: Interval
    corloc: float
    corloc_interval: Interval
    mean_iou: float
    mean_iou_interval: Interval | None
    class_accuracy: float | None
    class_accuracy_interval: Interval | None
    per_class: tuple[PlacedClass, ...] = ()
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        told = (
            ("accuracy", "localization accuracy", f"class right, and IoU at least {RIGHT}"),
            ("mean_iou", "mean IoU", "overlap of answer and truth, mean of the images"),
            ("corloc", "CorLoc", f"IoU at least {RIGHT}, whatever the class"),
            ("class_accuracy", "class accuracy", "class right, wherever the box is"),
        )
        return tuple(
            Score(
                name=name,
                title=title,
                value=getattr(self, name),
                bounds=getattr(self, f"{name}_interval"),
                detail=detail,
            )
            for name, title, detail in told
            if getattr(self, name) is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> LocalizationScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in known:
            if key.endswith("_interval"):
                known[key] = known[key] and tuple(known[key])
        rows = known.get("per_class", ())
        known["per_class"] = tuple(
            PlacedClass(**row | {"interval": row["interval"] and tuple(row["interval"])})
            for row in rows
        )
        known["baselines"] = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known)


def localization(
    overlaps: ArrayLike,
    answers: ArrayLike,
    truth: ArrayLike,
    classes: Sequence[str] = (),
    *,
    loss: float,
    baselines: Sequence[SimpleRule] = (),
) -> LocalizationScores:
    """The scores of one box an image.

    overlaps        (N,) IoU of answer and truth
    answers, truth  (N,) class numbers; all 0 where there are no classes

    Raises DataError if there is no image.
    """
    iou, given, true = np.asarray(overlaps), np.asarray(answers), np.asarray(truth)
    if not len(iou):
        raise DataError("no image with a box to score", remedy="Choose another part: --split.")
    placed, named = iou >= RIGHT, given == true
    shares: dict[str, Any] = {}
    for name, right in (
        ("accuracy", placed & named),
        ("corloc", placed),
        ("class_accuracy", named),
    ):
        known = bool(classes) or name != "class_accuracy"
        shares[name] = float(right.mean()) if known else None
        shares[f"{name}_interval"] = wilson(int(right.sum()), len(iou)) if known else None
    return LocalizationScores(
        count=len(iou),
        loss=loss,
        mean_iou=float(iou.mean()),
        mean_iou_interval=percentiles(resampled_sums(iou[:, None])[:, 0] / len(iou)),
        **shares,
        per_class=tuple(
            _row(name, iou[true == k], (placed & named)[true == k])
            for k, name in enumerate(classes)
        ),
        baselines=tuple(baselines),
    )


def _row(name: str, iou: NDArray[Any], right: NDArray[np.bool_]) -> PlacedClass:
    if not len(iou):
        return PlacedClass(name=name, count=0)
    return PlacedClass(
        name=name,
        count=len(iou),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(iou)),
        corloc=float((iou >= RIGHT).mean()),
        mean_iou=float(iou.mean()),
    )
