"""Object detection: what things does an image show, and in which boxes, however many there are?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from vitreous.backprop.layers import CentersAndBoxes, Loss
from vitreous.data.batches.pack import Rows
from vitreous.data.boxes import Boxes
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ModelFileError
from vitreous.fields import misfit
from vitreous.formats import counted
from vitreous.losses import center_focal, center_hard
from vitreous.metrics.align import UNKNOWN, align
from vitreous.metrics.box_matching import Detections, judged
from vitreous.metrics.detection import USUAL, DetectionScores, choose_scores, detection
from vitreous.metrics.score import Rule
from vitreous.models.network import Output
from vitreous.tasks import thing_sections
from vitreous.tasks.aim import Aim
from vitreous.tasks.grid_coding import (
    CELL,
    EDGES,
    LARGEST,
    PRIOR,
    UNIT,
    box_loss,
    coded,
    found,
    logits,
    thing_aim,
    told_at,
)
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.pixel_aim import place_aim
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, back_in_image, place_of
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Note, Section
from vitreous.tasks.task import Aligned, Columns, Ids, Task
from vitreous.tasks.thing_answer import PlacedThings
from vitreous.tasks.thing_meter import ThingMeter, mean_boxes, things

LOOKS = 8_000  # at images
CLOSE = 5.0  # what the fit of boxes counts beside their centers: "Training-time-friendly network"


@dataclass(frozen=True, kw_only=True, eq=False)
class Detect(Task):
    """A logit for each class at each place of a map, and four numbers for a box.

    The places are 4 pixels apart, at the end of a pyramid of maps that a network of the U-Net's
    kind has: it knows large things and small ones. Anchors, boxes to begin with, are not needed.

        loss = C + 5 R

    C is the focal loss of the maps of centers, R the mean of 1 - GIoU of the boxes that the places
    near their centers tell. Images without any box are examples too: all of it is ground. Boxes
    that are to be ignored count neither in the loss nor in a score. Zhou, Wang and Krähenbühl
    (2019), "Objects as points", arXiv:1904.07850; the places that tell of a box are those of Liu et
    al. (2020), "Training-time-friendly network", arXiv:1909.00700.

    thresholds  (L,) the score from which a thing of a class is told; chosen on validation images
    size        height and width of the network's window, in training
    """

    name = "detect"
    hub_tag = "object-detection"
    requirement = "each image has boxes, any number"
    needs: ClassVar = {"box": Boxes}
    answers = "map"
    longest = 384
    SCORES = DetectionScores
    image_score = ImageScore("f1", "mean F1 of an image")
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "focal": center_focal,
        "hard": center_hard,
    }

    thresholds: tuple[float, ...] = ()
    size: tuple[int, int] = (1, 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the maps: those of the classes, or one."""
        return self.classes or (thing_sections.THING,)

    @property
    def kinds(self) -> int:
        return len(self.names)

    @classmethod
    def check_settings(cls, criterion: str, smoothing: float, balance: str = "none") -> None:
        super().check_settings(criterion, 0.0)
        if smoothing:
            raise cls.useless("--label-smoothing", "each class is asked of each place by itself")
        if balance != "none":
            raise cls.useless(f"--balance {balance}", "an image has things of several classes")

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return (
            f"at each place of a map, sigmoid over {counted(max(1, len(outputs)), 'class')} with "
            "the focal loss, because nearly all places are ground, and the edges of a box with "
            "GIoU, because its overlap is what counts"
        )

    @classmethod
    def describe(cls, targets: Columns) -> str:
        column = boxes(targets)
        several, none = int((column.sizes > 1).sum()), int((column.sizes == 0).sum())
        if not several and not none:
            return cls.requirement
        return (
            f"{counted(several, 'image')} of {len(column):,} have several boxes, and {none:,} none"
        )

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {examples:,} images"
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, looks),
            "batch_size": (8, "an image is as many examples as it has places"),
        }

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        if boxes(targets).empty:
            raise DataError(
                f"none of the training images has a box; {found}",
                where=where,
                remedy="Add boxes, or images that show what is to be found.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        classes = boxes(targets).classes
        usual = (USUAL,) * max(1, len(classes))
        return cls(classes=classes, criterion=criterion, smoothing=smoothing, thresholds=usual)

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        return replace(self, size=(height, width))

    def output(self) -> Output:
        return Output("map", self.kinds + EDGES, CELL)

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        truth = coded(targets["box"], self.kinds, (outputs.shape[2], outputs.shape[3]))
        middles = self.LOSSES[self.criterion](logits(outputs), truth.heat, reduction="none")
        return middles + CLOSE * box_loss(outputs[:, -EDGES:], truth)

    def manual_loss(self) -> Loss:
        if self.criterion != "focal":
            return super().manual_loss()
        return CentersAndBoxes(cell=CELL, prior=PRIOR, unit=UNIT, largest=LARGEST, close=CLOSE)

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """(B, L + 5, h, w): see `CentersAndBoxes`."""
        _, _, height, width = self.output().shape(1, *self.size)
        truth = coded(targets["box"], self.kinds, (height, width))
        boxes = truth.boxes.movedim(3, 1)
        return torch.cat([truth.heat, truth.share[:, None], boxes], 1)

    def meter(self) -> ThingMeter:
        # The first loss whatever was trained on: a model file does not know of its criterion.
        return ThingMeter(replace(self, criterion=next(iter(self.LOSSES))).loss)

    def scores(self, meter: ThingMeter, baselines: Sequence[Any] = ()) -> DetectionScores:
        return detection(
            meter.found,
            meter.truth,
            self.names,
            self.thresholds,
            loss=meter.loss / max(len(meter), 1),
            baselines=baselines,
        )

    def tuned(self, meter: ThingMeter) -> Self:
        chosen = choose_scores(meter.found, meter.truth, self.kinds)
        return replace(self, thresholds=chosen)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        column = boxes(targets)
        learned, asked = (things(column.gather(some)) for some in (train, ids))
        return (mean_boxes(learned, asked, self.names),)

    def _told(self, given: Detections) -> Detections:
        """Those that are sure enough."""
        return given.where(given.scores >= np.array(self.thresholds)[given.numbers])

    def table(
        self, meter: ThingMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """How many things an image has, how many of these are found and how many answers are
        wrong, and the F1 of both; the smallest F1 ranks first.
        """
        pairs = zip(meter.found, meter.truth, strict=True)
        counts = [judged(self._told(given), true, self.kinds) for given, true in pairs]
        f1 = np.array([2 * r / (r + w + n) if r + w + n else 1.0 for n, r, w in counts])
        rows: list[tuple[Any, ...]] = [
            (*each, f"{share:.6f}", int(rank))
            for each, share, rank in zip(counts, f1, ranks(f1), strict=True)
        ]
        return ("things", "found", "wrong", "f1", "rank"), rows

    def align(self, targets: Columns, where: str) -> Aligned:
        """Classes by name; boxes of classes that the model does not know are left out."""
        aligned = super().align(targets, where)
        column = boxes(aligned.targets)
        if bool(self.classes) != bool(column.classes) and len(column.array):
            raise DataError(
                f"the boxes have {'a' if column.classes else 'no'} class, and those of training "
                f"had {'one' if self.classes else 'none'}",
                where=where,
                remedy="Evaluate on data like those of training.",
            )
        if column.numbers is None or column.classes == self.classes:
            return aligned
        names = align(self.classes, column.classes)
        numbers = np.array(names.mapping)[column.numbers]
        kept = numbers != UNKNOWN
        rows = np.repeat(np.arange(len(column)), column.sizes)[kept]
        known = Boxes(
            column.array[kept],
            np.bincount(rows, minlength=len(column)),
            numbers[kept],
            self.classes,
            None if column.ignored is None else column.ignored[kept],
        )
        return Aligned({"box": known}, aligned.known, tuple(names.describe()))

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[PlacedThings]:
        answers = []
        for place, given in enumerate(map(self._told, found(outputs))):
            placed, scores = given.boxes, given.scores
            if frames is not None:
                back = frames[place].inverse
                height, width = back.size
                placed = np.clip(back.boxes(placed), 0, [width, height, width, height])
            whole = (placed[:, :2] < placed[:, 2:]).all(1)  # not in the border of the window
            answers.append(
                PlacedThings(placed[whole], given.numbers[whole], scores[whole], self.classes)
            )
        return answers

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        placed = place_aim(outputs, self.names, target, frames, CELL)
        return placed or thing_aim(outputs, self.names, target)

    def at_pixel(self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int) -> PixelAnswer:
        place = place_of(frame, x, y, outputs, CELL)
        if place is None:
            return UNSEEN
        shares, box = told_at(outputs, place)
        title = "Is the middle of a thing here?"
        return PixelAnswer.of_shares(title, self.names, shares, place, back_in_image(frame, box))

    def truth(self, targets: Mapping[str, Any]) -> PlacedThings:
        rows = np.asarray(targets["box"], np.float64)
        if rows.shape[1] > 5:
            rows = rows[rows[:, 5] == 0]
        numbers = rows[:, 4] if self.classes else np.zeros(len(rows))
        return PlacedThings(rows[:, :4], numbers.astype(np.int64), None, self.classes)

    def meaning(self, scores: DetectionScores) -> list[str]:
        return thing_sections.meaning(scores)

    def remarks(self, part: str, scores: DetectionScores) -> list[Note]:
        return thing_sections.remarks(part, scores)

    def sections(
        self, scores: DetectionScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        return thing_sections.sections(scores)

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        return thing_sections.galleries(rows, self.classes)

    def to_json(self) -> dict[str, Any]:
        return {"thresholds": [*self.thresholds]}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"thresholds": tuple[float, ...]}
        wrong = decoding.keys() != kinds.keys() or misfit(decoding, kinds)
        if wrong or len(decoding["thresholds"]) != max(1, len(classes)):
            raise ModelFileError(f"the decoding of boxes is {dict(decoding)!r:.80}")
        return cls(classes=tuple(classes), thresholds=tuple(decoding["thresholds"]))


def boxes(targets: Columns) -> Boxes:
    column = targets["box"]
    assert isinstance(column, Boxes)
    return column
