"""Ensemble of runs: several trained networks answer as one, each by its own pixel contract.

The mean of their probabilities errs less than each, because they err differently. The members may
be of any architecture, size and normalization; their answers meet by the names of classes.
Krizhevsky et al. (2012), section 6.1, average seven networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.formats import counted
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.predictor import BATCH, Image, listed
from vitreous.models.ensemble import Ensemble
from vitreous.shapes import Images
from vitreous.tasks import Answer, Task
from vitreous.tasks.pooled_answers import Pool

if TYPE_CHECKING:
    from vitreous.explain.explanation import Explanation


@dataclass(frozen=True, repr=False)
class RunEnsemble:
    """Several networks as one predictor.

    members  the networks, in the order in which they were given
    names    what each is called
    task     of their common answer
    pool     from the outputs of each to outputs of that task
    """

    members: tuple[Bundle, ...]
    names: tuple[str, ...]
    task: Task
    pool: Pool

    def __repr__(self) -> str:
        return f"RunEnsemble({', '.join(map(repr, self.members))})"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.task.classes

    @property
    def contract(self) -> Any:
        """The pixel contract of the first member; each has its own."""
        return self.members[0].contract

    @property
    def architecture(self) -> str:
        kinds = dict.fromkeys(member.architecture or "a network" for member in self.members)
        return f"ensemble of {len(self.members)}: {', '.join(kinds)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses its answers should know of each."""
        return tuple(
            f"{name}: {note}"
            for name, member in zip(self.names, self.members, strict=True)
            for note in member.notes
        )

    def predict(self, source: Any, *, top: int = 5, scale: float | None = None) -> Any:
        """What the networks see together in one image, or in each of several; as for one network.

        scale  is of single networks alone: UsageError
        """
        several = listed(source)
        told = self.predict_and_tell([source] if several is None else several, top=top, scale=scale)
        return [answer for answer, _ in told] if several is not None else told[0][0]

    def predict_and_tell(
        self,
        sources: Sequence[Image],
        *,
        top: int = 5,
        scale: float | None = None,
        reject: bool = False,
    ) -> list[tuple[Answer, int]]:
        """Answers, each with the remarks on its image; as `Predictor.predict_and_tell`."""
        if reject:
            raise UsageError(
                "several networks have no common threshold",
                where="--reject",
                remedy="Leave it out, or use one network.",
            )
        if scale is not None:
            raise UsageError(
                "the answers of an ensemble are not put together from tiles",
                where="scale",
                remedy="Leave it out, or use one network.",
            )
        # Images that keep their size come one by one.
        step = 1 if any(member.contract.fit == "native" for member in self.members) else BATCH
        return [pair for first in range(0, len(sources), step)
                for pair in self._chunk(sources[first : first + step], top)]  # fmt: skip

    def _chunk(self, sources: Sequence[Image], top: int) -> Iterator[tuple[Answer, int]]:
        outputs, frames, told = [], None, [0] * len(sources)
        for member in self.members:
            ((images, _, placed, remarks),) = member.seen(sources)
            outputs.append(member.answers(images))
            frames = frames or placed
            told = [one | other for one, other in zip(told, remarks, strict=True)]
        return zip(self.task.decode(self.pool(outputs), frames, top), told, strict=True)

    def explain(self, source: Any, **asked: Any) -> Explanation | list[Explanation]:
        """Where in an image the evidence for the common answer lies; as for one network.

        Raises UsageError where the members are not of one input and one order of classes: their
        gradients would be of different images.
        """
        from vitreous.inference.explaining import ExplainingPredictor

        first = self.members[0]
        alike = all(
            member.contract == first.contract and member.classes == first.classes
            for member in self.members
        )
        if not alike or self.task.output().kind != "vector" or not self.classes:
            raise UsageError(
                "only networks of one size, about the same classes in one order, are explained as "
                "one",
                where="ensemble",
                remedy="Explain each of them by itself.",
            )
        network = Ensemble(Tempered(member) for member in self.members)
        one = ExplainingPredictor(model=network, task=self.task, contract=first.contract)
        found: Explanation | list[Explanation] = one.explain(source, **asked)
        return found


class Tempered(nn.Module):
    """The network of a member, with the logits whose softmax are its calibrated probabilities."""

    def __init__(self, member: Bundle) -> None:
        super().__init__()
        self.model = member.model
        self.temperature = float(getattr(member.task, "temperature", None) or 1.0)

    def forward(self, images: Images) -> Tensor:
        logits: Tensor = self.model(images)
        return logits / self.temperature


def ensemble(models: Sequence[str | Path | Bundle]) -> RunEnsemble:
    """Several networks as one: `vt.ensemble(["runs/a", "runs/b"]).predict("cat.jpg")`.

    models  run folders, model files or loaded models, two or more

    Raises UsageError where they are of different tasks or classes, where answers of their task are
    not averaged, or where answers lie in windows of different sizes.
    """
    if isinstance(models, str | Path) or len(models) < 2:
        count = 1 if isinstance(models, str | Path) else len(models)
        raise UsageError(
            f"an ensemble has two networks or more (got {count})",
            where="models",
            remedy='Name them in a list: vt.ensemble(["runs/a", "runs/b"]).',
        )
    members = tuple(one if isinstance(one, Bundle) else load(one) for one in models)
    names = tuple(
        f"member {place}" if isinstance(one, Bundle) else str(one)
        for place, one in enumerate(models, 1)
    )
    first = members[0]
    for name, member in zip(names, members, strict=True):
        if type(member.task) is not type(first.task):
            raise UsageError(
                f"its task is '{member.task.name}', and that of {names[0]} '{first.task.name}'",
                where=name,
                remedy="Put networks together that answer the same question.",
            )
        lies = member.task.output().kind == "map"
        if lies and member.contract != first.contract:
            raise UsageError(
                f"its answers lie in another window ({_window(member)}) than those of {names[0]} "
                f"({_window(first)})",
                where=name,
                remedy="Train all with the same --size and --fit.",
            )
    task, pool = first.task.pool([member.task for member in members])
    return RunEnsemble(members, names, task, pool)


def _window(member: Bundle) -> str:
    contract = member.contract
    channels = counted(contract.channels, "channel")
    return f"{contract.height} × {contract.width}, {channels}, {contract.fit}"
