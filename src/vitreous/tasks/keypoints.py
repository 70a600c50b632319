"""Key points: where the named points of a thing lie, such as the joints of a body (pose)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from vitreous.backprop.layers import Loss, PlaceCrossEntropy, SmoothL1
from vitreous.data.batches.pack import Rows
from vitreous.data.images.frame import Frame
from vitreous.data.points import Points
from vitreous.errors import DataError, ModelFileError, unknown
from vitreous.fields import misfit
from vitreous.losses import absolute_error, place_cross_entropy, smooth_l1, squared_error
from vitreous.metrics.pck import KeyPointScores, answering_points, image_pck, key_points
from vitreous.metrics.score import Rule
from vitreous.models.network import Output, OutputKind
from vitreous.tasks import point_sections
from vitreous.tasks.aim import Aim
from vitreous.tasks.heat_map import expected, heat, peaks, stride_for, to_pixels, to_places
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import Table
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, place_of
from vitreous.tasks.point_answer import KeyPoints
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Note, Section
from vitreous.tasks.task import Aligned, Columns, Ids, Task

UNIT = 5  # numbers from one side of the window to the other
DELTA = 0.25  # of these, a twentieth of the window: from there on distance counts linearly
LOOKS = 12_000  # at images, that a network takes to learn


@dataclass(frozen=True, kw_only=True, eq=False)
class Keypoints(Task):
    """A heat map for each point, or two numbers. Targets are points (B, P, 3): x, y, visible, in
    the window.

    heat_map  softmax over the places of a map, with cross-entropy to a Gaussian about the point
    integral  the same, and the distance of the mean place from the point: Sun et al. (2018),
              "Integral human pose regression", arXiv:1711.08229
    others    two numbers a point for the image as a whole: x and y from the middle of the window,
              in fifths of its sides. Toshev and Szegedy (2014), "DeepPose", arXiv:1312.4659

    A point that is not visible counts neither in the loss nor in a score; the others of its image
    count for it. So a network never learns what is hidden, and answers with all points.

    points  their names
    size    height and width of the network's window
    stride  pixels a side of a place of a heat map
    """

    name = "keypoints"
    hub_tag = "keypoint-detection"
    requirement = "each image has points"
    needs: ClassVar = {"point": Points}
    answers = "map"
    noun = "point"
    SCORES = KeyPointScores
    image_score = ImageScore("pck", "mean PCK of an image")
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "heat_map": place_cross_entropy,
        "integral": place_cross_entropy,
        "huber": partial(smooth_l1, delta=DELTA),
        "absolute": absolute_error,
        "squared": squared_error,
    }

    points: tuple[str, ...] = ()
    size: tuple[int, int] = (1, 1)
    stride: int = 1

    @classmethod
    def answers_with(cls, criterion: str) -> OutputKind:
        return "map" if criterion in ("", "heat_map", "integral") else "vector"

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return (
            "a heat map for each point, softmax over its places with cross-entropy, because a "
            "point is in one place, and a map keeps where that is"
        )

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {examples:,} images"
        return {
            **super().prefers(channels, examples, criterion),
            "freeze": ("none", "features that name a thing forget where it is"),
            "augment": ("turn", "things are seen from all sides and distances"),
            "epochs": (epochs, looks),
            "batch_size": (16, "an image is as many examples as it has points"),
        }

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        if not (points(targets).array[..., 2] > 0).any():
            raise DataError(
                f"no point of the training images is visible; {found}",
                where=where,
                remedy="Write x and y of the points that can be seen.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        return cls(points=points(targets).names, criterion=criterion, smoothing=smoothing)

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        return replace(self, size=(height, width), stride=stride_for(height, width))

    @property
    def mapped(self) -> bool:
        """Are the answers heat maps?"""
        return self.answers_with(self.criterion) == "map"

    def output(self) -> Output:
        if self.mapped:
            return Output("map", len(self.points), self.stride)
        return Output("vector", 2 * len(self.points))

    def normalized(self, places: Tensor) -> Tensor:
        """x and y (..., 2) in the window from its middle, in fifths of its sides."""
        sides = places.new_tensor(self.size).flip(0)
        return ((places + 0.5) / sides - 0.5) * UNIT

    def found(self, outputs: Tensor) -> Tensor:
        """(B, P, 3) x and y in the window, and how sure that is, in [0, 1]; NaN where numbers tell
        the place, which say nothing of that. float64, on the CPU.
        """
        if self.mapped:
            places, sure = peaks(outputs)
            if self.criterion == "integral":
                places = expected(outputs.double().cpu())
            return torch.cat([to_pixels(places, self.stride), sure[..., None]], 2)
        sides = torch.tensor(self.size, dtype=torch.float64).flip(0)
        numbers = outputs.double().cpu().reshape(len(outputs), -1, 2)
        places = (numbers / UNIT + 0.5) * sides - 0.5
        return torch.cat([places, torch.full_like(places[..., :1], torch.nan)], 2)

    def heat(self, truth: Tensor, shape: tuple[int, int]) -> Tensor:
        """The maps (B, P, h, w) that would be right."""
        return heat(to_places(truth[..., :2], self.stride), truth[..., 2] > 0, shape)

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        truth = targets["point"].to(outputs.dtype)
        if not self.mapped:
            return self._distance(self.LOSSES[self.criterion], outputs, truth)
        height, width = outputs.shape[2:]
        surprise = place_cross_entropy(outputs, self.heat(truth, (height, width)), reduction="none")
        if self.criterion != "integral":
            return surprise
        mean = self.normalized(to_pixels(expected(outputs), self.stride)).flatten(1)
        return surprise + self._distance(absolute_error, mean, truth)

    def _distance(self, loss: Callable[..., Tensor], numbers: Tensor, truth: Tensor) -> Tensor:
        wanted, seen = self.normalized(truth[..., :2]).flatten(1), truth[..., 2] > 0
        # A point that is not seen is answered perfectly, and the mean is over the others.
        given = numbers.where(seen.repeat_interleave(2, dim=1), wanted)
        counted: Tensor = seen.shape[1] / seen.sum(1).clamp_min(1)
        return loss(given, wanted, reduction="none") * counted

    def manual_loss(self) -> Loss:
        if self.criterion == "heat_map":
            return PlaceCrossEntropy()
        return SmoothL1(delta=DELTA) if self.criterion == "huber" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """Heat maps, 0 for a point that is not seen; or numbers, NaN there."""
        truth = targets["point"]
        if self.mapped:
            height, width = self.output().shape(1, *self.size)[2:]
            return self.heat(truth, (height, width))
        wanted = self.normalized(truth[..., :2])
        return wanted.where(truth[..., 2:] > 0, torch.nan).flatten(1)

    def meter(self) -> PointMeter:
        return PointMeter(self)

    def scores(self, meter: PointMeter, baselines: Sequence[Any] = ()) -> KeyPointScores:
        loss = meter.loss / max(len(meter), 1)
        answers = meter.answers[..., :2]
        return key_points(answers, meter.truth, self.points, loss=loss, baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        column = points(targets)
        learned, wanted = column.gather(train).astype(np.float64), column.gather(ids)
        seen = learned[..., 2:]
        often = seen.sum(axis=0)
        middle = np.array(self.size[::-1]) / 2 - 0.5  # for a point that was never seen
        total = (learned[..., :2] * seen).sum(axis=0)
        pose = np.where(often > 0, total / np.maximum(often, 1), middle)
        mean = answering_points(
            np.broadcast_to(pose, (len(wanted), *pose.shape)),
            wanted,
            self.points,
            name="mean",
            title="mean pose",
            detail="always answers the mean place of each point in the training images",
        )
        return (mean,)

    def table(
        self, meter: PointMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """PCK and mean error of each image, in its own pixels; the largest error, in those of the
        window, ranks first.
        """
        answers, scales = meter.answers[..., :2], points(targets).scales
        pck, errors = image_pck(answers, meter.truth, self.points, scales)
        _, comparable = image_pck(answers, meter.truth, self.points)
        places = ranks(np.where(np.isfinite(comparable), -comparable, np.inf))
        rows: list[tuple[Any, ...]] = []
        for share, error, rank in zip(pck, errors, places, strict=True):
            told = f"{share:.6f}" if np.isfinite(share) else ""
            rows.append((told, f"{error:.6f}", int(rank)) if np.isfinite(error) else ("", "", ""))
        return ("pck", "error", "rank"), rows

    def align(self, targets: Columns, where: str) -> Aligned:
        """Points by name, in the model's order."""
        found = super().align(targets, where)
        column = points(found.targets)
        missing = [name for name in self.points if name not in column.names]
        if missing:
            raise DataError(
                f"the data do not have the points {', '.join(missing)}; they have "
                f"{', '.join(column.names)}",
                where=where,
                remedy="Name the points as they were in training.",
            )
        order = [column.names.index(name) for name in self.points]
        others = [name for name in column.names if name not in self.points]
        notes = (f"The model does not know {', '.join(others)}.",) if others else ()
        aligned = Points(column.array[:, order], self.points, scales=column.scales)
        return Aligned({"point": aligned}, found.known, notes)

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[KeyPoints]:
        found = self.found(outputs).numpy()
        places, sure = found[..., :2], found[..., 2]
        if frames is not None:
            back = (frame.inverse for frame in frames)
            places = np.array([one.points(each) for one, each in zip(back, places, strict=True)])
        told = np.concatenate([places, np.ones_like(places[..., :1])], axis=2)
        known = self.mapped
        return [
            KeyPoints(self.points, each, tuple(one.tolist()) if known else ())
            for each, one in zip(told, sure, strict=True)
        ]

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """Of heat maps, how high the top is; of numbers, how far the point lies from the middle of
        the window, where a network that sees nothing would put it. Of the point that is named, or
        of all together.
        """
        if target and target not in self.points:
            raise unknown(self.noun, target, self.points, where="target")
        some = [self.points.index(target)] if target else [*range(len(self.points))]

        def height(out: Tensor) -> Tensor:
            return out[:, some].flatten(2).amax(2).sum(1)

        def distance(out: Tensor) -> Tensor:
            places = out.reshape(len(out), -1, 2)[:, some]
            far: Tensor = (places.square().sum(2) + 1e-12).sqrt().sum(1)
            return far

        measure = height if self.mapped else distance
        return Aim((target or "all points",) * len(outputs), measure)

    def at_pixel(
        self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int
    ) -> PixelAnswer | None:
        if not self.mapped:
            return None
        place = place_of(frame, x, y, outputs, self.stride)
        if place is None:
            return UNSEEN
        shares = outputs[0].double().flatten(1).softmax(1).reshape(outputs.shape[1:])
        here = shares[:, *place].tolist()
        return PixelAnswer.of_shares("How likely each point is here", self.points, here, place)

    def truth(self, targets: Mapping[str, Any]) -> KeyPoints:
        return KeyPoints(self.points, targets["point"].astype(np.float64))

    def meaning(self, scores: KeyPointScores) -> list[str]:
        return point_sections.meaning(scores)

    def remarks(self, part: str, scores: KeyPointScores) -> list[Note]:
        return point_sections.remarks(part, scores)

    def sections(
        self, scores: KeyPointScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        return point_sections.sections(scores)

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        return point_sections.galleries(rows)

    def to_json(self) -> dict[str, Any]:
        told = {"points": [*self.points], "size": [*self.size]}
        return {**told, "stride": self.stride, "loss": self.criterion}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"points": tuple[str, ...], "size": tuple[int, ...], "stride": int, "loss": str}
        # As it was before there were heat maps.
        told: dict[str, Any] = {"stride": 1, "loss": "huber", **decoding}
        if (
            told.keys() != kinds.keys()
            or misfit(told, kinds)
            or not told["points"]
            or len(told["size"]) != 2
            or min(*told["size"], told["stride"]) < 1
            or told["loss"] not in cls.LOSSES
        ):
            raise ModelFileError(f"the decoding of points is {dict(decoding)!r:.80}")
        height, width = told["size"]
        return cls(
            points=tuple(told["points"]),
            size=(height, width),
            stride=told["stride"],
            criterion=told["loss"],
        )


class PointMeter(Table):
    """Answers (N, P, 3), as `Keypoints.found` gives them, beside the truth; and losses added."""

    def __init__(self, task: Keypoints):
        super().__init__(task.found, "point")
        self.task, self.loss = task, 0.0

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        super().add(outputs, targets)
        truth = {"point": targets["point"].to(outputs.device)}
        self.loss += float(self.task.loss(outputs.double(), truth).sum())

    def merge(self, other: Self) -> None:
        super().merge(other)
        self.loss += other.loss


def points(targets: Columns) -> Points:
    column = targets["point"]
    assert isinstance(column, Points)
    return column
