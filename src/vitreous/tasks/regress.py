"""Regression: real numbers about an image, such as an age, a width in pixels or an angle."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss, SquaredError
from vitreous.data.batches.pack import Rows
from vitreous.data.columns import ClassNumbers, Column, Marks, Numbers
from vitreous.data.manifest_words import number
from vitreous.errors import DataError, ModelFileError
from vitreous.fields import misfit
from vitreous.formats import plain
from vitreous.losses import absolute_error, smooth_l1, squared_error
from vitreous.metrics.regression import RegressionScores, answering, mean_answer, regression
from vitreous.metrics.score import Rule
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim, one_of
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import Table as NumberTable
from vitreous.tasks.neighbors import neighbors
from vitreous.tasks.pooled_answers import Pool, averaged, positions
from vitreous.tasks.quantities import Quantities
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Case, Gallery, Kind, Scatter, Section, Table
from vitreous.tasks.task import Aligned, Columns, Ids, Task

FEW, USUAL = 20, 5  # different values, and images of each, that look like classes
SHOWN = 24  # images in a gallery
NAMELESS = {("label",), ("value",)}  # of a quantity that nobody has given a name
SCATTERED = 2000  # points of a scatter chart
UNIT = re.compile(r"\(([^()]+)\)$|_(px|mm|cm|m|km|deg|kg|g|s|ms|years)$")


@dataclass(frozen=True, kw_only=True, eq=False)
class Regress(Task):
    """A linear output for each quantity. Targets are numbers (B, K) float32.

    The network gives numbers in units of each quantity's deviation from its mean, which is what
    losses see; answers and scores are in the quantity's own unit.

    names   of the quantities
    center  (K,) mean of each in the training part; scale: its deviation there
    """

    name = "regress"
    requirement = "each image has numbers"
    needs: ClassVar = {"value": Numbers}
    noun = "quantity"
    SCORES = RegressionScores
    image_score = ImageScore("error", "mean error in standard deviations", "lower", share=False)
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "squared": squared_error,
        "huber": smooth_l1,
        "absolute": absolute_error,
    }

    names: tuple[str, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """What all numbers are counted in, where their names tell: `width (px)` or `width_px`."""
        found = {unit_of(name) for name in self.names}
        return found.pop() if len(found) == 1 else ""

    @classmethod
    def adapt(cls, targets: Columns, where: str) -> Columns:
        """Classes that are all called by numbers are quantities, if they are asked for as such."""
        labels = targets.get("class")
        if not isinstance(labels, ClassNumbers) or "value" in targets:
            return targets
        values = [number(name) for name in labels.classes]
        if None in values:
            word = labels.classes[values.index(None)]
            raise DataError(
                f"the label '{word}' is no number",
                where=where,
                remedy="Leave --task out, or give every image a number.",
            )
        table = np.array(values, np.float64)[labels.array]
        return {"value": Numbers(table, ["value"])}

    @classmethod
    def doubts(cls, targets: Columns) -> list[str]:
        column = numbers(targets)
        values, repeats = np.unique(column.array, return_counts=True)
        whole = bool((values == np.round(values)).all())
        if not whole or len(column.names) > 1 or len(values) > FEW or repeats.mean() < USUAL:
            return []
        return [
            f"'{column.names[0]}' has {len(values)} different values, all of them whole: if they "
            "are classes, give whole numbers or names in their place"
        ]

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return CODINGS["numbers"].explain(len(outputs))

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        """A mirror image of a thing at the left shows it at the right: numbers may not hold."""
        reason = "a mirror, a shift or a crop may make the numbers wrong"
        return {**super().prefers(channels, examples, criterion), "augment": ("none", reason)}

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        column = numbers(targets)
        for name, values in zip(column.names, column.array.T, strict=True):
            if values.min() == values.max():
                raise DataError(
                    f"'{name}' is {plain(float(values[0]))} in all {len(values):,} training "
                    f"images: there is nothing to learn; {found}",
                    where=where,
                    remedy="Leave that column out, or add images of other values.",
                )

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        column = numbers(targets)
        table = column.array.astype(np.float64)
        spread = table.std(axis=0)
        return cls(
            names=column.names,
            center=tuple(table.mean(axis=0).tolist()),
            scale=tuple(np.where(spread > 0, spread, 1.0).tolist()),
            criterion=criterion,
            smoothing=smoothing,
        )

    def output(self) -> Output:
        return Output("vector", len(self.names))

    def standardized(self, values: Tensor) -> Tensor:
        """Numbers as the network gives them."""
        center, scale = (values.new_tensor(each) for each in (self.center, self.scale))
        # What float32 rounds off the center would be off in each answer.
        rest = values.new_tensor(np.subtract(self.center, center.tolist()))
        return (values - center - rest) / scale

    def numbers(self, outputs: Tensor) -> Tensor:
        """What the network gives, in the quantities' own units, (B, K) float64."""
        center, scale = (
            torch.tensor(each, dtype=torch.float64) for each in (self.center, self.scale)
        )
        return outputs.double().cpu() * scale + center

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        wanted = self.standardized(targets["value"])
        return self.LOSSES[self.criterion](outputs, wanted, reduction="none")

    def manual_loss(self) -> Loss:
        return SquaredError() if self.criterion == "squared" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        return self.standardized(targets["value"])

    def meter(self) -> NumberTable:
        return NumberTable(self.numbers, "value")

    def scores(self, meter: NumberTable, baselines: Sequence[Any] = ()) -> RegressionScores:
        answers, truth = torch.from_numpy(meter.answers), torch.from_numpy(meter.truth)
        loss = self.loss(self.standardized(answers), {"value": truth.double()}).mean()
        return regression(
            meter.answers,
            meter.truth,
            self.names,
            unit=self.unit,
            loss=float(loss),
            baselines=baselines,
        )

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        column = targets["value"]
        learned, wanted = column.gather(train), column.gather(ids)
        found = neighbors(rows, train, ids)
        neighbor = answering(
            learned[found.nearest],
            wanted[found.queries],
            name="neighbor",
            title="nearest neighbor on pixels",
            detail=found.detail,
            unit=self.unit,
        )
        return mean_answer(learned, wanted, unit=self.unit), neighbor

    def table(
        self, meter: NumberTable, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Truth and answer of each quantity; the largest errors, by the scale, rank first."""
        answers, truth = meter.answers, meter.truth.astype(np.float64)
        errors = np.abs((answers - truth) / np.array(self.scale)).mean(axis=1)
        columns = [f"{kind} {name}" for name in self.names for kind in ("true", "predicted")]
        rows: list[tuple[Any, ...]] = []
        for true, given, error, rank in zip(truth, answers, errors, ranks(-errors), strict=True):
            cells = [f"{v:.9g}" for pair in zip(true, given, strict=True) for v in pair]
            rows.append((*cells, f"{error:.6f}", int(rank)))
        return (*columns, "error", "rank"), rows

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Numbers are averaged, in their own units."""

        def read(member: Self) -> Callable[[Tensor], Tensor]:
            places = positions(self.names, member.names, self.noun)
            return lambda outputs: member.numbers(outputs)[:, places]

        return self, averaged([read(member) for member in members], self.standardized)

    @classmethod
    def of_images(cls, rows: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """By the spread of the truth in these rows, which is the same for all models; `error` is
        by that of the data that a model was trained on.
        """
        names = [column[5:] for column in rows[0] if column.startswith("true ")] if rows else []
        truth, answers = (
            np.array([[float(row[f"{kind} {name}"]) for name in names] for row in rows])
            for kind in ("true", "predicted")
        )
        spread = truth.std(axis=0)
        spread[spread == 0] = 1
        found: NDArray[np.float64] = np.abs((answers - truth) / spread).mean(axis=1)
        return found

    def align(self, targets: Columns, where: str) -> Aligned:
        """Quantities by name, in the model's order, also where all happen to be 0 or 1."""
        marks = targets.get("class")
        if isinstance(marks, Marks) and set(self.names) <= set(marks.classes):
            targets = {"value": Numbers(marks.array, marks.classes)}
        found = super().align(targets, where)
        column = numbers(found.targets)
        if {self.names, column.names} <= NAMELESS:
            column = Numbers(column.array, self.names)
        missing = [name for name in self.names if name not in column.names]
        if missing:
            raise DataError(
                f"the data do not have the quantities {', '.join(missing)}; they have "
                f"{', '.join(column.names)}",
                where=where,
                remedy="Name the columns as they were in training.",
            )
        places = [column.names.index(name) for name in self.names]
        others = [name for name in column.names if name not in self.names]
        notes = (f"The model does not know {', '.join(others)}.",) if others else ()
        ordered = Numbers(column.array[:, places], self.names)
        return Aligned({"value": ordered}, found.known, notes)

    def decode(self, outputs: Tensor, frames: Any = None, top: int = 5) -> list[Quantities]:
        units = tuple(unit_of(name) for name in self.names)
        values = self.numbers(outputs).tolist()
        return [Quantities(self.names, tuple(row), units) for row in values]

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """A quantity, in deviations from its mean: the one that is named, or the farthest off."""
        return one_of(self.names, outputs.abs().argmax(1), target, self.noun)

    def meaning(self, scores: RegressionScores) -> list[str]:
        far = scores.all[1].text
        words = [f"On average an answer is {far} off."]
        if scores.r2 is not None and scores.r2 > 0:
            words.append(f"{100 * scores.r2:.0f} % of the variance is explained.")
        return words

    def sections(
        self, scores: RegressionScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        shown = rows[:: max(1, math.ceil(len(rows) / SCATTERED))]
        charts = [
            Scatter(
                name,
                [float(row[f"true {name}"]) for row in shown],
                [float(row[f"predicted {name}"]) for row in shown],
                unit_of(name),
            )
            for name in self.names
        ]
        if shown:
            yield Section(
                "answers", "Answers", charts, layout="grid" if len(charts) > 1 else "under"
            )
        if len(scores.per_quantity) > 1:
            columns: list[tuple[str, Kind]] = [("Quantity", "name")]
            columns += [("RMSE", "number"), ("MAE", "number"), ("R²", "number")]
            cells = [(row.name, row.rmse, row.mae, row.r2) for row in scores.per_quantity]
            yield Section("quantities", "Quantities", [Table("Errors", columns, cells)])

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        ranked = sorted(rows, key=lambda row: int(row["rank"]))
        cases = [
            Case(id=row["path"], answer=self._told(row, "predicted"), truth=self._told(row, "true"))
            for row in ranked[:SHOWN]
        ]
        intro = "First what the model said, then what is true."
        yield Gallery(anchor="errors", title="Largest errors", intro=intro, cases=cases)

    def _told(self, row: Mapping[str, str], kind: str) -> str:
        values = tuple(float(row[f"{kind} {name}"]) for name in self.names)
        return Quantities(self.names, values, tuple(unit_of(name) for name in self.names)).text

    def to_json(self) -> dict[str, Any]:
        return {"names": [*self.names], "center": [*self.center], "scale": [*self.scale]}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"names": tuple[str, ...], "center": tuple[float, ...], "scale": tuple[float, ...]}
        names, center, scale = (decoding.get(key, ()) for key in kinds)
        if (
            decoding.keys() != kinds.keys()
            or misfit(decoding, kinds)
            or not len(names) == len(center) == len(scale) > 0
            or not all(math.isfinite(number) for number in (*center, *scale))
            or min(scale) <= 0
        ):
            raise ModelFileError(f"the decoding of numbers is {dict(decoding)!r:.80}")
        return cls(
            names=tuple(names), center=tuple(map(float, center)), scale=tuple(map(float, scale))
        )


def numbers(targets: Columns) -> Numbers:
    column: Column = targets["value"]
    assert isinstance(column, Numbers)
    return column


def unit_of(name: str) -> str:
    """The unit at the end of a quantity's name.

    >>> unit_of("width (px)"), unit_of("width_px"), unit_of("width")
    ('px', 'px', '')
    """
    found = UNIT.search(name)
    return (found[1] or found[2]).strip() if found else ""
