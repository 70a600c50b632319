"""Random ferns: small sets of binary tests, independent of each other.

    P(class | image) ∝ P(class) Π_f P(outcome of fern f | class)

A test asks whether one number is larger than another. The S tests of a fern have 2^S outcomes; how
often each occurs is counted for each class, with one more than was seen.
Özuysal et al. (2007), "Fast keypoint recognition in ten lines of code".
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.baselines.classifier import Classifier, Examples, within

FERNS = 200
TESTS = 10


class Ferns(Classifier):
    """Sums of the logarithms of frequencies.

    pairs   (F, S, 2) the features that are compared
    tables  (F · 2^S, L) log P(outcome | class)
    prior   (L,) log P(class)
    """

    library: ClassVar[bool] = False
    pairs: Tensor
    tables: Tensor
    prior: Tensor

    def __init__(
        self, features: int, classes: int, *, ferns: int = FERNS, tests: int = TESTS
    ) -> None:
        super().__init__()
        self.features, self.classes, self.ferns, self.tests = features, classes, ferns, tests
        self.register_buffer("pairs", torch.zeros(ferns, tests, 2, dtype=torch.int64))
        self.tables = nn.Parameter(torch.zeros(ferns << tests, classes), requires_grad=False)
        self.prior = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def sound(self) -> bool:
        return within(self.pairs, self.features)

    def learn(self, examples: Examples, *, seed: int, threads: int) -> None:
        generator = np.random.default_rng(seed)
        # A number that never varies cannot tell anything, however it is compared.
        varying = np.flatnonzero(examples.features.std(axis=0) > 0)
        varying = varying if len(varying) else np.arange(self.features)
        drawn = varying[generator.integers(0, len(varying), (self.ferns, self.tests, 2))]
        self.pairs = torch.from_numpy(drawn.astype(np.int64))
        weights = torch.from_numpy(examples.weights / examples.weights.mean())
        counts = torch.ones(self.ferns << self.tests, self.classes, dtype=torch.float64)
        outcomes = self.outcomes(torch.from_numpy(examples.features))  # (N, F)
        labels = torch.from_numpy(examples.labels)
        cells = outcomes * self.classes + labels[:, None]
        share = weights[:, None].expand(-1, self.ferns).reshape(-1)
        counts.view(-1).scatter_add_(0, cells.flatten(), share)
        by_fern = counts.view(self.ferns, 1 << self.tests, self.classes)
        by_fern /= by_fern.sum(1, keepdim=True)
        self.tables.copy_(counts.log())
        totals = torch.zeros(self.classes, dtype=torch.float64).scatter_add_(0, labels, weights)
        self.prior.copy_(((totals + 1e-3) / (totals + 1e-3).sum()).log())

    def outcomes(self, features: Tensor) -> Tensor:
        """(B, F) rows of `tables`."""
        rows = torch.zeros(len(features), self.ferns, dtype=torch.int64, device=features.device)
        for test in range(self.tests):
            first, second = self.pairs[:, test].T
            rows = 2 * rows + (features[:, first] > features[:, second])
        return rows + (torch.arange(self.ferns, device=features.device) << self.tests)

    def scores(self, features: Tensor) -> Tensor:
        found = nn.functional.embedding_bag(self.outcomes(features), self.tables, mode="sum")
        return found + self.prior
