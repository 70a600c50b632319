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
from vitreous.doctor.least_squares import fitted

FITS = 0.15  # residual of a gradient that is that of a loss, as a share of its norm
MOST_SMOOTHING = 0.5  # share of a label that is spread; more would fit other losses as well


def recovered(outputs: Tensor, gradient: Tensor) -> Tensor:
    """(B,) the class that each example's gradient wants more of: its label. Where the gradient has
    vanished the answer is right, and the label is the answer.

    With label smoothing, an answer that is surer than it should be wants less of its label and a
    little more of all others alike.

    outputs, gradient  (B, L)
    """
    silent = gradient.abs().amax(1) == 0
    least, second = gradient.topk(2, dim=1, largest=False).values.unbind(1)
    too_sure = (second < 0) & (least > 2 * second)
    labels = torch.where(too_sure, gradient.argmax(1), gradient.argmin(1))
    return torch.where(silent, outputs.argmax(1), labels)


def head_match(outputs: Tensor, gradient: Tensor, before: Head | None = None) -> Head:
    """How the outputs of a step and the gradient at them fit.

    outputs, gradient  (B, L) of a loss that is a mean over examples of one weight each
    before             what was found at an earlier step, whose range is extended
    """
    classes = outputs.shape[1]
    wanted = torch.nn.functional.one_hot(recovered(outputs, gradient), classes).to(outputs.dtype)
    surplus = outputs.softmax(1) - wanted
    softmax, (size, spread) = residual(gradient, surplus, wanted - 1 / classes)
    squared, _ = residual(gradient, outputs - wanted)
    if not 0 <= spread <= MOST_SMOOTHING * size:
        softmax, _ = residual(gradient, surplus)
    sums = (outputs.sum(1) - 1).abs() < 1e-3
    simplex = float((sums & (outputs >= -1e-6).all(1)).double().mean())
    ends = (outputs == 0) | ((outputs.abs() > 0.97) & (outputs.abs() <= 1))
    return Head(
        softmax=softmax < FITS and softmax <= max(squared, FITS / 10),
        simplex=simplex,
        classes=classes,
        low=min(float(outputs.min()), before.low if before else float("inf")),
        high=max(float(outputs.max()), before.high if before else float("-inf")),
        ends=float(ends.double().mean()),
    )


def residual(gradient: Tensor, *expected: Tensor) -> tuple[float, list[float]]:
    """What is left of a gradient after the best sum of multiples of what is expected, as a share,
    and these multiples.
    """
    if not bool(gradient.any()) or not any(bool(column.any()) for column in expected):
        return 0.0, [1.0] + [0.0] * (len(expected) - 1)
    factors, rest = fitted(gradient, expected)
    return rest, factors
