"""What a report shows, as plain values; `report` lays it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vitreous.metrics.scores import Scores
from vitreous.report.findings import Note


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image with what it is and what the model made of it.

    image        bytes of a PNG, JPEG, WebP or GIF file; see `thumbnail`
    id           which example it is
    truth        its class; for several labels, a sentence such as "cat, dog"
    predicted    what the model answered, if it was asked
    probability  of the answer; likelihood: that the model gave the true class
    """

    image: bytes
    id: str
    truth: str
    predicted: str | None = None
    probability: float | None = None
    likelihood: float | None = None


@dataclass(frozen=True)
class Setting:
    """A setting of the recipe. A reason says why it was chosen, where it was not given by hand."""

    value: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What the network was trained and measured on.

    name       of the data set, and where it came from
    examples   number of images of each part, in the order of their use
    counts     for each part the number of images of each class, in the order of `classes`
    sizes      (width, height, how many images), any order; perhaps of a sample
    channels   1 gray, 3 RGB, or another number
    bad        (id, reason) of each image that could not be decoded and was left out
    duplicates pairs of ids of equal images within a part; leaks: in different parts
    """

    name: str
    examples: Mapping[str, int]
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    sizes: Sequence[tuple[int, int, int]] = ()
    channels: int | None = None
    bad: Sequence[tuple[str, str]] = ()
    duplicates: Sequence[tuple[str, str]] = ()
    leaks: Sequence[tuple[str, str]] = ()
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All that a report shows. Whatever is left empty is left out.

    title       name of the run
    model       name of the architecture; input: the pixels it takes, such as "3 × 224 × 224"
    parameters  trained and frozen together; macs: multiply-adds for one image
    task        classify or label
    classes     names, in the model's order
    validation, test  scores, each with its baselines; a part that was not scored is None
    curves      one mapping an epoch: epoch, step, train_loss, validation_loss, lr, and any of
                train_ and validation_ with accuracy, balanced_accuracy, map
    best_epoch  the epoch whose weights were kept
    mistakes    the most confident ones first; right: a sample of right answers
    augmented   training images as the network saw them
    recipe      settings by name, in the order in which they are shown
    timings     seconds by stage, in order
    test_uses   how often the test part was scored so far, this time included
    """

    title: str
    model: str
    task: Literal["classify", "label"]
    classes: tuple[str, ...]
    input: str = ""
    parameters: int | None = None
    macs: int | None = None
    validation: Scores | None = None
    test: Scores | None = None
    curves: Sequence[Mapping[str, float]] = ()
    best_epoch: int | None = None
    mistakes: Sequence[Picture] = ()
    right: Sequence[Picture] = ()
    augmented: Sequence[Picture] = ()
    data: DataSummary | None = None
    recipe: Mapping[str, Setting] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    test_uses: int | None = None
    command: str = ""
    created: str = ""
    version: str = ""
