"""Semantic segmentation: the class of each pixel, by a softmax at each place of a map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss, SoftmaxCrossEntropy
from vitreous.data.batches.pack import Rows
from vitreous.data.columns import Column
from vitreous.data.formats.mask_values import TWO
from vitreous.data.images.frame import Frame
from vitreous.data.maps import IGNORED, Maps
from vitreous.data.renumbered import Renumbered
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.formats import percent
from vitreous.losses import (
    border_cross_entropy,
    class_weights,
    cross_entropy,
    cross_entropy_dice,
    dice,
    focal,
    hard_cross_entropy,
)
from vitreous.metrics.align import UNKNOWN, align
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.score import Rule
from vitreous.metrics.segmentation import SegmentationScores, image_iou, one_class, segmentation
from vitreous.models.network import Output
from vitreous.tasks import mask_sections
from vitreous.tasks.aim import Aim
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.mask_answer import Mask
from vitreous.tasks.mask_meter import MaskMeter
from vitreous.tasks.pixel_aim import pixel_aim
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, numbers_at, place_of
from vitreous.tasks.pooled_answers import Pool, averaged, positions
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Note, Section
from vitreous.tasks.task import Aligned, Columns, Ids, Task

CHUNK = 64  # masks that are read together
FEW = 100  # images
LOOKS = 16_000  # at images, that a small network takes to learn


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment(Task):
    """Softmax over the classes at each pixel. Targets are masks (B, H, W) int64.

    ignore  the number of pixels that count neither in the loss nor in a score; None if all count
    """

    name = "segment"
    hub_tag = "image-segmentation"
    requirement = "each image has a mask"
    needs: ClassVar = {"mask": Maps}
    answers = "map"
    SCORES = SegmentationScores
    image_score = ImageScore("iou", "mean IoU of an image")
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "cross_entropy": cross_entropy,
        "focal": focal,
        "hard": hard_cross_entropy,
        "dice": dice,
        "cross_entropy_dice": cross_entropy_dice,
        "border": border_cross_entropy,
    }

    ignore: int | None = IGNORED

    @classmethod
    def check_settings(cls, criterion: str, smoothing: float, balance: str = "none") -> None:
        super().check_settings(criterion, 0.0)
        if balance == "sampler":
            raise UsageError(
                "images with several classes each cannot be drawn by class",
                where="--balance sampler",
                remedy="Choose --balance weights.",
            )
        if smoothing and criterion == "dice":
            raise cls.useless("--label-smoothing", "Dice is of regions, and these are whole")

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        one = CODINGS["classes"].explain(len(outputs)).removesuffix(".")
        return f"at each pixel, {one}; by default Dice, the overlap of whole regions, is added."

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {examples:,} images"
        if channels == 1 and examples <= FEW:
            augment = "elastic", "few gray images, as of tissue: bending shows more of them"
        else:
            augment = "scenes", "things are near and far"
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, looks),
            "loss": ("cross_entropy_dice", "small regions count as much as large ones"),
            "augment": augment,
        }

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        if not targets["mask"].classes:
            raise DataError(
                "the maps hold real numbers, and this task needs the class of each pixel",
                where=where,
                remedy="Give masks of whole numbers, one for each class.",
            )
        present = np.flatnonzero(pixels_of(targets["mask"]))
        if len(present) < 2:
            only = targets["mask"].classes[present[0]] if len(present) else "none"
            raise DataError(
                f"all pixels of the training masks are of the class '{only}': there is nothing to "
                f"tell apart; {found}",
                where=where,
                remedy="Add masks that show at least one more class.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        masks = maps(targets)
        factors = None
        if balance == "weights":
            factors = class_weights(torch.from_numpy(pixels_of(masks)))
        return cls(
            classes=masks.classes,
            criterion=criterion,
            smoothing=smoothing,
            balance=factors,
            ignore=masks.ignore,
        )

    def output(self) -> Output:
        return Output("map", len(self.classes))

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        options = {"smoothing": self.smoothing} if self.smoothing else {}
        balance = None if self.balance is None else self.balance.to(outputs.device)
        return self.LOSSES[self.criterion](
            outputs,
            targets["mask"],
            weights=balance,
            ignore=self.ignore,
            reduction="none",
            **options,
        )

    def manual_loss(self) -> Loss:
        if self.criterion != "cross_entropy":
            return super().manual_loss()
        return SoftmaxCrossEntropy(
            smoothing=self.smoothing, weights=self.balance, ignore=self.ignore
        )

    def meter(self) -> MaskMeter:
        return MaskMeter(len(self.classes), self.ignore)

    def scores(self, meter: MaskMeter, baselines: Sequence[Any] = ()) -> SegmentationScores:
        loss = meter.loss / max(len(meter), 1)
        return segmentation(
            meter.confusion,
            self.classes,
            loss=loss,
            baselines=baselines,
            outlines=meter.outlines,
            rands=meter.rands,
        )

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        masks = maps(targets)
        often = int(pixels_of(masks.take(train)).argmax())
        truth = PixelConfusion(len(self.classes), self.ignore)
        for first in range(0, len(ids), CHUNK):
            some = masks.batch(ids[first : first + CHUNK])
            assert isinstance(some, Tensor)
            truth.add(some, some)
        return (one_class(truth, self.classes, often),)

    def table(
        self, meter: MaskMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        found = image_iou(meter.confusion)
        rows: list[tuple[Any, ...]] = [
            (f"{iou:.6f}", int(rank)) if np.isfinite(iou) else ("", "")
            for iou, rank in zip(found, ranks(found), strict=True)
        ]
        return ("iou", "rank"), rows

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """The probabilities at each pixel are averaged."""

        def read(member: Self) -> Callable[[Tensor], Tensor]:
            places = positions(self.classes, member.classes, self.noun)
            return lambda outputs: outputs.softmax(1)[:, places]

        def back(mean: Tensor) -> Tensor:
            return mean.clamp_min(1e-30).log().float()

        return self, averaged([read(member) for member in members], back)

    def align(self, targets: Columns, where: str) -> Aligned:
        """Classes by name; pixels of classes that the model does not know count nowhere."""
        found = super().align(targets, where)
        masks = maps(found.targets)
        classes, said = masks.classes, list[str]()
        if self.classes == TWO and classes in (("0",), ("0", "1")):
            # Without a white pixel, masks do not look black and white.
            classes = TWO[: len(classes)]
            said = ["Masks without white: 1 is taken for white."] if len(classes) > 1 else []
        try:
            names = align(self.classes, classes)
        except DataError as error:
            error.where = error.where or where
            if all(name in TWO or name.isdigit() for name in classes):
                error.remedy = (
                    "The masks have no names for their classes, only numbers: lay a classes.txt "
                    "beside them, with those of training in their order."
                )
            raise
        ignored = IGNORED if self.ignore is None else self.ignore
        numbers = np.array([ignored if n == UNKNOWN else n for n in names.mapping])
        if not names.exact:
            rows = Renumbered(masks.rows, numbers)
            masks = Maps(rows, self.classes, ignore=ignored)
        elif masks.classes != self.classes:
            masks = Maps(masks.rows, self.classes, ignore=ignored)
        return Aligned({"mask": masks}, found.known, (*said, *names.describe()))

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[Mask]:
        """Scores brought back into each image's own pixels, where the largest decides."""
        scores = outputs.float().cpu().numpy()
        if frames is None:
            frames = [Frame.identity(one.shape[1:]) for one in scores]
        pairs = zip(scores, frames, strict=True)
        return [Mask(self._labels(one, frame.inverse), self.classes) for one, frame in pairs]

    def _labels(self, scores: NDArray[np.float32], back: Frame) -> NDArray[np.uint8]:
        """(L, H, W) scores to (h, w) class numbers, one class at a time: large images stay small
        in memory.
        """
        best = np.full(back.size, -np.inf, np.float32)
        labels = np.full(back.size, IGNORED, np.uint8)
        for number, score in enumerate(scores):
            here = back.map(score, nearest=False, fill=-np.inf)
            better = here > best
            best[better], labels[better] = here[better], number
        return labels

    def assemble(self, pieces: Iterable[tuple[tuple[slice, slice], Any]], frame: Frame) -> Mask:
        labels = np.full(frame.size, IGNORED, np.uint8)
        for place, outputs in pieces:
            labels[place] = outputs[0].argmax(0).byte().cpu().numpy()
        if frame.source != frame.size:
            labels = frame.inverse.map(labels, nearest=True, fill=IGNORED)
        return Mask(labels, self.classes)

    def aim(self, outputs: Tensor, target: str = "", frames: Sequence[Frame] | None = None) -> Aim:
        return pixel_aim(outputs, self.classes, target, frames)

    def at_pixel(self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int) -> PixelAnswer:
        place = place_of(frame, x, y, outputs)
        if place is None:
            return UNSEEN
        scores = torch.from_numpy(numbers_at(frame, x, y, outputs))
        shares = scores.double().softmax(0).tolist()
        return PixelAnswer.of_shares("Class of this pixel", self.classes, shares, place)

    def truth(self, targets: Mapping[str, Any]) -> Mask:
        return Mask(targets["mask"], self.classes)

    def meaning(self, scores: SegmentationScores) -> list[str]:
        return [f"{percent(scores.accuracy, 0)} of the pixels are called what they are."]

    def remarks(self, part: str, scores: SegmentationScores) -> list[Note]:
        absent = [row.name for row in scores.per_class if not row.pixels]
        if not absent:
            return []
        text = f"The {part} part has no pixel of {', '.join(absent[:8])}"
        return [Note(f"{text}; nothing is known about these.", "warning")]

    def sections(
        self, scores: SegmentationScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        return mask_sections.sections(scores)

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        return mask_sections.galleries(rows, self.classes)

    def to_json(self) -> dict[str, Any]:
        return {"ignore": self.ignore}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        ignore = decoding.get("ignore")
        if decoding.keys() != {"ignore"} or not (
            ignore is None or (type(ignore) is int and 0 <= ignore <= IGNORED)
        ):
            raise ModelFileError(f"the decoding of masks is {dict(decoding)!r:.80}")
        if not classes:
            raise ModelFileError("masks without classes")
        return cls(classes=tuple(classes), ignore=ignore)


def maps(targets: Columns) -> Maps:
    masks = targets["mask"]
    assert isinstance(masks, Maps)
    return masks


def pixels_of(masks: Column) -> NDArray[np.int64]:
    """(L,) pixels of each class in all masks together."""
    assert isinstance(masks, Maps)
    counts = masks.summaries["counts"][:, : len(masks.classes)]
    return np.asarray(counts.sum(axis=0, dtype=np.int64))
