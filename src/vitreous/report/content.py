"""What a report shows, as plain values; `render` lays it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vitreous.metrics.score import Scores
from vitreous.tasks.section import Case, Gallery, Note, Section


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A case with its image.

    image  bytes of a PNG, JPEG, WebP or GIF file; see `thumbnail`
    """

    image: bytes
    case: Case


@dataclass(frozen=True)
class Setting:
    """A setting of the recipe. A reason says why it was chosen, where it was not given by hand.

    usual  it is what it is unless something else is asked for, and nothing chose it
    """

    value: str
    reason: str = ""
    usual: bool = False


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What the network was trained and measured on.

    name       of the data set, and where it came from
    examples   number of images of each part, in the order of their use
    counts     for each part the number of images of each class, all parts in one order of classes
    noun       what such a class is called: "class" or "label"
    sizes      (width, height, how many images), any order; perhaps of a sample
    channels   1 gray, 3 RGB, or another number
    bad        (id, reason) of each image that could not be decoded and was left out
    duplicates pairs of ids of equal images within a part; leaks: in different parts
    """

    name: str
    examples: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    noun: str = "class"
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
    answers     what the model can say, in a few words, such as "10 classes"
    validation, test  scores, each with its baselines; a part that was not scored is None
    meaning     the headline score in plain words, one sentence each
    curves      one mapping an epoch: epoch, step, lr, train_loss, validation_loss, and any other
                score as train_... or validation_...
    best_epoch  the epoch whose weights were kept
    sections    what the task tells about its scores
    galleries   each with those of its cases whose image there is
    augmented   training images as the network saw them
    recipe      settings by name, in the order in which they are shown
    timings     seconds by stage, in order
    test_uses   how often the test part was scored so far, over all runs, this time included
    """

    title: str
    model: str
    input: str = ""
    parameters: int | None = None
    macs: int | None = None
    answers: str = ""
    validation: Scores | None = None
    test: Scores | None = None
    meaning: Sequence[str] = ()
    curves: Sequence[Mapping[str, float]] = ()
    best_epoch: int | None = None
    sections: Sequence[Section] = ()
    galleries: Sequence[tuple[Gallery, Sequence[Picture]]] = ()
    augmented: Sequence[Picture] = ()
    data: DataSummary | None = None
    recipe: Mapping[str, Setting] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    test_uses: int | None = None
    command: str = ""
    created: str = ""

    @property
    def parts(self) -> dict[str, Scores]:
        """The parts that were scored, by name, the one to judge by first."""
        known = {"test": self.test, "validation": self.validation}
        return {name: scores for name, scores in known.items() if scores is not None}
