"""Out-of-distribution detection of a run: the threshold chosen on its validation part, and how well
it tells other data from its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.batches.pack import Rows, pack
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.collection import collection
from vitreous.errors import DataError, unknown
from vitreous.fields import Between, checked
from vitreous.formats import percent
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.predictor import Predictor
from vitreous.inference.rejection import (
    KEPT,
    SHARE,
    STRANGENESS,
    Rejection,
    features,
)
from vitreous.metrics.auroc import auroc, auroc_interval
from vitreous.metrics.interval import Interval
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.robust_subject import Subject, open_subject
from vitreous.runs.run_images import spread
from vitreous.tasks.task import Ids

COMPARED = 1000  # images of other data
Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Against:
    """How well a score tells other data from the own.

    auroc    chance that one of the others is the stranger one; interval of 95 %
    refused  share of the others that the threshold refuses; of how many images
    """

    data: str
    score: str
    auroc: float
    interval: Interval
    refused: float
    images: int


@dataclass(frozen=True, kw_only=True)
class RejectionChoice:
    """A threshold, and what it is worth.

    rejection  that is kept in the model file
    own        share of the own test images that it refuses, where there are any, of how many
    against    other data, by each score
    """

    rejection: Rejection
    own: float | None
    images: int
    against: tuple[Against, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            **self.rejection.to_json(),
            "own": self.own,
            "images": self.images,
            "against": [asdict(one) for one in self.against],
            "notes": [*self.rejection.notes],
        }

    def __str__(self) -> str:
        rule = self.rejection
        lines = [
            f"{'rejection':<12}{rule.score} above {rule.threshold:.4g}: refuses "
            f"{percent(rule.share)} of {rule.examples:,} validation images"
        ]
        if self.own is not None:
            lines.append(f"{'own':<12}{percent(self.own)} of {self.images:,} test images refused")
        lines += [
            f"{one.data:<12}{one.score}: AUROC {one.auroc:.3f} ({one.interval[0]:.3f} to "
            f"{one.interval[1]:.3f}), {percent(one.refused)} of {one.images:,} images refused"
            for one in self.against
        ]
        return "\n".join([*lines, *(f"{'note':<12}{note}" for note in rule.notes)])


def choose_rejection(
    model: str | Path,
    data: object = None,
    *,
    score: str = "energy",
    share: float = SHARE,
    against: Sequence[object] = (),
    keep: bool = True,
    progress: Progress | bool | None = None,
) -> RejectionChoice:
    """Choose when a run's model refuses an image, and write it into the model file.

    model    a run folder
    data     whatever `vt.open` takes; None is what the run was trained on
    score    a key of `vitreous.inference.rejection.STRANGENESS`
    share    of the validation images that may be refused
    against  other data, to see how well they are told from the own: whatever `vt.open` takes, a
             folder of images in any order, "noise" or "inverted"
    keep     write it; else it is only measured

    Raises UsageError for a score that the network does not give, DataError where there is no
    validation part.
    """
    if score not in STRANGENESS:
        raise unknown("score", score, STRANGENESS, where="--reject")
    checked("share", share, Annotated[float, Between(0.001, 0.5)], "--refused")
    with following(progress) as shown:
        bundle = load(model)
        subject = open_subject(model, data, "validation", shown, 10_000, bundle)
        subject = replace(subject, bundle=bundle)  # with the engine by which it will answer
        training = subject.parts.indices(Part.TRAIN) if subject.parts else subject.other
        bank = bank_of(subject.bundle, subject.rows, spread(training, KEPT))
        names = STRANGENESS if against else (score,)
        rules = {
            name: rule_of(name, subject.bundle, subject.rows, subject.ids, share, bank)
            for name in names
        }
        chosen = rules[score]
        test = subject.parts.indices(Part.TEST) if subject.parts else np.empty(0, np.int64)
        own = strange(chosen, subject.bundle, subject.rows, test) if len(test) else None
        found = tuple(one for other in against for one in compared(subject, other, rules, shown))
        if keep:
            save(replace(subject.bundle, rejection=chosen), model)
    return RejectionChoice(
        rejection=chosen,
        own=None if own is None else float((own > chosen.threshold).mean()),
        images=len(test),
        against=found,
    )


def rule_of(
    score: str, predictor: Predictor, rows: Rows, ids: Ids, share: float, bank: Tensor | None
) -> Rejection:
    """The rule by a score, chosen on these rows."""
    bank = bank if score == "neighbors" else None
    open_ = Rejection(score, 0.0, share, 1, bank)
    return Rejection.chosen(score, strange(open_, predictor, rows, ids), share, bank)


def bank_of(predictor: Predictor, rows: Rows, ids: Ids) -> Tensor:
    """(M, K) float16 features of these rows. Raises ModelError where there is no one vector."""
    parts = [
        features(predictor, predictor.contract.images(rows[chunk])).half().cpu()
        for chunk in _chunks(ids, predictor.together)
    ]
    return torch.cat(parts)


def strange(rule: Rejection, predictor: Predictor, rows: Rows, ids: Ids) -> Scores:
    """(N,) the score of each of these rows."""
    parts = []
    for chunk in _chunks(ids, predictor.together):
        images = predictor.contract.images(rows[chunk])
        found = rule.strangeness(predictor, images, predictor.answers(images))
        parts.append(found.double().cpu().numpy())
    return np.concatenate(parts)


def _chunks(ids: Ids, size: int) -> Iterator[Ids]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]


def noise(rows: Rows) -> NDArray[np.uint8]:
    """Bytes that mean nothing."""
    return np.random.default_rng(0).integers(0, 256, rows.shape, dtype=np.uint8)


def inverted(rows: Rows) -> NDArray[np.uint8]:
    """The own images with black for white."""
    return 255 - np.asarray(rows)


MADE: dict[str, Callable[[Rows], NDArray[np.uint8]]] = {"noise": noise, "inverted": inverted}
"""Strange images that are made of the own ones."""


def compared(
    subject: Subject, other: object, rules: dict[str, Rejection], progress: Progress
) -> Iterator[Against]:
    """Each score on other data."""
    name, rows, ids = others(subject, other, progress)
    for score, rule in rules.items():
        own = strange(rule, subject.bundle, subject.rows, subject.ids)
        found = strange(rule, subject.bundle, rows, ids)
        area = auroc(own, found)
        yield Against(
            data=name,
            score=score,
            auroc=area,
            interval=auroc_interval(area, len(own), len(found)),
            refused=float((found > rule.threshold).mean()),
            images=len(found),
        )


def others(subject: Subject, other: object, progress: Progress) -> tuple[str, Rows, Ids]:
    """Name, rows and row numbers of other data."""
    if isinstance(other, str) and other in MADE:
        rows = MADE[other](subject.rows[subject.ids])
        return other, rows, np.arange(len(rows))
    dataset: Dataset = copy(collection(other))
    dataset.__dict__.pop("fingerprint", None)
    dataset.targets = {}  # whatever they are: only the images are looked at
    packed = pack(dataset, subject.bundle.contract, progress=progress.task("reading others"))
    ids = spread(np.flatnonzero(packed.good), COMPARED)
    if not len(ids):
        raise DataError("no image of it can be read", where=dataset.name)
    return dataset.name, packed.rows, ids


def save(bundle: Bundle, model: str | Path) -> None:
    """Write the model file of a run anew, with another rule."""
    path = Path(model)
    bundle.save(RunFolder(path).trained if path.is_dir() else path)
