"""Depth estimation: how far what each pixel shows is, from one image.

A network gives the logarithm of the depth: a meter more matters near by, and not in the distance.
Eigen, Puhrsch and Fergus (2014), "Depth map prediction from a single image using a multi-scale deep
network", arXiv:1406.2283.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss, SmoothL1
from vitreous.data.batches.pack import Rows
from vitreous.data.images.frame import Frame
from vitreous.data.maps import Maps
from vitreous.errors import DataError, ImageError, ModelFileError
from vitreous.fields import misfit
from vitreous.formats import counted, percent, plain
from vitreous.losses import absolute_error, scale_invariant, smooth_l1
from vitreous.losses.known import known_loss
from vitreous.metrics.depth_errors import DepthScores, depth, image_depths, mean_map
from vitreous.metrics.score import Rule
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim, whole_map
from vitreous.tasks.depth_answer import MOST, DepthMap
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import ScoredMaps
from vitreous.tasks.pixel_aim import place_aim
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, place_of
from vitreous.tasks.pooled_answers import Pool, averaged
from vitreous.tasks.ranked_cases import ranked_cases
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Note
from vitreous.tasks.task import Columns, Ids, Task

LOOKS = 12_000  # at images, that a small network takes to learn
CHUNK = 64  # maps that are read together
PROBES = 64  # maps from which the usual depths are taken
FARTHEST = 2.0  # times the greatest depth of those, that an answer may be
BEYOND = 8.0  # deviations from the mean, farther than which no answer is


@dataclass(frozen=True, kw_only=True, eq=False)
class Depth(Task):
    """One number for each pixel. Targets are depths (B, H, W) float32, NaN or 0 where not measured.

    center, scale  mean of ln depth in the training part, and its deviation: the unit of the network
    farthest       greatest depth that was seen in training
    """

    name = "depth"
    hub_tag = "depth-estimation"
    requirement = "each image has a map of depths"
    needs: ClassVar = {"depth": Maps}
    answers = "map"
    SCORES = DepthScores
    image_score = ImageScore("abs_rel", "mean relative error", "lower")
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "huber": smooth_l1,
        "scale_invariant": scale_invariant,
        "absolute": absolute_error,
    }

    center: float = 0.0
    scale: float = 1.0
    farthest: float = 1.0

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return (
            "a linear output at each pixel for the logarithm of the depth with Huber's loss, "
            "because what counts is the relative error, and edges shall not decide"
        )

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {counted(examples, 'image')}"
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, looks),
            "batch_size": (8, "an image is as many examples as it has pixels"),
            "augment": ("light", "a thing that is enlarged looks nearer than it is"),
        }

    @classmethod
    def check_targets(cls, targets: Columns, where: str) -> None:
        super().check_targets(targets, where)
        if maps(targets).nearest:
            raise DataError(
                "the depths are numbers of classes",
                where=where,
                remedy="Give real numbers: Maps(..., interpolation='linear').",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        logs = [np.log(depths) for depths in measured(maps(targets))]
        values = np.concatenate([np.zeros(0), *logs])
        if not len(values):
            raise DataError(
                "no pixel of the training images has a known depth",
                remedy="Depths are numbers above 0; 0 and NaN stand for what was not measured.",
            )
        spread = float(values.std())
        return cls(
            center=float(values.mean()),
            scale=spread if spread > 0 else 1.0,
            farthest=float(np.exp(values.max())),
            criterion=criterion,
            smoothing=smoothing,
        )

    def output(self) -> Output:
        return Output("map", 1)

    def standardized(self, truth: Tensor) -> Tensor:
        """(B, 1, H, W) true depths (B, H, W) as the network gives them; NaN where not measured."""
        logs = truth.where(truth > 0, torch.nan).log()
        return ((logs - self.center) / self.scale)[:, None]

    def depths(self, outputs: Tensor) -> Tensor:
        """(B, H, W) what the network gives, in the unit of the data; none is beyond reason."""
        logs = outputs[:, 0].clamp(-BEYOND, BEYOND) * self.scale + self.center
        return logs.exp().clamp_max(FARTHEST * self.farthest)

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        wanted = self.standardized(targets["depth"]).to(outputs.dtype)
        loss = self.LOSSES[self.criterion]
        if loss is scale_invariant:
            return scale_invariant(outputs, wanted, reduction="none")
        return known_loss(loss, outputs, wanted)

    def manual_loss(self) -> Loss:
        return SmoothL1() if self.criterion == "huber" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        return self.standardized(targets["depth"])

    def meter(self) -> ScoredMaps:
        return ScoredMaps(self._scored)

    def _scored(
        self, outputs: Tensor, targets: Mapping[str, Any]
    ) -> tuple[Tensor, NDArray[np.float64]]:
        truth = targets["depth"].to(outputs.device)
        # Huber's loss whatever was trained on: a model file does not know of its criterion.
        losses = known_loss(smooth_l1, outputs, self.standardized(truth))
        return losses, image_depths(self.depths(outputs), truth)

    def scores(self, meter: ScoredMaps, baselines: Sequence[Any] = ()) -> DepthScores:
        return depth(meter.images, loss=meter.loss / max(len(meter), 1), baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        column = maps(targets)
        total = torch.zeros(column.size or (1, 1), dtype=torch.float64)
        often = torch.zeros_like(total)
        for some in chunks(column, train):
            known = torch.isfinite(some) & (some > 0)
            total = total + some.where(known, 0).double().sum(0)
            often = often + known.sum(0)
        everywhere = float(total.sum() / often.sum().clamp_min(1))
        mean = torch.where(often > 0, total / often.clamp_min(1), everywhere)
        found = [image_depths(mean.expand_as(some), some) for some in chunks(column, ids)]
        return (mean_map(np.concatenate(found)),)

    def table(
        self, meter: ScoredMaps, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Scores of each image; the largest relative error ranks first."""
        found = meter.images
        rows: list[tuple[Any, ...]] = []
        for scores, rank in zip(found, ranks(-found[:, 0]), strict=True):
            there = not np.isnan(scores[0])
            told = [f"{value:.6f}" for value in scores[:3]] if there else ["", "", ""]
            rows.append((*told, int(rank) if there else ""))
        return ("abs_rel", "rmse", "delta1", "rank"), rows

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Logarithms of depths are averaged: what counts is the relative error."""

        def read(member: Self) -> Callable[[Tensor], Tensor]:
            return lambda outputs: outputs * member.scale + member.center

        def back(mean: Tensor) -> Tensor:
            return ((mean - self.center) / self.scale).float()

        return self, averaged([read(member) for member in members], back)

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[DepthMap]:
        depths = self.depths(outputs.detach().float()).cpu().numpy()
        if frames is None:
            frames = [Frame.identity(one.shape) for one in depths]
        back = (frame.inverse for frame in frames)
        return [
            DepthMap(each.map(one, nearest=False, fill=math.nan), self.steps, self.ends)
            for each, one in zip(back, depths, strict=True)
        ]

    @property
    def steps(self) -> float:
        """Steps of a 16-bit PNG that make one unit of depth: a power of ten for all images alike,
        as fine as the farthest answer allows.
        """
        return 10.0 ** math.floor(math.log10(MOST / (FARTHEST * self.farthest)))

    @property
    def ends(self) -> tuple[float, float]:
        """Of the scale of colors, the same for all images: what is usual in training."""
        reach = 2 * self.scale
        return math.exp(self.center - reach), min(math.exp(self.center + reach), self.farthest)

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """How far all of it is, as the mean of the logarithms; or how far a place is."""
        placed = place_aim(outputs, ("depth",), target, frames)
        return placed or whole_map(outputs, ("depth",), target)

    def at_pixel(self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int) -> PixelAnswer:
        place = place_of(frame, x, y, outputs)
        if place is None:
            return UNSEEN
        far = float(answer.depth[y, x])
        return PixelAnswer("How far what this pixel shows is", (("depth", far, plain(far)),), place)

    def truth(self, targets: Mapping[str, Any]) -> DepthMap:
        found = np.asarray(targets["depth"], np.float32)
        known = np.where(found > 0, found, np.nan).astype(np.float32)
        return DepthMap(known, self.steps, self.ends)

    def meaning(self, scores: DepthScores) -> list[str]:
        return [
            f"On average a depth is {percent(scores.abs_rel, 0)} off.",
            f"{percent(scores.delta1, 0)} of the pixels are within a quarter.",
        ]

    def remarks(self, part: str, scores: DepthScores) -> list[Note]:
        missing = scores.count - scores.measured
        if not missing:
            return []
        text = f"In the {part} part {counted(missing, 'image')} have no pixel of known depth"
        return [Note(f"{text}; they count nowhere.", "warning")]

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        intro = (
            "The truth on the left, the answer on the right, in the same colors from near (dark "
            "blue) to far (yellow); white was not measured."
        )
        return ranked_cases(rows, _note, noun="depths", intro=intro)

    def to_json(self) -> dict[str, Any]:
        return {"center": self.center, "scale": self.scale, "farthest": self.farthest}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"center": float, "scale": float, "farthest": float}
        if (
            decoding.keys() != kinds.keys()
            or misfit(decoding, kinds)
            or not all(math.isfinite(value) for value in decoding.values())
            or min(decoding["scale"], decoding["farthest"]) <= 0
        ):
            raise ModelFileError(f"the decoding of depths is {dict(decoding)!r:.80}")
        center, scale, farthest = (float(decoding[key]) for key in kinds)
        return cls(center=center, scale=scale, farthest=farthest)


def maps(targets: Columns) -> Maps:
    column = targets["depth"]
    assert isinstance(column, Maps)
    return column


def chunks(column: Maps, ids: Ids) -> Iterator[Tensor]:
    """Depths (B, H, W) of these rows, some at a time."""
    for first in range(0, len(ids), CHUNK):
        some = column.batch(ids[first : first + CHUNK])
        assert isinstance(some, Tensor)
        yield some


def measured(column: Maps) -> Iterator[NDArray[np.float64]]:
    """The known depths of some maps, spread over all; a map that cannot be read is passed over."""
    for index in np.unique(np.linspace(0, len(column) - 1, PROBES).astype(int)).tolist():
        try:
            found = column.read(index).astype(np.float64)
        except ImageError:
            continue  # it is named when it is packed
        yield found[np.isfinite(found) & (found > 0)]


def _note(row: Mapping[str, str]) -> str:
    return f"{percent(float(row['abs_rel']))} off, RMSE {plain(float(row['rmse']))}"
