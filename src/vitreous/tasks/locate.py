"""Localization: which one thing does an image show, and in which box does it lie?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import ClassAndBox, Loss, MappedClassAndBox
from vitreous.data.batches.pack import Rows
from vitreous.data.boxes import Boxes
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.fields import misfit
from vitreous.formats import counted
from vitreous.losses import box_iou, cross_entropy, giou_loss, smooth_l1
from vitreous.metrics.align import UNKNOWN, align
from vitreous.metrics.localization import LocalizationScores, localization
from vitreous.metrics.score import Rule
from vitreous.metrics.simple_rule import SimpleRule
from vitreous.models.network import Output, OutputKind
from vitreous.tasks import locate_sections
from vitreous.tasks.aim import Aim
from vitreous.tasks.box_answer import PlacedBox
from vitreous.tasks.box_coding import BoxMeter, box_aim, corners, encoded, one_box
from vitreous.tasks.box_heat import BEHIND, BoxHeat
from vitreous.tasks.heat_map import stride_for
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, back_in_image, place_of
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Section
from vitreous.tasks.task import Aligned, Columns, Ids, Task

ALPHA = 0.5  # unless another is chosen by a score
DELTA = 0.1  # of a size's logarithm, a tenth of it: from there on an error counts linearly
LOOKS = 12_000  # at images, that a network takes to learn


@dataclass(frozen=True, kw_only=True, eq=False)
class Locate(Task):
    """Heat maps of the classes and of one box, or numbers. Targets are boxes, one an image.

        loss = α S + (1 - α) R

    S is the cross-entropy of the class, R the loss of the box. S and R have units of their own, so
    α is chosen by a score, and not by the loss that it is part of. An image whose box was moved out
    of the window teaches nothing and is not scored.

    heat_map, heat_map_giou  the middle of the box is a place of a map, and R the cross-entropy of
               that place, and the Huber loss of the box's numbers or one minus its generalized
               overlap: see `box_heat`
    smooth_l1, giou  numbers for the image as a whole: the logits, then the middle of the box from
               that of the window, in fifths of its sides, and the logarithms of its width and
               height as shares of the window's. Girshick (2015), "Fast R-CNN", arXiv:1504.08083

    alpha   α, in [0, 1]
    size    height and width of the network's window
    stride  pixels a side of a place of a heat map
    """

    name = "locate"
    hub_tag = "object-detection"
    requirement = "each image has one box"
    needs: ClassVar = {"box": Boxes}
    answers = "map"
    SCORES = LocalizationScores
    image_score = ImageScore("iou", "mean IoU of an image")
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "heat_map": smooth_l1,
        "heat_map_giou": giou_loss,
        "smooth_l1": smooth_l1,
        "giou": giou_loss,
    }

    alpha: float = ALPHA
    size: tuple[int, int] = (1, 1)
    stride: int = 1

    @classmethod
    def answers_with(cls, criterion: str) -> OutputKind:
        return "map" if criterion in ("", "heat_map", "heat_map_giou") else "vector"

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        place = "a heat map of the middle of the box, and its size there, because maps keep places"
        if not outputs:
            return place
        return f"softmax over {counted(len(outputs), 'class')} with cross-entropy, and {place}"

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {examples:,} images"
        return {
            **super().prefers(channels, examples, criterion),
            "freeze": ("none", "features that name a thing forget where it is"),
            "augment": ("zoom", "things are near and far; turned, their boxes would be too large"),
            "epochs": (epochs, looks),
            "batch_size": (16, "usual for few images"),
            "alpha": (ALPHA, "the class and the box count alike"),
        }

    @classmethod
    def likely(cls, targets: Columns) -> bool:
        return bool((boxes(targets).sizes == 1).all())

    @classmethod
    def check_targets(cls, targets: Columns, where: str) -> None:
        super().check_targets(targets, where)
        sizes = boxes(targets).sizes
        if (sizes != 1).any():
            several, none = int((sizes > 1).sum()), int((sizes == 0).sum())
            raise DataError(
                f"{counted(several, 'image')} of {len(sizes):,} have several boxes, and "
                f"{counted(none, 'image')} have none: this task finds the one thing in an image",
                where=where,
                remedy="Choose --task detect, which finds any number of things.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        return cls(classes=boxes(targets).classes, criterion=criterion, smoothing=smoothing)

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        return replace(self, size=(height, width), stride=stride_for(height, width))

    def sharing(self, alpha: float | None) -> Self:
        if alpha == 1 and not self.classes:
            raise UsageError(
                "the boxes have no classes, and nothing else would be learned",
                where="--alpha",
                remedy="Give less than 1, or leave it out.",
            )
        return self if alpha is None else replace(self, alpha=alpha)

    @property
    def mapped(self) -> bool:
        """Are the answers heat maps?"""
        return self.answers_with(self.criterion) == "map"

    @property
    def heat(self) -> BoxHeat:
        """How a box becomes heat maps, and is read from them."""
        return BoxHeat(self.size, self.stride)

    def output(self) -> Output:
        if self.mapped:
            return Output("map", len(self.classes) + BEHIND, self.stride)
        return Output("vector", len(self.classes) + 4)

    def found(self, outputs: Tensor) -> Tensor:
        """(B, L + 4) the logits, and the numbers of the box."""
        return self.heat.read(outputs) if self.mapped else outputs

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        truth = targets["box"]
        table = (truth if isinstance(truth, Tensor) else one_box(truth)).to(outputs.dtype)
        known = table[:, 0].isfinite()
        whole = table.new_tensor([0, 0, self.size[1], self.size[0], 0])
        table = table.where(known[:, None], whole)
        named, boxes = outputs.new_zeros(len(outputs)), table[:, :4]
        if self.classes:
            logits = self.heat.named(outputs) if self.mapped else outputs[:, :-4]
            named = cross_entropy(logits, table[:, 4].long(), reduction="none")
        if self.mapped:
            placed = self.heat.loss(outputs, boxes, known, self._placed)
        else:
            placed = self._placed(outputs[:, -4:], boxes)
        return (self.alpha * named + (1 - self.alpha) * placed).where(known, 0)

    def _placed(self, numbers: Tensor, boxes: Tensor) -> Tensor:
        """(N,) R of numbers (N, 4) in pairs with boxes."""
        if self.criterion.endswith("giou"):
            return giou_loss(corners(numbers, self.size), boxes, reduction="none")
        delta = DELTA if self.mapped else 1.0
        return smooth_l1(numbers, encoded(boxes, self.size), delta=delta, reduction="none")

    def manual_loss(self) -> Loss:
        if self.criterion == "heat_map":
            return MappedClassAndBox(self.alpha, delta=DELTA)
        return ClassAndBox(self.alpha) if self.criterion == "smooth_l1" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """(B, 5): the class, -1 where there is no box, and the box as numbers, NaN there; or
        (B, 6, h, w), see `MappedClassAndBox`.
        """
        table = one_box(targets["box"])
        if self.mapped:
            return self.heat.targets(table, self.output().shape(1, *self.size)[2:])
        named, numbers = table[:, 4:].nan_to_num(-1), encoded(table[:, :4], self.size)
        return torch.cat([named, numbers], 1)

    def meter(self) -> BoxMeter:
        return BoxMeter(self.found, self.loss)

    def _judged(
        self, meter: BoxMeter
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """(N,) is there a box; and of those images IoU, answered class and true class."""
        there = np.isfinite(meter.truth[:, 0])
        outputs, truth = torch.from_numpy(meter.answers[there]), meter.truth[there]
        wanted = torch.from_numpy(truth[:, :4]).double()
        iou = box_iou(corners(outputs[:, -4:], self.size), wanted).numpy()
        none = np.zeros(len(truth), np.int64)
        named = outputs[:, :-4].argmax(1).numpy() if self.classes else none
        return there, iou, named, truth[:, 4].astype(np.int64)

    def scores(self, meter: BoxMeter, baselines: Sequence[Any] = ()) -> LocalizationScores:
        there, iou, named, truth = self._judged(meter)
        loss = meter.loss / max(int(there.sum()), 1)
        return localization(iou, named, truth, self.classes, loss=loss, baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        learned, asked = (
            one_box([torch.from_numpy(each) for each in boxes(targets).gather(some)])
            for some in (train, ids)
        )
        learned, asked = (table[table[:, 0].isfinite()].double() for table in (learned, asked))
        often = int(learned[:, 4].long().bincount().argmax())
        mean = learned[:, :4].mean(0).expand(len(asked), 4)
        found = localization(
            box_iou(mean, asked[:, :4]).numpy(),
            np.full(len(asked), often),
            asked[:, 4].long().numpy(),
            self.classes,
            loss=0.0,
        )
        rule = SimpleRule(
            name="mean",
            title="mean box",
            detail="always answers the mean box and the most frequent class of the training images",
            count=found.count,
            scores=found.all,
        )
        return (rule,)

    def table(
        self, meter: BoxMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """True and answered class and the IoU of each image; the smallest IoU ranks first."""
        there, iou, named, truth = self._judged(meter)
        rows: list[tuple[Any, ...]] = [("", "", "", "")] * len(there)
        places = zip(np.flatnonzero(there).tolist(), truth, named, iou, ranks(iou), strict=True)
        for place, true, given, overlap, rank in places:
            names = (self._label(true), self._label(given))
            rows[place] = (*names, f"{overlap:.6f}", int(rank))
        return ("true", "predicted", "iou", "rank"), rows

    def _label(self, number: int) -> str:
        return self.classes[number] if self.classes else ""

    def align(self, targets: Columns, where: str) -> Aligned:
        """Classes by name; images of classes that the model does not know are left out."""
        found = super().align(targets, where)
        column = boxes(found.targets)
        if (column.sizes > 1).any():
            self.check_targets(targets, where)
        known, notes = column.sizes == 1, []
        if not known.all():
            lost = counted(int((~known).sum()), "image")
            notes.append(f"Without a box in the window, and left out: {lost}.")
        if bool(self.classes) != bool(column.classes):
            raise DataError(
                f"the boxes have {'a' if column.classes else 'no'} class, and those of training "
                f"had {'one' if self.classes else 'none'}",
                where=where,
                remedy="Evaluate on data like those of training.",
            )
        if column.numbers is not None:
            names = align(self.classes, column.classes)
            numbers = np.array(names.mapping)[column.numbers]
            known = known.copy()
            known[np.flatnonzero(column.sizes)] &= numbers != UNKNOWN
            numbers = np.where(numbers == UNKNOWN, 0, numbers)
            column = Boxes(column.array, column.sizes, numbers, self.classes)
            notes += names.describe()
        return Aligned({"box": column}, found.known & known, tuple(notes))

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[PlacedBox]:
        numbers = self.found(outputs.double().cpu())
        shares = numbers[:, :-4].softmax(1)
        answers = []
        for place, box in enumerate(corners(numbers[:, -4:], self.size).numpy()):
            height, width = self.size
            if frames is not None:
                back = frames[place].inverse
                (box,), (height, width) = back.boxes(box[None]), back.size
            box = np.clip(box, 0, [width, height, width, height])
            number = int(shares[place].argmax()) if self.classes else 0
            score = float(shares[place, number]) if self.classes else None
            answers.append(PlacedBox(box, number, self._label(number), score))
        return answers

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        aim = box_aim(self.found(outputs), self.classes, target)
        return Aim(aim.names, lambda out: aim.scalar(self.found(out)))

    def at_pixel(
        self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int
    ) -> PixelAnswer | None:
        if not self.mapped:
            return None
        place = place_of(frame, x, y, outputs, self.stride)
        if place is None:
            return UNSEEN
        share, box = self.heat.at(outputs, place)
        title = "How likely the middle of the box is here"
        return PixelAnswer.of_shares(title, ["middle"], [share], place, back_in_image(frame, box))

    def truth(self, targets: Mapping[str, Any]) -> PlacedBox:
        for box in targets["box"].astype(np.float64):
            number = int(box[4]) if self.classes else 0
            return PlacedBox(box[:4], number, self._label(number))
        return PlacedBox(None)

    def meaning(self, scores: LocalizationScores) -> list[str]:
        return locate_sections.meaning(scores)

    def sections(
        self, scores: LocalizationScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        return locate_sections.sections(scores)

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        return locate_sections.galleries(rows)

    def to_json(self) -> dict[str, Any]:
        told = {"alpha": self.alpha, "size": [*self.size]}
        return {**told, "stride": self.stride, "loss": self.criterion}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"alpha": float, "size": tuple[int, ...], "stride": int, "loss": str}
        # As it was before there were heat maps.
        told: dict[str, Any] = {"stride": 1, "loss": "smooth_l1", **decoding}
        if (
            told.keys() != kinds.keys()
            or misfit(told, kinds)
            or len(told["size"]) != 2
            or min(*told["size"], told["stride"]) < 1
            or told["loss"] not in cls.LOSSES
        ):
            raise ModelFileError(f"the decoding of boxes is {dict(decoding)!r:.80}")
        height, width = told["size"]
        return cls(
            classes=tuple(classes),
            alpha=told["alpha"],
            size=(height, width),
            stride=told["stride"],
            criterion=told["loss"],
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise ModelFileError(f"the share of the class in the loss is {self.alpha}")


def boxes(targets: Columns) -> Boxes:
    """The boxes that count."""
    column = targets["box"]
    assert isinstance(column, Boxes)
    return column.counting()
