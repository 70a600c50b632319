"""A task: what a target means, and all that follows from it, from the loss to the report.

Outside this package nothing knows which task is at hand: data know how targets move, the loop knows
that a loss gives one number an example, the report knows how to draw a table. A new task is a file
here and a row of `TASKS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss
from vitreous.data.batches.augmentation import Pretext, Renewal
from vitreous.data.batches.pack import Rows
from vitreous.data.columns import Column
from vitreous.data.dataset import Dataset
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ModelFileError, UsageError, unknown
from vitreous.metrics.score import Rule, Scores
from vitreous.models.network import Output, OutputKind
from vitreous.tasks.aim import Aim
from vitreous.tasks.answer import Answer
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import Meter
from vitreous.tasks.pixel_answer import PixelAnswer
from vitreous.tasks.pooled_answers import Pool
from vitreous.tasks.section import Gallery, Note, Section

Ids = NDArray[np.int64]
Columns = Mapping[str, Column]
Kinds = Mapping[str, type[Column]]
Stage = Literal["learning", "measuring", "answering"]


@dataclass(frozen=True)
class Aligned:
    """Targets of other data in the terms of a trained task.

    targets  columns, with classes numbered as the model numbers them
    known    (N,) bool: examples that the model can get right
    notes    what does not match, one sentence each
    """

    targets: Columns
    known: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Task(ABC):
    """A kind of question about an image, with all that its answers depend on.

    name         its key in TASKS
    requirement  what data of this kind are like, as a sentence about them
    needs        the columns that data must have, by name
    unlabeled    images without labels will do: it makes its targets of them
    answers      vector: a network gives some numbers an image; map: some for each place of it;
                 where that depends on the loss, what the first loss needs
    window       how an image that is not square is fitted, unless the user says otherwise
    longest      pixels of the longer side of an image that places of a map are told of, unless the
                 user says otherwise
    noun         what one of the classes is called
    hub_tag      what model hubs call this task; "" where they have no word for it
    one_class    each image has one of the classes, in the column "class", as classic methods need
    LOSSES       criteria by name; the first is the default
    SCORES       the type of its scores
    image_score  the number of each image in `table` by which two models are compared; None where
                 there is none
    classes      names, in the order of the network's outputs; empty where there are none
    criterion    name of the loss
    smoothing    share of each target that is spread evenly over the possible answers
    balance      (L,) factors on classes, or on the presence of labels, against rare ones
    noise        what clean images are given before a network sees them; "": they are as they are
    """

    name: ClassVar[str]
    requirement: ClassVar[str]
    needs: ClassVar[Kinds]
    unlabeled: ClassVar[bool] = False
    answers: ClassVar[OutputKind] = "vector"
    window: ClassVar[Literal["crop", "squash", "pad", "native"]] = "pad"
    longest: ClassVar[int] = 256
    noun: ClassVar[str] = "class"
    hub_tag: ClassVar[str] = ""
    one_class: ClassVar[bool] = False
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]]
    SCORES: ClassVar[Any]
    image_score: ClassVar[ImageScore | None] = None

    classes: tuple[str, ...] = ()
    criterion: str = ""
    smoothing: float = 0.0
    balance: Tensor | None = None
    noise: str = ""

    def __post_init__(self) -> None:
        if not self.criterion:
            object.__setattr__(self, "criterion", next(iter(self.LOSSES)))
        self.check_settings(self.criterion, self.smoothing)

    @classmethod
    def answers_with(cls, criterion: str) -> OutputKind:
        """What a network has to give where it learns by this loss."""
        return cls.answers

    @classmethod
    def check_settings(cls, criterion: str, smoothing: float, balance: str = "none") -> None:
        """Raises UsageError for a loss that there is not, or settings that it does not take."""
        if criterion not in cls.LOSSES:
            raise unknown("loss", criterion, cls.LOSSES, where="--loss")
        if smoothing:
            raise cls.useless("--label-smoothing", "there are no classes to spread over")
        if balance != "none":
            raise cls.useless("--balance", "there are no classes to balance")

    @classmethod
    def blends(cls) -> bool:
        """Can two images be blended, and their targets with them?"""
        return all(kind.mixes for kind in cls.needs.values())

    @classmethod
    def check_mixing(cls, mixup: float | None, cutmix: float | None) -> None:
        """Raises UsageError where pairs of images cannot be blended with their targets."""
        for flag, strength in (("--mixup", mixup), ("--cutmix", cutmix)):
            if strength and not cls.blends():
                raise cls.useless(flag, "targets of this kind cannot be blended")

    @classmethod
    def spoiled_by(cls, augment: str, noise: str) -> str:
        """Why targets would be wrong behind an augmentation of this name; "" if they are not.

        noise  what the images are given, see `noise`
        """
        return ""

    @classmethod
    def useless(cls, flag: str, reason: str) -> UsageError:
        """The error for a setting that means nothing here."""
        return UsageError(
            f"has no effect on the task '{cls.name}': {reason}",
            where=flag,
            remedy="Leave it out.",
        )

    # What the data must be like, and what follows from the training part.

    @classmethod
    def recognizes(cls, kinds: Kinds) -> bool:
        """Do data with columns of these kinds ask this question?"""
        return bool(cls.needs) and all(
            name in kinds and issubclass(kinds[name], kind) for name, kind in cls.needs.items()
        )

    @classmethod
    def likely(cls, targets: Columns) -> bool:
        """Do targets of the right kinds look as if this was asked, and no other task of these
        kinds?
        """
        return True

    @classmethod
    def adapt(cls, targets: Columns, where: str) -> Columns:
        """The targets as this task asks for them, where they can be read so: it was chosen by name.

        Raises DataError where they look as if they could and cannot.
        """
        return targets

    @classmethod
    def pose(cls, dataset: Dataset, noise: str | None = None) -> Dataset:
        """The data as this task asks for them: with targets as `adapt` gives them, or other images.

        noise  that clean images are given, where the task asks for noisy ones; None: the usual;
               "": none, images are used as they are
        """
        for name in cls.needs.keys() - dataset.targets.keys():
            if name in dataset.alternatives:
                dataset = dataset.alternatives[name]()
        targets = cls.adapt(dataset.targets, dataset.name)
        if targets is dataset.targets:
            return dataset
        asked = copy(dataset)
        asked.__dict__.pop("fingerprint", None)  # it is that of other targets
        asked.targets = targets
        return asked

    @classmethod
    def network(cls, channels: int) -> tuple[str, str] | None:
        """The network that suits this question, with the reason; None: what suits such images."""
        return None

    @classmethod
    def describe(cls, targets: Columns) -> str:
        """What these targets are like, as a sentence."""
        return cls.requirement

    @classmethod
    def doubts(cls, targets: Columns) -> list[str]:
        """What speaks for another task than this one, with the remedy, where nobody has chosen it.

        targets  of the training part
        """
        return []

    @classmethod
    @abstractmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        """Which head and loss fit, and why, in one sentence.

        outputs  names of what the network answers: classes, or quantities
        """

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        """Settings that suit this task, each with the reason, where the user has chosen none."""
        return {"label_smoothing": (0.0, "off unless asked for")}

    @classmethod
    def prefers_of_head(cls, optimizer: str, criterion: str) -> dict[str, tuple[Any, str]]:
        """The same for a last layer that learns alone, on features of a frozen backbone.

        optimizer  its name: a weight decay means something else to each
        criterion  the loss that was asked for, "auto" for none
        """
        return {}

    @classmethod
    def check_targets(cls, targets: Columns, where: str) -> None:
        """Raises DataError for targets, of whatever part, that do not fit the question.

        targets  of the whole data set
        """
        missing = cls.needs.keys() - targets.keys()
        if missing:
            raise DataError(f"without targets '{', '.join(sorted(missing))}'", where=where)

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        """Raises DataError where there is nothing to learn.

        targets  of the training part, which has examples
        found    what there is instead, in words
        """
        missing = cls.needs.keys() - targets.keys()
        if missing:
            raise DataError(f"without targets '{', '.join(sorted(missing))}'; {found}", where=where)

    @classmethod
    @abstractmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        """The task that these data ask.

        targets  of the training part
        balance  weights: the loss counts rare classes more
        """

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        """This task for a network whose window has this size, where answers lie in the window."""
        return self

    def sharing(self, alpha: float | None) -> Self:
        """This task with the share α of its first loss, where it has two: α S + (1 - α) R.

        Raises UsageError where it has one.
        """
        if alpha is None:
            return self
        raise self.useless("--alpha", "it has one loss")

    # Training.

    @abstractmethod
    def output(self) -> Output:
        """What a network for this task gives."""

    @abstractmethod
    def loss(self, outputs: Any, targets: Mapping[str, Any]) -> Tensor:
        """(B,) the loss of each example."""

    def margins(self, outputs: Any, targets: Mapping[str, Any]) -> Tensor | None:
        """(B, K) one number for each way in which an answer can be wrong: it is right while all are
        positive. None where answers are more or less right.
        """
        return None

    def renewal(self) -> Renewal | None:
        """What makes the images of a training batch anew from their targets, in each epoch; None
        where they stay as they are.
        """
        return None

    @property
    def views(self) -> int:
        """Changed copies of each image that a batch holds in training."""
        return 1

    def pretext(self, stage: Stage) -> Pretext | None:
        """What makes targets of the images themselves; None where they come with the data."""
        return None

    def completed(self, outputs: Any, made: Mapping[str, Tensor]) -> Any:
        """What `decode` reads of outputs for images of which a pretext made targets."""
        return outputs

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        """The targets of a batch as `manual_loss` takes them."""
        (name,) = self.needs
        found: Tensor = targets[name]
        return found

    def manual_loss(self) -> Loss:
        """The same loss with a derivative by hand. Raises UsageError where there is none."""
        raise UsageError(
            f"the loss {self.criterion} with these options has no hand-written derivative",
            where="--engine manual",
            remedy="Use --engine autograd.",
        )

    def probabilities(self, outputs: Any) -> Tensor | None:
        """(B, L) in [0, 1], how probable each class is for an image; None where the question is
        another one.
        """
        return None

    def claimed(self, outputs: Any) -> dict[str, Any] | None:
        """Targets of a batch for which the answers are right; None where they are more or less
        right.
        """
        return None

    def strangeness(self, outputs: Any) -> Tensor | None:
        """(B,) how unlike the training images an image is, as far as the answer tells; None where
        it does not.
        """
        return None

    # Measuring.

    @abstractmethod
    def meter(self) -> Meter:
        """An empty meter for this task."""

    @abstractmethod
    def scores(self, meter: Any, baselines: Sequence[Any] = ()) -> Scores:
        """What the answers that a meter has seen are worth.

        baselines  as `baselines` gives them
        """

    def tuned(self, meter: Any) -> Self:
        """This task with what is chosen on validation data, such as thresholds."""
        return self

    def untuned(self, examples: int) -> list[str]:
        """What so many validation examples are too few to choose, and what is done instead, one
        sentence each.
        """
        return []

    def raw(self) -> Self:
        """This task without calibration: as sure of its answers as the network is."""
        return self

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        """What simple rules reach on the rows `ids`, having seen the rows `train`."""
        return ()

    def rule(self, name: str, detail: str, meter: Any) -> Rule:
        """What another method reaches that was asked about the same images, where they have one
        class each.

        name, detail  of the method, see `Rule`
        meter         that has seen its answers
        """
        raise NotImplementedError(f"no method is compared with on the task '{self.name}'")

    @abstractmethod
    def table(self, meter: Any, targets: Columns) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """(columns, rows): the answer to each example beside its truth, for predictions.csv.

        A column `rank` numbers those that are most worth looking at, from 1.

        targets  of the examples that the meter has seen, in their order
        """

    @classmethod
    def of_images(cls, rows: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """(N,) `image_score` of each of these rows of predictions.csv; NaN where it has none.

        Raises UsageError where answers of this kind are not compared image by image.
        """
        if cls.image_score is None:
            raise UsageError(
                f"answers of the task '{cls.name}' are not compared image by image",
                remedy="Compare the scores in each run's report, with their intervals.",
            )
        return cls.image_score.values(rows)

    def align(self, targets: Columns, where: str) -> Aligned:
        """The targets of other data in this task's terms. Raises DataError if they do not fit."""
        kinds = {name: type(column) for name, column in targets.items()}
        if not self.recognizes(kinds):
            raise DataError(
                f"the data do not have what the model was trained for: {self.requirement}",
                where=where,
                remedy="Evaluate on data like those of training.",
            )
        count = len(next(iter(targets.values())))
        return Aligned(targets, np.ones(count, bool))

    # Answering.

    @abstractmethod
    def decode(
        self, outputs: Any, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> Sequence[Answer]:
        """One answer an image, in that image's own pixels.

        frames  how each image was fitted into the network's window; None where answers have no
                place in the image
        top     how many alternatives to name, where there are any
        """

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """The task of an ensemble, and how the outputs of its members become outputs of that task.

        members  the task of each, this one first; answers that lie in the window are of one window

        Raises UsageError where answers of this kind are not averaged, or members answer otherwise.
        """
        raise UsageError(
            f"answers of the task '{self.name}' are not averaged: whose answer belongs to whose in "
            "another network would be a guess",
            where="ensemble",
            remedy="Use one network; `vitreous compare` tells which is the best.",
        )

    def assemble(self, pieces: Iterable[tuple[tuple[slice, slice], Any]], frame: Frame) -> Answer:
        """The answer about one image from those about its tiles.

        pieces  (lines and columns of the window, outputs (1, L, h, w) there), one at a time:
                together they cover the window
        frame   how the image was fitted into the window

        Raises UsageError where an answer is of the image as a whole.
        """
        raise UsageError(
            f"answers of the task '{self.name}' are not put together from tiles",
            where="scale",
            remedy="Leave it out: the image is fitted into the network's window.",
        )

    def aim(self, outputs: Any, target: str = "", frames: Sequence[Frame] | None = None) -> Aim:
        """The number that is to be explained about each image.

        outputs  of the network for the images as they are
        target   what is asked about, in words of the task; "" is what the network answered
        frames   how each image was fitted into the window, for a target that is a place in it

        Raises UsageError, with the nearest names, for what the network does not answer.
        """
        raise UsageError(
            f"answers of the task '{self.name}' cannot be explained yet",
            remedy="Give the network itself to a method of `vitreous.explain.METHODS`, with a "
            "function of its outputs as the target.",
        )

    def at_pixel(
        self, outputs: Any, answer: Any, frame: Frame, x: int, y: int
    ) -> PixelAnswer | None:
        """What the network says at one pixel of an image; None where answers are of the image as a
        whole.

        outputs  of the network for this image alone
        answer   what `decode` made of them
        frame    how the image was fitted into the window
        x, y     column and line of the pixel, in the image's own pixels
        """
        return None

    def truth(self, targets: Mapping[str, Any]) -> Answer:
        """The answer that would be right for an example, to be drawn beside the network's.

        targets  of one example, in its image's own pixels
        """
        raise NotImplementedError(f"answers of the task '{self.name}' are not drawn")

    def exported(self, outputs: Tensor) -> dict[str, Tensor]:
        """What an exported network gives, by name: its outputs first, and what can be read from
        them without knowing more, with operations that can be traced.
        """
        return {"outputs": outputs}

    # Telling.

    def meaning(self, scores: Any) -> list[str]:
        """The headline score in plain words."""
        return []

    def remarks(self, part: str, scores: Any) -> list[Note]:
        """What the scores of a part say against the run."""
        return []

    @classmethod
    def mix_ups(cls, scores: Any) -> list[str]:
        """What is most often taken for what, in a few words each, the worst first."""
        return []

    def sections(self, scores: Any, rows: Sequence[Mapping[str, str]] = ()) -> Iterator[Section]:
        """Sections of a report about the scores of a part.

        rows  of predictions.csv, as `table` wrote them, for charts of single answers
        """
        return iter(())

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        """Which examples of a part are worth looking at.

        rows  of predictions.csv, as `table` wrote them
        """
        return iter(())

    # The model file.

    def to_json(self) -> dict[str, Any]:
        """What decoding depends on besides the classes."""
        return {}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises ModelFileError for anything unexpected."""
        if decoding:
            raise ModelFileError(f"the decoding of {cls.name} is {dict(decoding)!r:.80}")
        return cls(classes=tuple(classes))
