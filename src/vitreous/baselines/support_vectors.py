"""Support vector machines with a soft margin: linear, polynomial and Gaussian (RBF) kernels.

    min  ½ ‖w‖² + C Σᵢ max(0, 1 - yᵢ (w·φ(xᵢ) + b)),     φ(x)·φ(z) = K(x, z)

One machine for each pair of classes. libsvm finds the coefficients; what is kept of them and how
answers are computed is ours:

    d_ij = Σ over support vectors s of both classes  α_s K(s, x) + b_ij,     > 0 speaks for class i
    score of class i = Σ_j log σ(8 d_ij)          nearly a vote, in which near ties count by halves

Cortes and Vapnik (1995), "Support-vector networks"; Chang and Lin (2011), "LIBSVM".
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.baselines.classifier import Classifier, Examples

MARGIN = 10.0  # C, what a violated margin costs
GAMMA = 1.0  # of a kernel, times the number of features, whose variance is 1 on average
DEGREE = 3
VOTE = 8.0
"""How sharply a machine votes, per margin. The flatter, the more a class suffers from machines that
have never seen it: 2 costs half a point on MNIST.
"""
CACHE = 400  # MiB of the kernel that libsvm remembers, for each thread


def _linear(products: Tensor, squares: Tensor, others: Tensor, gamma: float) -> Tensor:
    return gamma * products


def _polynomial(products: Tensor, squares: Tensor, others: Tensor, gamma: float) -> Tensor:
    return (gamma * products + 1) ** DEGREE


def _gaussian(products: Tensor, squares: Tensor, others: Tensor, gamma: float) -> Tensor:
    return torch.exp(-gamma * (squares[:, None] + others - 2 * products).clamp(min=0))


KERNELS: dict[str, Callable[[Tensor, Tensor, Tensor, float], Tensor]] = {
    "linear": _linear,
    "poly": _polynomial,
    "rbf": _gaussian,
}
"""By their names in libsvm: (B, S) of the products x·s, and of the squared lengths of both."""


class SupportVectors(Classifier):
    """A machine for each pair of classes; the support vectors are shared and sorted by class.

    vectors       (S, D)
    coefficients  (L - 1, S) of each vector against each of the other classes, in their order
    offsets       (L, L) b_ij, with b_ji = -b_ij
    counts        (L,) support vectors of each class
    """

    SIZES: ClassVar[int] = 1
    vectors: Tensor
    coefficients: Tensor
    offsets: Tensor
    counts: Tensor

    def __init__(
        self,
        features: int,
        classes: int,
        count: int = 0,
        *,
        kernel: str = "rbf",
        margin: float = MARGIN,
    ) -> None:
        super().__init__()
        self.classes, self.kernel, self.margin = classes, kernel, margin
        self.gamma = GAMMA / features
        self._keep(
            torch.zeros(count, features),
            torch.zeros(max(classes - 1, 0), count),
            torch.zeros(classes, classes),
        )
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))

    def _keep(self, vectors: Tensor, coefficients: Tensor, offsets: Tensor) -> None:
        self.vectors = nn.Parameter(vectors, requires_grad=False)
        self.coefficients = nn.Parameter(coefficients, requires_grad=False)
        self.offsets = nn.Parameter(offsets, requires_grad=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        return (len(self.vectors),)

    def sound(self) -> bool:
        return bool((self.counts >= 0).all()) and int(self.counts.sum()) == len(self.vectors)

    def learn(self, examples: Examples, *, seed: int, threads: int) -> None:
        x, y, weights = examples.features, examples.labels, examples.weights
        weights = weights / weights.mean()
        present = np.unique(y)
        pairs = [(int(i), int(j)) for i in present for j in present if i < j]

        def machine(pair: tuple[int, int]) -> tuple[Any, ...]:
            rows = np.flatnonzero((y == pair[0]) | (y == pair[1]))
            return rows, self.solve(x[rows], y[rows] == pair[0], weights[rows])

        with ThreadPoolExecutor(threads) as pool:  # libsvm computes without Python's lock
            solved = list(pool.map(machine, pairs))
        coefficients = np.zeros((max(self.classes - 1, 0), len(x)), np.float64)
        offsets = np.zeros((self.classes, self.classes))
        # A class without an example is against all others, and they against it.
        offsets[present[:, None], np.setdiff1d(np.arange(self.classes), present)] = 1.0
        offsets -= offsets.T
        for (i, j), (rows, solution) in zip(pairs, solved, strict=True):
            support, values, offset = solution
            ours = y[rows[support]] == i
            coefficients[j - 1, rows[support[ours]]] = values[ours]
            coefficients[i, rows[support[~ours]]] = values[~ours]
            offsets[i, j], offsets[j, i] = offset, -offset
        used = np.flatnonzero(coefficients.any(axis=0))
        used = used[np.argsort(y[used], kind="stable")]
        self._keep(
            torch.from_numpy(x[used]),
            torch.from_numpy(coefficients[:, used]).float(),
            torch.from_numpy(offsets).float(),
        )
        self.counts = torch.from_numpy(np.bincount(y[used], minlength=self.classes))

    def solve(self, x: Any, first: Any, weights: Any) -> tuple[Any, Any, float]:
        """(rows of the support vectors, their coefficients, offset) of one machine; positive
        speaks for the class of which `first` is true.
        """
        from sklearn.svm import SVC

        machine = SVC(
            C=self.margin,
            kernel=self.kernel,
            gamma=self.gamma,
            coef0=1.0,
            degree=DEGREE,
            cache_size=CACHE,
        )
        if self.kernel == "linear":
            x = x * np.float32(self.gamma**0.5)
        machine.fit(x, first, sample_weight=weights)
        return machine.support_, machine.dual_coef_[0], float(machine.intercept_[0])

    def decisions(self, features: Tensor) -> Tensor:
        """(B, L, L) d_ij, positive where i is likelier than j; 0 on the diagonal."""
        squares = features.square().sum(1)
        others = self.vectors.square().sum(1)
        similar = KERNELS[self.kernel](features @ self.vectors.T, squares, others, self.gamma)
        parts, first = [], 0
        for count in self.counts.tolist():
            own = slice(first, first + count)
            parts.append(similar[:, own] @ self.coefficients[:, own].T)  # (B, L - 1)
            first += count
        sums = torch.stack(parts, dim=1)  # (B, L, L - 1): of class i's vectors, against the others
        places = torch.arange(self.classes, device=features.device)
        # Column c of row i is about class c where c < i, and about c + 1 beyond.
        column = places[None] - (places[None] > places[:, None]).long()
        column = column.clamp(0, max(self.classes - 2, 0)).expand(len(sums), -1, -1)
        spread = sums.gather(2, column)
        upper = torch.triu(spread + spread.transpose(1, 2), diagonal=1)
        return upper - upper.transpose(1, 2) + self.offsets

    def scores(self, features: Tensor) -> Tensor:
        decisions = self.decisions(features)
        others = ~torch.eye(self.classes, dtype=torch.bool, device=features.device)
        return (F.logsigmoid(VOTE * decisions) * others).sum(2)
