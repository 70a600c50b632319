"""k nearest neighbors: the classes of the most similar training images, by Euclidean distance.

Of classes with equally many votes, that of the nearest of their neighbors wins.
Cover and Hart (1967), "Nearest neighbor pattern classification", doi:10.1109/TIT.1967.1053964.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from vitreous.baselines.classifier import Classifier, Examples, within

NEIGHBORS = 3
PRIOR = 0.05  # votes that each class has before anybody has voted
LEAD = 1e-3  # what being nearer adds to a vote: less than any vote, enough to break a tie
AT_ONCE = 1 << 25  # distances that are computed together


class Nearest(Classifier):
    """Remembers all training examples; log of the shares of votes."""

    SIZES: ClassVar[int] = 1
    library: ClassVar[bool] = False
    memory: Tensor  # (N, D)
    labels: Tensor  # (N,)
    weights: Tensor  # (N,)

    def __init__(self, features: int, classes: int, count: int = 0, *, k: int = NEIGHBORS) -> None:
        super().__init__()
        self.classes, self.k = classes, k
        self.memory = nn.Parameter(torch.zeros(count, features), requires_grad=False)
        self.weights = nn.Parameter(torch.ones(count), requires_grad=False)
        self.register_buffer("labels", torch.zeros(count, dtype=torch.int64))

    @property
    def sizes(self) -> tuple[int, ...]:
        return (len(self.memory),)

    def sound(self) -> bool:
        return within(self.labels, self.classes)

    def learn(self, examples: Examples, *, seed: int, threads: int) -> None:
        self.memory = nn.Parameter(torch.from_numpy(examples.features), requires_grad=False)
        self.labels = torch.from_numpy(examples.labels)
        weights = torch.from_numpy(examples.weights).float()
        self.weights = nn.Parameter(weights / weights.mean(), requires_grad=False)

    def neighbors(self, features: Tensor) -> Tensor:
        """(B, k) rows of the memory, the nearest first."""
        squares = self.memory.square().sum(1)
        step = max(1, AT_ONCE // max(1, len(self.memory)))
        k = min(self.k, len(self.memory))
        found = [
            torch.addmm(squares, some, self.memory.T, alpha=-2.0).topk(k, largest=False).indices
            for some in torch.split(features, step)
        ]
        return torch.cat(found)

    def scores(self, features: Tensor) -> Tensor:
        nearest = self.neighbors(features)
        lead = 1 + LEAD * torch.arange(nearest.shape[1], 0, -1, device=features.device)
        votes = features.new_full((len(features), self.classes), PRIOR)
        votes = votes.scatter_add(1, self.labels[nearest], self.weights[nearest] * lead)
        return votes.log()
