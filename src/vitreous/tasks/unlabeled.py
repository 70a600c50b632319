"""What all ways of learning without labels share: any images will do, and labels are left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Dataset
from vitreous.errors import UsageError
from vitreous.formats import counted
from vitreous.losses.contrastive import nt_xent
from vitreous.losses.hidden import hidden_error
from vitreous.metrics.restoration import RestorationScores
from vitreous.metrics.view_retrieval import ViewScores
from vitreous.models.network import OutputKind
from vitreous.tasks.aim import Aim
from vitreous.tasks.task import Aligned, Columns, Kinds, Task

LOOKS = 1_200_000  # at images
MASKED = "masked"


class UnlabeledScores:
    """Scores of either way, told by what was measured."""

    @staticmethod
    def from_json(state: dict[str, Any]) -> ViewScores | RestorationScores:
        way: Any = ViewScores if "found" in state else RestorationScores
        read: ViewScores | RestorationScores = way.from_json(state)
        return read


@dataclass(frozen=True, kw_only=True, eq=False)
class Unlabeled(Task):
    """A question about images that is made of them. A column "class" is only measured by."""

    name = "pretrain"
    requirement = "images, with labels or without"
    needs: ClassVar[Kinds] = {}
    unlabeled = True
    window = "crop"
    SCORES = UnlabeledScores
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "nt_xent": nt_xent,
        MASKED: hidden_error,
    }

    @classmethod
    def answers_with(cls, criterion: str) -> OutputKind:
        return "map" if criterion == MASKED else "vector"

    @classmethod
    def blends(cls) -> bool:
        return False

    @classmethod
    def pose(cls, dataset: Dataset, noise: str | None = None) -> Dataset:
        """The images, and of their targets one class each."""
        kept = {
            name: column
            for name, column in dataset.targets.items()
            if name == "class" and isinstance(column, ClassNumbers)
        }
        if kept.keys() == dataset.targets.keys():
            return dataset
        asked = copy(dataset)
        asked.__dict__.pop("fingerprint", None)  # it is that of other targets
        asked.targets = kept
        return asked

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return "a vector an image, which is to be alike for two views of one image alone"

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 5, 400))
        looks = f"about {epochs * examples:,} looks at {counted(examples, 'image')}"
        batch = int(np.clip(examples // 8, 2, 64 if criterion == MASKED else 256))
        views = ("views", "what it changes is what the network learns to overlook")
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, f"{looks}: without labels more are needed"),
            "batch_size": (batch, "as many as there are others to learn from"),
            "augment": ("light", "colors are told, too") if criterion == MASKED else views,
            "freeze": ("none", "the features themselves are learned"),
        }

    def align(self, targets: Columns, where: str) -> Aligned:
        """Any images will do; `known` stands for any number of them."""
        return Aligned(targets, np.ones(1, bool))

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        raise UsageError(
            "a vector that was learned without labels says nothing that could be explained",
            remedy="Train a task on these weights (--pretrained RUN), and explain that.",
        )
