"""Localization: which one thing does an image show, and in which box does it lie?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import ClassAndBox, Loss
from vitreous.data.batches.pack import Rows
from vitreous.data.boxes import Boxes
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ModelFileError
from vitreous.fields import misfit
from vitreous.formats import counted, percent
from vitreous.losses import box_iou, cross_entropy, giou_loss, smooth_l1
from vitreous.metrics.align import UNKNOWN, align
from vitreous.metrics.localization import RIGHT, LocalizationScores, localization
from vitreous.metrics.score import Rule
from vitreous.metrics.simple_rule import SimpleRule
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim
from vitreous.tasks.box_answer import PlacedBox
from vitreous.tasks.box_coding import BoxMeter, box_aim, corners, encoded, one_box
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Case, Gallery, Kind, Section, Table
from vitreous.tasks.task import Aligned, Columns, Ids, Task

SHOWN = 12  # images in a gallery


@dataclass(frozen=True, kw_only=True, eq=False)
class Locate(Task):
    """Softmax over the classes and four linear outputs. Targets are boxes, one an image.

        loss = α S + (1 - α) R

    S is the cross-entropy of the class, R the loss of the box. The outputs are the L logits, then
    the middle of the box from the middle of the window, in fifths of its sides, and the logarithms
    of its width and height as shares of the window's. An image whose box was moved out of the
    window teaches nothing and is not scored. The size of S and R depends on their units, so α is
    chosen by a score, and not by this loss itself. Girshick (2015), "Fast R-CNN", arXiv:1504.08083.

    alpha  α, in [0, 1]
    size   height and width of the network's window
    """

    name = "locate"
    requirement = "each image has one box"
    needs: ClassVar = {"box": Boxes}
    SCORES = LocalizationScores
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "smooth_l1": smooth_l1,
        "giou": giou_loss,
    }

    alpha: float = 0.5
    size: tuple[int, int] = (1, 1)

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        place = "four linear outputs for the box with Huber's loss, because numbers tell its place"
        if not outputs:
            return place
        return f"softmax over {counted(len(outputs), 'class')} with cross-entropy, and {place}"

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        reason = "features that name a thing forget where it is"
        return {**super().prefers(channels, examples, criterion), "freeze": ("none", reason)}

    @classmethod
    def check_targets(cls, targets: Columns, where: str) -> None:
        super().check_targets(targets, where)
        sizes = boxes(targets).sizes
        if (sizes != 1).any():
            several, none = int((sizes > 1).sum()), int((sizes == 0).sum())
            raise DataError(
                f"{counted(several, 'image')} of {len(sizes):,} have several boxes, and "
                f"{counted(none, 'image')} have none: detection of several things comes later",
                where=where,
                remedy="Give each image exactly one box.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        return cls(classes=boxes(targets).classes, criterion=criterion, smoothing=smoothing)

    def within(self, height: int, width: int) -> Self:
        return replace(self, size=(height, width))

    def output(self) -> Output:
        return Output("vector", len(self.classes) + 4)

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        truth = targets["box"]
        table = (truth if isinstance(truth, Tensor) else one_box(truth)).to(outputs.dtype)
        known, logits = table[:, 0].isfinite(), outputs[:, :-4]
        whole = table.new_tensor([0, 0, self.size[1], self.size[0], 0])
        table = table.where(known[:, None], whole)
        named = outputs.new_zeros(len(outputs))
        if self.classes:
            named = cross_entropy(logits, table[:, 4].long(), reduction="none")
        given, wanted = outputs[:, -4:], table[:, :4]
        if self.criterion == "giou":
            given = corners(given, self.size)
        else:
            wanted = encoded(wanted, self.size)
        placed = self.LOSSES[self.criterion](given, wanted, reduction="none")
        return (self.alpha * named + (1 - self.alpha) * placed).where(known, 0)

    def manual_loss(self) -> Loss:
        return ClassAndBox(self.alpha) if self.criterion == "smooth_l1" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """(B, 5): the class, -1 where there is no box, and the box as numbers, NaN there."""
        table = one_box(targets["box"])
        return torch.cat([table[:, 4:].nan_to_num(-1), encoded(table[:, :4], self.size)], 1)

    def meter(self) -> BoxMeter:
        return BoxMeter(lambda outputs: outputs, "box")

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
        answers, boxes = (torch.from_numpy(each[there]) for each in (meter.answers, meter.truth))
        loss = float(self.loss(answers, {"box": boxes.double()}).mean()) if len(iou) else 0.0
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
        numbers = outputs.double().cpu()
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
        return box_aim(outputs, self.classes, target)

    def truth(self, targets: Mapping[str, Any]) -> PlacedBox:
        for box in targets["box"].astype(np.float64):
            number = int(box[4]) if self.classes else 0
            return PlacedBox(box[:4], number, self._label(number))
        return PlacedBox(None)

    def meaning(self, scores: LocalizationScores) -> list[str]:
        named = "named rightly, and " if self.classes else ""
        share = percent(scores.accuracy, 0)
        return [f"{share} of the things are {named}boxed with an IoU of at least {RIGHT}."]

    def sections(
        self, scores: LocalizationScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        if not scores.per_class:
            return
        weakest = sorted(scores.per_class, key=lambda r: 2.0 if r.accuracy is None else r.accuracy)
        cells = [(r.name, r.count, r.accuracy, r.interval, r.corloc, r.mean_iou) for r in weakest]
        columns: list[tuple[str, Kind]] = [
            ("Class", "name"),
            ("Images", "count"),
            ("Accuracy", "share"),
            ("95 % interval", "range"),
            ("CorLoc", "share"),
            ("Mean IoU", "share"),
        ]
        table = Table("Weakest first", columns, cells, first="weakest")
        yield Section("classes", "Classes", [table])

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
        middle, half = len(ranked) // 2, SHOWN // 2
        for anchor, title, chosen in (
            ("weakest", "Weakest boxes", ranked[:SHOWN]),
            ("middling", "Boxes of the middle", ranked[middle : middle + half]),
            ("best", "Best boxes", ranked[::-1][:half]),
        ):
            cases = [
                Case(
                    id=row["path"],
                    answer=row["predicted"],
                    truth=row["true"] and f"is {row['true']}",
                    note=f"IoU {percent(float(row['iou']))}",
                )
                for row in chosen
            ]
            intro = "The truth on the left, the answer on the right."
            yield Gallery(anchor=anchor, title=title, intro=intro, cases=cases, drawn=True)

    def to_json(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "size": [*self.size]}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"alpha": float, "size": tuple[int, ...]}
        wrong = decoding.keys() != kinds.keys() or misfit(decoding, kinds)
        if wrong or len(decoding["size"]) != 2 or min(decoding["size"]) < 1:
            raise ModelFileError(f"the decoding of boxes is {dict(decoding)!r:.80}")
        height, width = decoding["size"]
        return cls(classes=tuple(classes), alpha=decoding["alpha"], size=(height, width))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise ModelFileError(f"the share of the class in the loss is {self.alpha}")


def boxes(targets: Columns) -> Boxes:
    """The boxes that count."""
    column = targets["box"]
    assert isinstance(column, Boxes)
    return column.counting()
