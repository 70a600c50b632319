"""Output coding: which head and which loss fit a kind of target, as a table.

Head and loss belong together: each pair below comes from one assumption about how targets are
distributed, by maximum likelihood, and makes the gradient at the last layer the plain difference
of answer and target (for tanh, times its slope, since no likelihood stands behind it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from vitreous.formats import counted
from vitreous.losses import binary_cross_entropy, cross_entropy, squared_error


@dataclass(frozen=True)
class Coding:
    """A kind of target with the head and the loss that fit.

    targets     what the targets are, for a reader
    head        name of the last activation, and `activate` the function, from outputs to answers
    loss        name of the loss, and `measure` the function of (outputs, targets)
    why         the reason, which completes "…, because"
    """

    targets: str
    head: str
    loss: str
    why: str
    activate: Callable[[Tensor], Tensor]
    measure: Callable[..., Tensor]

    def explain(self, outputs: int) -> str:
        """Head and loss with the reason, in one sentence."""
        return (
            f"{self.head} over {counted(outputs, 'output')} with {self.loss}, because {self.why}."
        )


def _column(measure: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss of (B, 1) outputs whose targets come as (B,)."""

    def loss(outputs: Tensor, targets: Tensor, **options: object) -> Tensor:
        return measure(outputs, targets.reshape(outputs.shape).to(outputs.dtype), **options)

    return loss


def _sign_error(outputs: Tensor, targets: Tensor, **options: object) -> Tensor:
    return _column(squared_error)(outputs.tanh(), targets, **options)


CODINGS = {
    "signs": Coding(
        "-1 or 1",
        "tanh",
        "the squared error",
        "tanh covers exactly the range from -1 to 1",
        torch.tanh,
        _sign_error,
    ),
    "binary": Coding(
        "0 or 1",
        "sigmoid",
        "binary cross-entropy",
        "one probability decides between two answers",
        torch.sigmoid,
        _column(binary_cross_entropy),
    ),
    "classes": Coding(
        "one of several classes",
        "softmax",
        "cross-entropy",
        "the classes exclude each other and share one unit of probability",
        lambda outputs: outputs.softmax(1),
        cross_entropy,
    ),
    "labels": Coding(
        "any number of labels",
        "sigmoid",
        "binary cross-entropy for each",
        "several labels may apply at once, and a softmax would let them compete",
        torch.sigmoid,
        binary_cross_entropy,
    ),
    "numbers": Coding(
        "real numbers",
        "linear",
        "the squared error",
        "numbers have no bounds, and Gaussian noise makes the squared error the likelihood",
        lambda outputs: outputs,
        _column(squared_error),
    ),
}


def coding(targets: ArrayLike) -> Coding:
    """The row of CODINGS that fits these targets, (N,) or (N, K).

    Rows of zeros and ones with exactly one 1 each are classes; with none or several, labels.
    """
    values = np.asarray(targets)
    unique = set(np.unique(values).tolist())
    if values.ndim == 2 and unique <= {0, 1}:
        exclusive = values.shape[1] > 1 and bool((values.sum(axis=1) == 1).all())
        return CODINGS["classes" if exclusive else "labels"]
    if unique <= {-1, 1} and -1 in unique:
        return CODINGS["signs"]
    if unique <= {0, 1}:
        return CODINGS["binary"]
    if values.ndim == 1 and np.issubdtype(values.dtype, np.integer) and min(unique) >= 0:
        return CODINGS["classes"]
    return CODINGS["numbers"]
