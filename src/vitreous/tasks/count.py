"""Counting: how many things an image shows, by a density that a network gives for each pixel.

Nothing has to be told apart: a network learns a map whose sum is the count, and so it can count
crowds in which no one is seen whole.
Lempitsky and Zisserman (2010), "Learning to count objects in images".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss, SquaredError
from vitreous.data.batches.pack import Rows
from vitreous.data.boxes import Boxes
from vitreous.data.dots import Dots
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ModelFileError
from vitreous.fields import misfit
from vitreous.formats import counted, percent, plain
from vitreous.losses import absolute_error, squared_count, squared_error
from vitreous.metrics.align import UNKNOWN, align
from vitreous.metrics.counting import CountScores, counting, mean_count
from vitreous.metrics.score import Rule
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim, whole_map
from vitreous.tasks.count_answer import Count as Counted
from vitreous.tasks.density import densities, tally
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.pixel_aim import place_aim
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, numbers_at, place_of
from vitreous.tasks.pooled_answers import Pool, averaged, positions
from vitreous.tasks.ranked_cases import ranked_cases
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery, Kind, Scatter, Section, Table
from vitreous.tasks.task import Aligned, Columns, Ids, Task

LOOKS = 6_000  # at images, that a small network takes to learn
SPREAD = 0.15  # of the usual way from one thing to the next: the deviation of a dot's hill
LEAST = 1.0  # pixels of it, below which a hill lies between pixels
FEWEST = 4.0  # things of an image, so that a lonely one has no hill as wide as the image
THINGS = "things"  # what those without a class are called
SCATTERED = 2000  # points of a scatter chart


class CountMeter:
    """Counts of each image beside the truth; of a density, only its sum is kept."""

    def __init__(self, task: Count):
        self.task, self.loss = task, 0.0
        self._answers: list[NDArray[np.float64]] = []
        self._truth: list[NDArray[np.float64]] = []

    def __len__(self) -> int:
        return sum(map(len, self._truth))

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        # The squared error whatever was trained on: a model file does not know of its criterion.
        losses = squared_error(outputs, self.task.wanted(outputs, targets), reduction="none")
        self.loss += float(losses.double().sum())
        self._answers.append(self.task.counts(outputs))
        self._truth.append(tally(targets["dot"], len(self.task.names)).numpy())

    def merge(self, other: Self) -> None:
        self.loss += other.loss
        self._answers += other._answers
        self._truth += other._truth

    @property
    def answers(self) -> NDArray[np.float64]:
        return np.concatenate(self._answers)

    @property
    def truth(self) -> NDArray[np.float64]:
        return np.concatenate(self._truth)


@dataclass(frozen=True, kw_only=True, eq=False)
class Count(Task):
    """A density for each class. Targets are dots, (n, 2) or (n, 3) in each image.

    deviation  of the hill that a dot becomes, in pixels of the network's window
    usual      things that a training image shows on average, where it shows any
    """

    name = "count"
    requirement = "each image has dots"
    needs: ClassVar = {"dot": Dots}
    answers = "map"
    SCORES = CountScores
    image_score = ImageScore("error", "mean error of the count", "lower", share=False)
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "squared": squared_error,
        "absolute": absolute_error,
        "squared_count": squared_count,
    }

    deviation: float = LEAST
    usual: float = FEWEST

    @property
    def names(self) -> tuple[str, ...]:
        """Of the maps: those of the classes, or one."""
        return self.classes or (THINGS,)

    @property
    def scale(self) -> float:
        """What the network gives is the density times this, so that a lonely hill is 1 high."""
        return 2 * math.pi * self.deviation**2

    @classmethod
    def adapt(cls, targets: Columns, where: str) -> Columns:
        """Boxes can be counted as well, by their middles, each class in a map of its own."""
        boxes = targets.get("box")
        if not isinstance(boxes, Boxes) or "dot" in targets:
            return targets
        boxes = boxes.counting()
        middles = (boxes.array[:, :2] + boxes.array[:, 2:] - 1) / 2
        return {"dot": Dots(middles, boxes.sizes, boxes.numbers, boxes.classes)}

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return (
            "a linear output at each pixel with the squared error, because a density has no bound, "
            "and its sum is the count"
        )

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 10, 200))
        looks = f"about {epochs * examples:,} looks at {counted(examples, 'image')}"
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, looks),
            "batch_size": (4, "an image is as many examples as it has pixels"),
        }

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        if targets["dot"].empty:
            raise DataError(
                f"no training image has a dot: there is nothing to count; {found}",
                where=where,
                remedy="Mark each thing with x and y of its middle.",
            )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        column = marked(targets)
        shown = column.tally().sum(axis=1)
        usual = max(FEWEST, float(shown[shown > 0].mean())) if shown.any() else FEWEST
        return cls(classes=column.classes, criterion=criterion, smoothing=smoothing, usual=usual)

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        """Hills as wide as things lie apart: narrow ones are a few pixels among very many, and are
        learned late.
        """
        apart = math.sqrt(height * width / self.usual)
        return replace(self, deviation=max(LEAST, SPREAD * apart))

    def output(self) -> Output:
        return Output("map", len(self.names))

    def wanted(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        """(B, L, H, W) what the network should give."""
        height, width = outputs.shape[-2:]
        maps = densities(targets["dot"], len(self.names), (height, width), self.deviation)
        return self.scale * maps.to(outputs.device, outputs.dtype)

    def counts(self, outputs: Tensor) -> NDArray[np.float64]:
        """(B, L) the sums of the densities; none is below 0."""
        sums = outputs.detach().double().sum((2, 3)) / self.scale
        return np.asarray(sums.clamp_min(0).cpu().numpy())

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        wanted = self.wanted(outputs, targets)
        if self.criterion == "squared_count":
            return squared_count(outputs, wanted, scale=self.scale, reduction="none")
        return self.LOSSES[self.criterion](outputs, wanted, reduction="none")

    def manual_loss(self) -> Loss:
        return HillError(self) if self.criterion == "squared" else super().manual_loss()

    def meter(self) -> CountMeter:
        return CountMeter(self)

    def scores(self, meter: CountMeter, baselines: Sequence[Any] = ()) -> CountScores:
        return counting(
            meter.answers,
            meter.truth,
            self.names,
            loss=meter.loss / max(len(meter), 1),
            baselines=baselines,
        )

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        column = marked(targets)
        learned, wanted = column.take(train).tally(), column.take(ids).tally()
        return (mean_count(learned, wanted, self.names),)

    def table(
        self, meter: CountMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Truth and answer of each class; the largest errors rank first."""
        answers, truth = meter.answers, meter.truth
        errors = np.abs(answers - truth).sum(axis=1)
        columns = [f"{kind} {name}" for name in self.names for kind in ("true", "predicted")]
        rows: list[tuple[Any, ...]] = []
        for true, given, error, rank in zip(truth, answers, errors, ranks(-errors), strict=True):
            cells = [
                cell for t, g in zip(true, given, strict=True) for cell in (int(t), f"{g:.4f}")
            ]
            rows.append((*cells, f"{error:.6f}", int(rank)))
        return (*columns, "error", "rank"), rows

    def align(self, targets: Columns, where: str) -> Aligned:
        """Classes by name; things of classes that the model does not know are not counted."""
        found = super().align(self.adapt(targets, where), where)
        column = marked(found.targets)
        if self.classes == column.classes:
            return found
        if not self.classes:
            everything = Dots(column.array, column.sizes)
            return Aligned({"dot": everything}, found.known, ("All classes are counted as one.",))
        if not column.classes:
            raise DataError(
                f"the dots have no class, and the model counts {', '.join(self.classes)}",
                where=where,
                remedy="Write its class behind each dot.",
            )
        names = align(self.classes, column.classes)
        numbers = np.asarray(names.mapping)
        kept = [dots[numbers[dots[:, 2].astype(int)] != UNKNOWN] for dots in _each(column)]
        for dots in kept:
            dots[:, 2] = numbers[dots[:, 2].astype(int)]
        aligned = Dots.of(kept, self.classes)
        return Aligned({"dot": aligned}, found.known, tuple(names.describe()))

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Densities are averaged."""

        def read(member: Self) -> Callable[[Tensor], Tensor]:
            places = positions(self.names, member.names, self.noun)
            return lambda outputs: outputs[:, places] / member.scale

        def back(mean: Tensor) -> Tensor:
            return (mean * self.scale).float()

        return self, averaged([read(member) for member in members], back)

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[Counted]:
        """Counts, and the density in the image's own pixels, whose sum stays the same."""
        counts = self.counts(outputs)
        density = outputs.detach().float().clamp_min(0).sum(1).cpu().numpy()
        if frames is None:
            frames = [Frame.identity(one.shape) for one in density]
        found = []
        for number, one, frame in zip(counts, density, frames, strict=True):
            here = frame.inverse.map(one, nearest=False, fill=0.0)
            told = _summing(here, float(number.sum()))
            found.append(Counted(self.classes, tuple(number.tolist()), told))
        return found

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """How many of a class there are, as the mean of its density; or its density at a place."""
        placed = place_aim(outputs, self.names, target, frames)
        return placed or whole_map(outputs, self.names, target)

    def at_pixel(self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int) -> PixelAnswer:
        place = place_of(frame, x, y, outputs)
        if place is None:
            return UNSEEN
        density = float(answer.density[y, x])
        parts = np.maximum(numbers_at(frame, x, y, outputs.clamp_min(0)), 0).astype(np.float64)
        parts *= density / max(parts.sum(), 1e-30)
        rows = zip(self.names, parts.tolist(), map(plain, parts), strict=True)
        return PixelAnswer("Things in this pixel; all pixels add up to the count", (*rows,), place)

    def truth(self, targets: Mapping[str, Any]) -> Counted:
        dots = targets["dot"]
        counts = tally([torch.from_numpy(dots)], len(self.names))[0]
        return Counted(self.classes, tuple(counts.tolist()), places=dots[:, :2].astype(np.float64))

    def meaning(self, scores: CountScores) -> list[str]:
        words = [f"On average a count is {plain(scores.mae)} off."]
        if scores.relative_error is not None:
            share = percent(scores.relative_error, 0)
            words.append(f"That is {share} of what an image shows.")
        return words

    def sections(
        self, scores: CountScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        shown = rows[:: max(1, math.ceil(len(rows) / SCATTERED))]
        charts = [
            Scatter(
                name,
                [float(row[f"true {name}"]) for row in shown],
                [float(row[f"predicted {name}"]) for row in shown],
            )
            for name in self.names
        ]
        if shown:
            yield Section(
                "answers", "Answers", charts, layout="grid" if len(charts) > 1 else "under"
            )
        columns: list[tuple[str, Kind]] = [
            *(("Class", "name"), ("Things", "count"), ("Mean error", "number"), ("RMSE", "number")),
            *(("Too many", "number"), ("Relative error", "share"), ("95 % interval", "range")),
        ]
        cells = [
            (
                *(row.name, row.things, row.mae, row.rmse, row.bias, row.relative_error),
                row.relative_error_interval,
            )
            for row in scores.per_class
        ]
        yield Section("counts", "Counts", [Table("Errors", columns, cells)])

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        intro = "Each thing as a dot on the left, the density on the right: its sum is the count."
        return ranked_cases(rows, self._note, noun="counts", intro=intro)

    def _note(self, row: Mapping[str, str]) -> str:
        pairs = [(float(row[f"predicted {name}"]), row[f"true {name}"]) for name in self.names]
        told = [f"{given:.1f} of {true}" for given, true in pairs]
        if not self.classes:
            return told[0]
        return ", ".join(f"{n} {words}" for n, words in zip(self.names, told, strict=True))

    def to_json(self) -> dict[str, Any]:
        return {"deviation": self.deviation}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"deviation": float}
        deviation = decoding.get("deviation", 0.0)
        if decoding.keys() != kinds.keys() or misfit(decoding, kinds) or not deviation >= LEAST:
            raise ModelFileError(f"the decoding of counts is {dict(decoding)!r:.80}")
        return cls(classes=tuple(classes), deviation=float(deviation))


class HillError(SquaredError):
    """The squared error by hand, of targets that are dots."""

    def __init__(self, task: Count):
        super().__init__()
        self.task = task

    def losses(self, outputs: Tensor, targets: Any) -> Tensor:
        return super().losses(outputs, self.task.wanted(outputs, {"dot": targets}))


def marked(targets: Columns) -> Dots:
    column = targets["dot"]
    assert isinstance(column, Dots)
    return column


def _each(column: Dots) -> list[NDArray[np.float32]]:
    return column.gather(np.arange(len(column)))


def _summing(density: NDArray[np.float32], count: float) -> NDArray[np.float32]:
    """The same density, raised or lowered so that its sum is the count."""
    total = float(density.sum(dtype=np.float64))
    return density * np.float32(count / total) if total > 0 else density
