"""The meter of views: answers to both views of each image, and the classes where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.losses.contrastive import nt_xent
from vitreous.metrics.view_retrieval import Vectors

TOGETHER = 128  # images whose views are told apart in the loss that is measured


class ViewMeter:
    """Answers (N, 2, K), and class numbers (N,) where the data have a column "class"."""

    def __init__(self) -> None:
        self._answers: list[Vectors] = []
        self._classes: list[NDArray[np.integer]] = []

    def __len__(self) -> int:
        return sum(map(len, self._answers))

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        """outputs: (2·B, K), those to the other views behind those to the images."""
        self._answers.append(torch.stack(outputs.detach().float().cpu().chunk(2), 1).numpy())
        if "class" in targets:
            self._classes.append(targets["class"].cpu().numpy())

    def merge(self, other: Self) -> None:
        self._answers += other._answers
        self._classes += other._classes

    @property
    def answers(self) -> Vectors:
        return np.concatenate(self._answers)

    @property
    def classes(self) -> NDArray[np.integer] | None:
        return np.concatenate(self._classes) if self._classes else None

    @property
    def loss(self) -> float:
        """The mean of nt_xent over groups of images; 0 for one image alone. Images often lie class
        by class: a group holds some of each, as a batch does.
        """
        answers = torch.from_numpy(self.answers)
        if len(answers) < 2:
            return 0.0
        step = max(1, round(len(answers) / TOGETHER))
        groups = (answers[start::step] for start in range(step))
        sums = [nt_xent(torch.cat([*group.unbind(1)]), reduction="none").sum() for group in groups]
        return float(torch.stack(sums).double().sum()) / len(answers)
