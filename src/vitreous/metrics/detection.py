"""The scores of detection: are the things of an image found, named, and counted?

The mean average precision at an IoU of 0.5, COCO's stricter mean over IoUs up to 0.95, and how far
off the number of things is that are sure enough to be told. Lin et al. (2014), "Microsoft COCO",
arXiv:1405.0312; Everingham et al. (2010), "The Pascal visual object classes challenge".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError
from vitreous.metrics.box_matching import AREAS, Detections, Matches, Things, matched
from vitreous.metrics.interval import Interval, percentiles, resampled_sums
from vitreous.metrics.precision_recall import intervals, mean_of, precisions, recalls
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule

FEW = 10  # fewer things of a class do not settle a threshold of its own
USUAL = 0.3  # the score from which a box is told, where nothing was there to choose it by
STRICT = 5  # the place of an IoU of 0.75 among the thresholds
PLACES = 4  # decimals of a curve


@dataclass(frozen=True, kw_only=True)
class DetectedClass:
    """How well the things of one class are found; without any, it has no scores.

    count         things that count
    ap50, ap75    average precision at an IoU of 0.5 and of 0.75, ap the mean from 0.5 to 0.95
    recall        share of the things that some answer finds at 0.5, however unsure
    count_error   mean of how far the number of told things is off, an image
    mean_count    things an image
    curve         precision at the 101 recalls from 0 to 1, at an IoU of 0.5
    """

    name: str
    count: int
    ap50: float | None = None
    ap75: float | None = None
    ap: float | None = None
    recall: float | None = None
    count_error: float | None = None
    mean_count: float | None = None
    curve: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DetectionScores:
    """All fractions are in [0, 1]; intervals of 95 %. None is what nothing is known of.

    count            number of images
    things           boxes in them that count
    loss             mean loss of an image
    map50            mean over the classes of the average precision at an IoU of 0.5
    ap               the same as the mean of the IoUs 0.5, 0.55, ..., 0.95; ap75 at 0.75
    ap_small, ...    of things by their size in the network's window: up to 32², to 96², beyond
    ar1, ar10, ar100  mean recall of the surest 1, 10 and 100 answers of a class in an image
    count_error      how far the number of told things is off, mean over images and classes
    per_class        one row a class
    baselines        what simple rules reach on the same images
    """

    count: int
    things: int
    loss: float
    map50: float | None
    map50_interval: Interval | None
    ap: float | None
    ap_interval: Interval | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    count_error: float
    count_error_interval: Interval | None
    per_class: tuple[DetectedClass, ...] = ()
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        """A part without any box is judged by its count."""
        told = (
            ("map50", "mean AP at 0.5", "precision over all recalls, mean of the classes"),
            ("ap", "AP (0.5 to 0.95)", "the same for boxes that fit ever more closely, as COCO"),
            ("ap75", "AP at 0.75", "boxes that fit closely"),
            ("ar100", "average recall", "of the surest 100 answers"),
        )
        shares = [
            Score(
                name=name,
                title=title,
                value=getattr(self, name),
                bounds=getattr(self, f"{name}_interval", None),
                detail=detail,
            )
            for name, title, detail in told
            if getattr(self, name) is not None
        ]
        off = Score(
            name="count_error",
            title="count error",
            value=self.count_error,
            bounds=self.count_error_interval,
            better="lower",
            unit="",
            detail="how far the number of things of a class is off, mean of the images",
        )
        return (*shares, off)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> DetectionScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in known:
            if key.endswith("_interval"):
                known[key] = known[key] and tuple(known[key])
        known["per_class"] = tuple(
            DetectedClass(**row | {"curve": tuple(row["curve"])})
            for row in known.get("per_class", ())
        )
        known["baselines"] = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known)


def detection(
    found: Sequence[Detections],
    truth: Sequence[Things],
    classes: Sequence[str],
    thresholds: Sequence[float],
    *,
    loss: float,
    baselines: Sequence[SimpleRule] = (),
) -> DetectionScores:
    """The scores of boxes found in images.

    found, truth  of each image, in the same pixels
    classes       the name of each class
    thresholds    the score of each class from which a thing is told, for counting

    Raises DataError if there is no image.
    """
    if not len(found):
        raise DataError("no image to score", remedy="Choose another part: --split.")
    rows = [matched(found, truth, number) for number in range(len(classes))]
    tables = [precisions(row) for row in rows]
    half, whole = intervals(rows)
    off = np.stack([_off(row, least) for row, least in zip(rows, thresholds, strict=True)])
    sizes = {area: mean_of([precisions(row, area) for row in rows]) for area in [*AREAS][1:]}
    reached = {most: mean_of([recalls(row.first(most)) for row in rows]) for most in (1, 10, 100)}
    return DetectionScores(
        count=len(found),
        things=int(sum(row.things[0].sum() for row in rows)),
        loss=loss,
        map50=mean_of([None if table is None else table[0] for table in tables]),
        map50_interval=half,
        ap=mean_of(tables),
        ap_interval=whole,
        ap75=mean_of([None if table is None else table[STRICT] for table in tables]),
        **{f"ap_{area}": value for area, value in sizes.items()},
        **{f"ar{most}": value for most, value in reached.items()},
        count_error=float(off.mean()),
        count_error_interval=percentiles(resampled_sums(off.mean(0)[:, None])[:, 0] / len(found)),
        per_class=tuple(
            _row(name, row, table, each)
            for name, row, table, each in zip(classes, rows, tables, off, strict=True)
        ),
        baselines=tuple(baselines),
    )


def _row(
    name: str, row: Matches, table: NDArray[np.float64] | None, off: NDArray[np.float64]
) -> DetectedClass:
    count = int(row.things[0].sum())
    share = recalls(row)
    if table is None or share is None:
        return DetectedClass(name=name, count=0)
    return DetectedClass(
        name=name,
        count=count,
        ap50=float(table[0].mean()),
        ap75=float(table[STRICT].mean()),
        ap=float(table.mean()),
        recall=float(share[0]),
        count_error=float(off.mean()),
        mean_count=count / row.things.shape[1],
        curve=tuple(table[0].round(PLACES).tolist()),
    )


def _off(row: Matches, least: float) -> NDArray[np.float64]:
    """(N,) how far the number of answers of at least this score is off in each image. What lies in
    an ignored region is not counted.
    """
    images = row.things.shape[1]
    told = (row.scores >= least) & ~row.ignored[0, 0]
    given = np.bincount(row.images[told], minlength=images)
    return np.asarray(np.abs(given - row.things[0]), np.float64)


def choose_scores(
    found: Sequence[Detections], truth: Sequence[Things], kinds: int
) -> tuple[float, ...]:
    """For each class, the score from which telling its boxes makes the best F1 at an IoU of 0.5.

    A class with few things takes the one that is best for all together: its own would be fitted to
    noise.

    found, truth  of each image of the validation part
    """
    rows = [matched(found, truth, number) for number in range(kinds)]
    scores, right = (
        np.concatenate([each[~row.ignored[0, 0]] for each, row in zip(parts, rows, strict=True)])
        for parts in ([row.scores for row in rows], [row.right[0, 0] for row in rows])
    )
    shared = _best(scores, right, sum(int(row.things[0].sum()) for row in rows))
    chosen = []
    for row in rows:
        counted, things = ~row.ignored[0, 0], int(row.things[0].sum())
        own = things >= FEW
        best = _best(row.scores[counted], row.right[0, 0][counted], things) if own else shared
        chosen.append(best)
    return tuple(chosen)


def _best(scores: NDArray[np.float64], right: NDArray[np.bool_], things: int) -> float:
    if not right.any():
        return USUAL
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    f1 = 2 * np.cumsum(right[order])[ends] / (ends + 1 + things)
    best = int(np.argmax(f1))
    following = ranked[ends[best] + 1] if best + 1 < len(ends) else 0.0
    return float((ranked[ends[best]] + following) / 2)  # halfway: the widest margin
