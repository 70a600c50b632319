"""Dead and saturated units: which outputs of activation functions can still change.

A ReLU that is zero for every example has no gradient, and neither have the weights before it. A
sigmoid or tanh at the end of its range hardly has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS: dict[Callable[..., Any], str] = {
    F.relu: "relu",
    F.relu_: "relu",
    F.relu6: "relu",
    torch.relu: "relu",
    torch.relu_: "relu",
    Tensor.relu: "relu",
    Tensor.relu_: "relu",
    F.sigmoid: "sigmoid",
    torch.sigmoid: "sigmoid",
    torch.sigmoid_: "sigmoid",
    Tensor.sigmoid: "sigmoid",
    F.tanh: "tanh",
    torch.tanh: "tanh",
    torch.tanh_: "tanh",
    Tensor.tanh: "tanh",
}
END = 0.02  # of the range of a sigmoid or tanh: outputs so near to its ends are saturated
ENOUGH = 64  # examples after which a unit that was never alive counts as dead


def alive(outputs: Tensor) -> Tensor:
    """(K,) bool: units, or feature maps, of a ReLU that are not zero for all examples.

    outputs  (B, K), (B, K, h, w), or (B, N, K)
    """
    axis = 1 if outputs.ndim == 4 else outputs.ndim - 1
    rest = [other for other in range(outputs.ndim) if other != axis]
    return outputs.detach().amax(rest) > 0 if rest else outputs.detach() > 0


def saturated(outputs: Tensor, kind: str) -> float:
    """Share of outputs within END of either end of the range."""
    values = outputs.detach()
    low, high = (0.0, 1.0) if kind == "sigmoid" else (-1.0, 1.0)
    margin = END * (high - low)
    return float(((values < low + margin) | (values > high - margin)).float().mean())
