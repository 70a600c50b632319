"""Rosenblatt's perceptron, which learns from its mistakes, and logistic regression.

Rosenblatt (1958), "The perceptron", Psychological Review 65. If some hyperplane separates the two
classes, the rule below finds one after finitely many corrections (Novikoff 1962); if none does, as
for XOR, it never comes to rest (Minsky and Papert 1969).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.errors import UsageError


@dataclass(frozen=True)
class Perceptron:
    """sign(w·x + w₀) for points (N, d)."""

    weight: Tensor  # (d,)
    bias: Tensor  # ()

    def __call__(self, x: Tensor) -> Tensor:
        """+1 or -1 for each point."""
        return torch.where(self.score(x) > 0, 1.0, -1.0)

    def score(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias

    def distance(self, x: Tensor) -> Tensor:
        """Signed distance to the hyperplane, (w·x + w₀) / |w|."""
        length: Tensor = torch.linalg.vector_norm(self.weight)
        return self.score(x) / length

    def criterion(self, x: Tensor, t: Tensor) -> Tensor:
        """D(w) = -Σ t (w·x + w₀) over the misclassified points: 0 when all are right."""
        return (-t * self.score(x)).clamp(min=0).sum()


@dataclass(frozen=True)
class Lesson:
    """How learning went: the unit, the number of corrections, and whether it came to rest."""

    perceptron: Perceptron
    corrections: int
    converged: bool


def rosenblatt(x: Tensor, t: Tensor, *, rate: float = 1.0, epochs: int = 1000) -> Lesson:
    """Show points one by one; correct Δw = rate · t · x only where the answer is wrong.

    x  (N, d);  t  (N,) of ±1

    Weights begin at 0, so that a score of 0 counts as wrong.
    """
    _check(x, t, (-1, 1))
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)  # the bias is a weight
    w = torch.zeros(inputs.shape[1], dtype=x.dtype)
    corrections = 0
    for _ in range(epochs):
        before = corrections
        for point, answer in zip(inputs, t.to(x.dtype), strict=True):
            if answer * (w @ point) <= 0:
                w = w + rate * answer * point
                corrections += 1
        if corrections == before:
            return Lesson(Perceptron(w[:-1], w[-1]), corrections, True)
    return Lesson(Perceptron(w[:-1], w[-1]), corrections, False)


def convergence_bound(x: Tensor, t: Tensor, separator: Perceptron) -> float:
    """At most (R / γ)² corrections are needed: R the longest input, γ the separator's margin.

    Inputs are taken with the constant 1 of the bias. Raises UsageError if it does not separate.
    """
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    w = torch.cat([separator.weight, separator.bias.reshape(1)])
    margin = (t * (inputs @ w)).min() / w.norm()
    if not margin > 0:
        raise UsageError(
            "these classes are not separated by this hyperplane",
            where="separator",
            remedy="Give one that does; without any, there is no bound.",
        )
    return float((inputs.norm(dim=1).max() / margin) ** 2)


def logistic_regression(
    x: Tensor, t: Tensor, *, penalty: float = 0.0, steps: int = 100, tolerance: float = 1e-10
) -> Perceptron:
    """The unit with the least binary cross-entropy -Σ t ln y + (1-t) ln(1-y), by Newton's method.

    x  (N, d) float64;  t  (N,) of 0 and 1;  y = σ(w·x + w₀);  penalty · |w|² / 2 is added

    The gradient is Σ (y - t) x̃, the Hessian Σ y (1-y) x̃ x̃ᵀ. Without a penalty separable classes
    have no optimum: the weights would grow without end.
    """
    _check(x, t, (0, 1))
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    ridge = torch.full((inputs.shape[1],), penalty, dtype=x.dtype)
    ridge[-1] = 0  # the bias is free
    w = torch.zeros(inputs.shape[1], dtype=x.dtype)
    for _ in range(steps):
        y = (inputs @ w).sigmoid()
        gradient = inputs.T @ (y - t.to(x.dtype)) + ridge * w
        hessian = inputs.T @ (inputs * (y * (1 - y))[:, None]) + ridge.diag()
        # Some curvature everywhere keeps a step finite where all points are far from the plane.
        step = torch.linalg.solve(hessian + 1e-12 * torch.eye(len(w), dtype=x.dtype), gradient)
        w = w - step * min(1.0, float(10 / step.norm().clamp(min=1e-300)))
        if step.norm() < tolerance:
            break
    return Perceptron(w[:-1], w[-1])


def _check(x: Tensor, t: Tensor, answers: tuple[int, int]) -> None:
    if x.dim() != 2 or t.shape != x.shape[:1] or not torch.isin(t, torch.tensor(answers)).all():
        raise UsageError(
            f"points {tuple(x.shape)} and answers {tuple(t.shape)}",
            remedy=f"Give points (N, d) and N answers, each {answers[0]} or {answers[1]}.",
        )
