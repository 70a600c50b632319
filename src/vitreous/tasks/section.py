"""Sections of a report as plain values: tables, matrices, galleries that a task fills, and that
`vitreous.report` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from vitreous.metrics.calibration import Bin

Kind: TypeAlias = Literal["name", "count", "share", "number", "range", "text"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Pairs:
    """Names with what they are: (name, value in words)."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows under named columns; long ones are folded.

    columns  (title, kind): how cells are written. name: a row's heading; count: a whole number;
             share: a fraction, in percent with a bar; number: any number; range: (low, high) of a
             fraction, or None; text: as it is. None is written as a dash
    """

    caption: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Matrix:
    """Which class was taken for which.

    counts  (L, L): rows are what is true, columns what the model answered
    noun    what was counted: "image", "pixel"
    """

    classes: Sequence[str]
    counts: NDArray[Any]
    noun: str = "image"


@dataclass(frozen=True)
class Reliability:
    """How often predictions of each confidence are right.

    label  what the bars are, such as "Share of right answers"
    """

    bins: Sequence[Bin]
    label: str


@dataclass(frozen=True)
class Scatter:
    """Points (truth, answer) against the diagonal of perfect answers.

    unit  of both axes
    """

    title: str
    truth: Sequence[float]
    answer: Sequence[float]
    unit: str = ""


Block: TypeAlias = Text | Pairs | Table | Matrix | Reliability | Scatter


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading of its own.

    anchor  its place in the page, such as "confusion"
    beside  do the blocks stand side by side where there is room?
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    beside: bool = False


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example of a gallery, with what the model made of it.

    id            which example it is
    answer, truth in words; what is empty is left out
    answer_share  how sure the model was of its answer, in [0, 1]; truth_share: how likely it held
                  the truth
    note          a number that says how well it did, such as "IoU 0.31"
    """

    id: str
    answer: str = ""
    answer_share: float | None = None
    truth: str = ""
    truth_share: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Examples to look at, under a heading.

    kind  mistakes and right are marked as wrong and as right; cases are shown as they are
    """

    anchor: str
    title: str
    intro: str
    cases: Sequence[Case]
    kind: Literal["mistakes", "right", "cases"] = "cases"
