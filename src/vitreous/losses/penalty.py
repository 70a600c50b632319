"""Penalties on the size of weights, added to the loss: L1 drives weights to zero, L2 shrinks them.

Biases and the scales of normalization layers are spared: they do not make a function wiggle.
For plain gradient descent an L2 penalty is the same as weight decay; for Adam it is not, because
Adam divides the penalty's gradient by the size of the past gradients as well.
Krogh & Hertz (1991), "A simple weight decay can improve generalization";
Loshchilov & Hutter (2019), "Decoupled weight decay regularization", arXiv:1711.05101.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Penalty:
    """R(w) = l1 · Σ|w| + l2 · Σw², with gradient l1 · sign(w) + 2 · l2 · w.

    l1, l2      factors; the sums run over all weights, and are no means
    first_step  the optimizer step, counted from 0, from which it acts
    """

    l1: float = 0.0
    l2: float = 0.0
    first_step: int = 0

    def __call__(self, weights: Iterable[Tensor]) -> Tensor:
        """The penalty of these tensors, a scalar."""
        # A factor of 0 is left out: its gradient would cost as much as any other.
        sizes = [(self.l1, Tensor.abs), (self.l2, Tensor.square)]
        terms = [factor * size(w).sum() for w in weights for factor, size in sizes if factor]
        # The weights of a network may lie on several devices.
        return (
            torch.stack([term.to(terms[0].device) for term in terms]).sum()
            if terms
            else torch.zeros(())
        )


def decays(parameter: Tensor) -> bool:
    """Is it a weight? Matrices and kernels are; biases and scales have a single axis."""
    return parameter.ndim >= 2


def weights_of(model: nn.Module) -> list[Tensor]:
    """The trainable weights that penalties and weight decay act on."""
    return [p for p in model.parameters() if p.requires_grad and decays(p)]
