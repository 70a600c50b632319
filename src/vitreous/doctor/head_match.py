"""Head match: which labels and which loss the gradient at the outputs tells of.

The gradient of a loss with respect to the outputs z of a network says a lot about the loss, without
the loss being known. Of cross-entropy on a softmax it is (p - y) / B with p = softmax(z), so the
label is where it is negative. If outputs are probabilities and the gradient is still that of a
softmax of them, the softmax is taken twice: the loss then cannot fall below ln(1 + (L - 1) / e).
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.doctor.evidence import Head

FITS = 0.05  # residual of a gradient that is that of a loss, as a share of its norm
SMOOTH = 0.35  # label smoothing leaves more of one


def recovered(outputs: Tensor, gradient: Tensor) -> Tensor:
    """(B,) the class that each example's gradient wants more of: its label. Where the gradient has
    vanished the answer is right, and the label is the answer.

    outputs, gradient  (B, L)
    """
    silent = gradient.abs().amax(1) == 0
    return torch.where(silent, outputs.argmax(1), gradient.argmin(1))


def head_match(outputs: Tensor, gradient: Tensor, before: Head | None = None) -> Head:
    """How the outputs of a step and the gradient at them fit.

    outputs, gradient  (B, L) of a loss that is a mean over examples of one weight each
    before             what was found at an earlier step, whose range is extended
    """
    classes = outputs.shape[1]
    wanted = torch.nn.functional.one_hot(recovered(outputs, gradient), classes).to(outputs.dtype)
    softmax = residual(gradient, outputs.softmax(1) - wanted)
    squared = residual(gradient, outputs - wanted)
    sums = (outputs.sum(1) - 1).abs() < 1e-3
    simplex = float((sums & (outputs >= -1e-6).all(1)).double().mean())
    ends = (outputs == 0) | ((outputs.abs() > 0.97) & (outputs.abs() <= 1))
    return Head(
        softmax=softmax < SMOOTH and softmax < squared * 0.9 + FITS * 0.1,
        simplex=simplex,
        classes=classes,
        low=min(float(outputs.min()), before.low if before else float("inf")),
        high=max(float(outputs.max()), before.high if before else float("-inf")),
        ends=float(ends.double().mean()),
    )


def residual(gradient: Tensor, expected: Tensor) -> float:
    """What is left of a gradient after the best multiple of what is expected, as a share."""
    size = float(gradient.norm())
    if not size:
        return 0.0
    factor = (gradient * expected).sum() / expected.square().sum().clamp_min(1e-30)
    return float((gradient - factor * expected).norm()) / size
