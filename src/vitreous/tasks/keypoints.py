"""Key points: where the named points of a thing lie, such as the joints of a body (pose)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from vitreous.backprop.layers import Loss, SmoothL1
from vitreous.data.batches.pack import Rows
from vitreous.data.images.frame import Frame
from vitreous.data.points import Points
from vitreous.errors import DataError, ModelFileError, unknown
from vitreous.fields import misfit
from vitreous.formats import counted, percent, plain
from vitreous.losses import absolute_error, smooth_l1, squared_error
from vitreous.metrics.pck import KeyPointScores, answering_points, image_pck, key_points
from vitreous.metrics.score import Rule
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim
from vitreous.tasks.meter import Table as PointTable
from vitreous.tasks.point_answer import KeyPoints
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Case, Gallery, Kind, Note, Section, Table
from vitreous.tasks.task import Aligned, Columns, Ids, Task

SHOWN = 12  # images in a gallery
UNIT = 5  # outputs from one side of the window to the other
DELTA = 0.25  # outputs, a twentieth of the window: from there on distance counts linearly


@dataclass(frozen=True, kw_only=True, eq=False)
class Keypoints(Task):
    """Two linear outputs a point. Targets are points (B, P, 3): x, y, visible, in the window.

    The network gives x and y from the middle of the window, in fifths of its sides, whatever its
    size. A point that is not visible counts neither in the loss nor in a score; the others of its
    image count for it. Toshev and Szegedy (2014), "DeepPose", arXiv:1312.4659, section 3.

    points  their names
    size    height and width of the network's window
    """

    name = "keypoints"
    requirement = "each image has points"
    needs: ClassVar = {"point": Points}
    noun = "point"
    SCORES = KeyPointScores
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "huber": partial(smooth_l1, delta=DELTA),
        "absolute": absolute_error,
        "squared": squared_error,
    }

    points: tuple[str, ...] = ()
    size: tuple[int, int] = (1, 1)

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return (
            "two linear outputs for each point with Huber's loss, because places are numbers and "
            "a point that is hard to find shall not decide"
        )

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        reason = "features that name a thing forget where it is"
        return {**super().prefers(channels, examples, criterion), "freeze": ("none", reason)}

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

    def within(self, height: int, width: int) -> Self:
        return replace(self, size=(height, width))

    def output(self) -> Output:
        return Output("vector", 2 * len(self.points))

    def normalized(self, places: Tensor) -> Tensor:
        """Places (..., 2) in the window as the network gives them."""
        sides = places.new_tensor(self.size).flip(0)
        return ((places + 0.5) / sides - 0.5) * UNIT

    def places(self, outputs: Tensor) -> Tensor:
        """(B, P, 2) x and y in the window, float64."""
        sides = torch.tensor(self.size, dtype=torch.float64).flip(0)
        numbers = outputs.double().cpu().reshape(len(outputs), -1, 2)
        return (numbers / UNIT + 0.5) * sides - 0.5

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        truth = targets["point"]
        wanted, seen = self.normalized(truth[..., :2]).flatten(1), truth[..., 2] > 0
        both = seen.repeat_interleave(2, dim=1)
        # A point that is not seen is answered perfectly, and the mean is over the others.
        given = outputs.where(both, wanted.to(outputs.dtype))
        mean: Tensor = self.LOSSES[self.criterion](
            given, wanted.to(outputs.dtype), reduction="none"
        )
        counted: Tensor = seen.shape[1] / seen.sum(1).clamp_min(1)
        return mean * counted

    def manual_loss(self) -> Loss:
        return SmoothL1(delta=DELTA) if self.criterion == "huber" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """NaN where a point is not seen."""
        truth = targets["point"]
        wanted = self.normalized(truth[..., :2])
        return wanted.where(truth[..., 2:] > 0, torch.nan).flatten(1)

    def meter(self) -> PointTable:
        return PointTable(self.places, "point")

    def scores(self, meter: PointTable, baselines: Sequence[Any] = ()) -> KeyPointScores:
        answers, truth = torch.from_numpy(meter.answers), torch.from_numpy(meter.truth)
        losses = self.loss(self.normalized(answers).flatten(1), {"point": truth.double()})
        return key_points(
            meter.answers, meter.truth, self.points, loss=float(losses.mean()), baselines=baselines
        )

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
        self, meter: PointTable, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """PCK and mean error of each image; the largest error ranks first."""
        pck, errors = image_pck(meter.answers, meter.truth, self.points)
        places = ranks(np.where(np.isfinite(errors), -errors, np.inf))
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
        return Aligned({"point": Points(column.array[:, order], self.points)}, found.known, notes)

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[KeyPoints]:
        places = self.places(outputs).numpy()
        if frames is not None:
            back = (frame.inverse for frame in frames)
            places = np.array([one.points(each) for one, each in zip(back, places, strict=True)])
        told = np.concatenate([places, np.ones_like(places[..., :1])], axis=2)
        return [KeyPoints(self.points, each) for each in told]

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """How far a point lies from the middle of the window, where a network that sees nothing
        would put it: of the point that is named, or of all together.
        """
        if target and target not in self.points:
            raise unknown(self.noun, target, self.points, where="target")
        some = [self.points.index(target)] if target else [*range(len(self.points))]

        def distance(out: Tensor) -> Tensor:
            places = out.reshape(len(out), -1, 2)[:, some]
            far: Tensor = (places.square().sum(2) + 1e-12).sqrt().sum(1)
            return far

        return Aim((target or "all points",) * len(outputs), distance)

    def truth(self, targets: Mapping[str, Any]) -> KeyPoints:
        return KeyPoints(self.points, targets["point"].astype(np.float64))

    def meaning(self, scores: KeyPointScores) -> list[str]:
        words = [f"On average an answer is {scores.all[-1].text} off."]
        if scores.pck is not None:
            near = f"{percent(scores.pck, 0)} of the visible points are found"
            words.insert(0, f"{near}, to within a fifth of the {scores.size_word}.")
        return words

    def remarks(self, part: str, scores: KeyPointScores) -> list[Note]:
        notes = []
        never = [row.name for row in scores.per_point if not row.count]
        if never:
            text = f"The {part} part never shows {', '.join(never[:8])}; nothing is known of these."
            notes.append(Note(text, "warning"))
        if scores.by_extent:
            images = counted(scores.by_extent, "image")
            text = f"In the {part} part no torso is seen in {images}: the extent of their points "
            notes.append(Note(f"{text}is their size, which forgives more."))
        if scores.judged < scores.points:
            alone = counted(scores.points - scores.judged, "point")
            text = f"In the {part} part {alone} stand alone in their image, which has no size: they"
            notes.append(Note(f"{text} count in the mean error, and not in PCK."))
        return notes

    def sections(
        self, scores: KeyPointScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        weakest = sorted(scores.per_point, key=lambda row: 2.0 if row.pck is None else row.pck)
        columns: list[tuple[str, Kind]] = [
            ("Point", "name"),
            ("Seen", "count"),
            ("PCK", "share"),
            ("95 % interval", "range"),
            ("Mean error (px)", "number"),
        ]
        cells = [(row.name, row.count, row.pck, row.interval, row.error) for row in weakest]
        table = Table("Weakest first", columns, cells, first="weakest")
        yield Section("points", "Points", [table])

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
        middle, half = len(ranked) // 2, SHOWN // 2
        for anchor, title, chosen in (
            ("farthest", "Largest errors", ranked[:SHOWN]),
            ("middling", "Errors of the middle", ranked[middle : middle + half]),
            ("nearest", "Smallest errors", ranked[::-1][:half]),
        ):
            cases = [Case(id=row["path"], note=_note(row)) for row in chosen]
            intro = "The truth on the left, the answer on the right."
            yield Gallery(anchor=anchor, title=title, intro=intro, cases=cases, drawn=True)

    def to_json(self) -> dict[str, Any]:
        return {"points": [*self.points], "size": [*self.size]}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"points": tuple[str, ...], "size": tuple[int, ...]}
        names, size = (tuple(decoding.get(key, ())) for key in kinds)
        if (
            decoding.keys() != kinds.keys()
            or misfit(decoding, kinds)
            or not names
            or len(size) != 2
            or min(size) < 1
        ):
            raise ModelFileError(f"the decoding of points is {dict(decoding)!r:.80}")
        return cls(points=names, size=(size[0], size[1]))


def points(targets: Columns) -> Points:
    column = targets["point"]
    assert isinstance(column, Points)
    return column


def _note(row: Mapping[str, str]) -> str:
    error = f"{plain(float(row['error']))}\u202fpx"
    return f"PCK {percent(float(row['pck']), 0)}, {error}" if row["pck"] else error
