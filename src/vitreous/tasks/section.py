"""Sections of a report as plain values: notes, tables, matrices, galleries that a task fills, and
that `vitreous.report` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vitreous.metrics.calibration import Bin
from vitreous.metrics.confusion import ConfusionCounts

Kind: TypeAlias = Literal["name", "count", "share", "number", "range", "text"]


@dataclass(frozen=True)
class Note:
    """Something the reader should know. warning: the numbers suffer; advice: what to try next."""

    text: str
    kind: Literal["warning", "advice", "note"] = "note"


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
    """Rows under named columns; of a long table, the rest is folded away.

    caption  how the rows are ordered, such as "Weakest first"
    columns  (title, kind): how cells are written. name: the heading of a row; count: a whole
             number; share: a fraction, in percent with a bar; number: any number; range: (low,
             high) of a fraction; text: as it is. None is written as a dash
    first    what the rows are that come first, such as "weakest", to name those in view
    """

    caption: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Any]]
    first: str = "first"


@dataclass(frozen=True)
class Matrix:
    """Which class was taken for which.

    cells  of it: rows are what is true, columns what the model answered
    noun   what was counted: "image", "pixel"
    """

    classes: Sequence[str]
    cells: ConfusionCounts
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

    unit  of both, such as "px"
    """

    title: str
    truth: Sequence[float]
    answer: Sequence[float]
    unit: str = ""


@dataclass(frozen=True)
class Curves:
    """Shares over something else, each curve with its name.

    places  of the points on the horizontal axis, which is called `axis`
    lines   (name, a share for each place)
    """

    title: str
    axis: str
    places: Sequence[float]
    lines: Sequence[tuple[str, Sequence[float]]]


Block: TypeAlias = Text | Pairs | Table | Matrix | Reliability | Scatter | Curves


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading of its own.

    anchor  its place in the page, such as "confusion"
    layout  under: one block under the other; beside: the first has the others at its side, where
            there is room; grid: all of one size, in two columns
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    layout: Literal["under", "beside", "grid"] = "under"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example of a gallery, with what the model made of it; what is empty is left out.

    id            which example it is
    answer        what the model said
    answer_share  how sure it was, in [0, 1]
    truth         what would have been right, such as "is a cat"
    truth_share   how likely the model held that, in [0, 1]
    note          a number that says how well it did, such as "IoU 0.31"
    """

    id: str
    answer: str = ""
    answer_share: float | None = None
    truth: str = ""
    truth_share: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Examples to look at, under a heading.

    short  its title in the table of contents, where that should be shorter
    kind   mistakes and right are marked as wrong and as right; cases are shown as they are
    drawn  are truth and answer drawn on the image, side by side?
    abreast how many pictures each of those is
    explained is the evidence for the answer shown beside the image?
    legend what is drawn in which color: names, and RGB from 0 to 255
    """

    anchor: str
    title: str
    cases: Sequence[Case]
    short: str = ""
    intro: str = ""
    kind: Literal["mistakes", "right", "cases"] = "cases"
    drawn: bool = False
    abreast: int = 2
    explained: bool = False
    legend: Sequence[tuple[str, tuple[int, int, int]]] = ()
