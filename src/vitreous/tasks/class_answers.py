"""What tasks about classes share: probabilities, trivial baselines, classes met by name, a table of
answers with the most certain mistakes ranked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.columns import Column
from vitreous.errors import ModelFileError, UsageError
from vitreous.formats import counted
from vitreous.metrics.answers import chunks
from vitreous.metrics.calibration import TEMPERATURES, temperature_of
from vitreous.metrics.classification_scores import ClassificationScores, Raw
from vitreous.models.network import Output
from vitreous.shapes import Logits
from vitreous.tasks import class_sections
from vitreous.tasks.aim import Aim, one_of
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import Table
from vitreous.tasks.pooled_answers import Pool, averaged, positions
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.section import Gallery, Note, Section
from vitreous.tasks.task import Columns, Task

COLUMNS = ("path", "part", "label", "predicted", "score", "likelihood", "correct", "rank")
RANKED = 240  # mistakes of a part that get a rank
FEWEST = 50  # validation images that a temperature is fitted to; of fewer, chance decides


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassTask(Task):
    """Probabilities of classes. Targets are the column "class".

    temperature  that logits are divided by, see `metrics.calibration`; None: as if by 1
    """

    window = "crop"
    SCORES = ClassificationScores
    image_score = ImageScore("correct", "images answered rightly")

    temperature: float | None = None

    @classmethod
    def check_settings(cls, criterion: str, smoothing: float, balance: str = "none") -> None:
        super().check_settings(criterion, 0.0)
        if smoothing and criterion == "hinge":
            raise UsageError(
                "the hinge loss has no probabilities to smooth",
                where="--label-smoothing",
                remedy="Leave it out, or choose --loss cross_entropy.",
            )

    @classmethod
    @abstractmethod
    def factors(cls, labels: Column) -> Tensor:
        """(L,) factors on classes against rare ones, from the labels of the training part."""

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        labels = targets["class"]
        return cls(
            classes=labels.classes,
            criterion=criterion,
            smoothing=smoothing,
            balance=cls.factors(labels) if balance == "weights" else None,
        )

    def output(self) -> Output:
        return Output("vector", len(self.classes))

    def probabilities(self, logits: Logits) -> Tensor:
        """(B, L) in [0, 1], calibrated where the temperature is known. Computed in float64 on the
        CPU and rounded: what was measured and what is predicted agree to the last bit.
        """
        warm = logits.detach().cpu().double() / (self.temperature or 1.0)
        return self.squashed(warm).float()

    @abstractmethod
    def squashed(self, logits: Logits) -> Tensor:
        """Logits (B, L) to numbers in [0, 1]."""

    @abstractmethod
    def decisions(
        self, logits: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The choices among classes that exclude each other, for a temperature: logits (M, K), and
        the number of the right one (M,).
        """

    @abstractmethod
    def logits(self, probabilities: Tensor) -> Tensor:
        """The inverse of `squashed`, up to what does not change it."""

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Probabilities are averaged, each as calibrated as its member is."""

        def read(member: Self) -> Callable[[Tensor], Tensor]:
            places = positions(self.classes, member.classes, self.noun)
            return lambda outputs: member.probabilities(outputs)[:, places]

        pool = averaged([read(member) for member in members], self.logits)
        return replace(self, temperature=None), pool  # that of each member has been used

    @abstractmethod
    def judged(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], dict[int, int]]:
        """(N,) the probability that the model gave the truth, and the rank of the mistakes that it
        was most certain of, from 1, by row.
        """

    def meter(self) -> Table:
        return Table(torch.Tensor.detach, "class")

    def probable(self, meter: Table) -> NDArray[np.float64]:
        """(N, L) the probabilities of what a meter has seen."""
        answers = meter.answers
        found = np.empty_like(answers)
        for rows in chunks(answers):  # of many classes, what lies between does not fit a cache
            found[rows] = self.probabilities(torch.from_numpy(answers[rows])).numpy()
        return found

    def tuned(self, meter: Table) -> Self:
        """With the temperature that explains the examples seen best, where they are enough."""
        if len(meter) < FEWEST:
            return self
        found = temperature_of(*self.decisions(meter.answers, meter.truth), doubting=True)
        return replace(self, temperature=float(f"{found:.4g}"))

    def untuned(self, examples: int) -> list[str]:
        if examples >= FEWEST:
            return []
        return [
            f"{counted(examples, 'validation image')} are too few to calibrate by, it takes "
            f"{FEWEST}: the model is as sure of its answers as the network, which may be too sure"
        ]

    def raw(self) -> Self:
        return replace(self, temperature=None)

    def scores(self, meter: Table, baselines: Sequence[Any] = ()) -> ClassificationScores:
        scores = self.scored(self.probable(meter), meter.truth, baselines)
        if self.temperature is None:
            return scores
        raw = self.raw()
        bare = raw.scored(raw.probable(meter), meter.truth, ())
        before = Raw(bare.loss, bare.ece, bare.ece_mass, bare.ece_chance, bare.reliability)
        return replace(scores, temperature=self.temperature, raw=before)

    @abstractmethod
    def scored(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any], baselines: Sequence[Any]
    ) -> ClassificationScores:
        """What probabilities (N, L) are worth, beside the truth."""

    def table(
        self, meter: Table, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        probabilities, labels = self.probable(meter), targets["class"]
        likelihood, ranks = self.judged(probabilities, meter.truth)
        rows: list[tuple[Any, ...]] = []
        for place, answer in enumerate(self.answer(probabilities, 1)):
            truth = labels.text(place)
            scores = (f"{answer.score:.6f}", f"{likelihood[place]:.6f}")
            right = int(truth == answer.text)
            rows.append((truth, answer.text, *scores, right, ranks.get(place, "")))
        return COLUMNS[2:], rows

    @abstractmethod
    def answer(self, probabilities: NDArray[np.float64], top: int) -> list[Prediction]:
        """Probabilities (B, L) to one answer an image, with the `top` most probable names."""

    def decode(self, outputs: Logits, frames: Any = None, top: int = 5) -> list[Prediction]:
        return self.answer(self.probabilities(outputs).double().numpy(), top)

    def exported(self, outputs: Tensor) -> dict[str, Tensor]:
        warm = outputs / (self.temperature or 1.0)
        return {"logits": outputs, "probabilities": self.squashed(warm)}

    def aim(self, outputs: Logits, target: str = "", frames: Any = None) -> Aim:
        """The logit of a class: of the one that is named, or of the most probable one."""
        return one_of(self.classes, outputs.argmax(1), target, self.noun)

    def meaning(self, scores: ClassificationScores) -> list[str]:
        return class_sections.meaning(scores)

    def remarks(self, part: str, scores: ClassificationScores) -> list[Note]:
        return class_sections.remarks(part, scores)

    @classmethod
    def mix_ups(cls, scores: ClassificationScores) -> list[str]:
        return class_sections.mix_ups(scores)

    def sections(
        self, scores: ClassificationScores, rows: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[Section]:
        return class_sections.sections(scores, self.noun)

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        return class_sections.galleries(rows, self.noun)

    def to_json(self) -> dict[str, Any]:
        return {} if self.temperature is None else {"temperature": self.temperature}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        if not classes:
            raise ModelFileError(f"the task '{cls.name}' has no classes")
        rest = dict(decoding)
        given = rest.pop("temperature", None)
        low, high = TEMPERATURES
        if given is not None and not (type(given) in (float, int) and low <= given <= high):
            raise ModelFileError(f"the temperature is {given!r:.80}, not from {low:g} to {high:g}")
        made = super().from_json(classes, rest)
        return made if given is None else replace(made, temperature=float(given))


def ranked(
    row: NDArray[np.float64], classes: Sequence[str], top: int
) -> tuple[tuple[str, float], ...]:
    """The most probable classes of one image; of equally probable ones the first comes first."""
    top = min(top, len(row))
    least = np.partition(row, -top)[-top]  # of thousands, few have to be put in order
    places = np.flatnonzero(~(row < least))  # NaN is below nothing
    order = places[np.argsort(-row[places], kind="stable")[:top]]
    return tuple((classes[c], float(row[c])) for c in order)
