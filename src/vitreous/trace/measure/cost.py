"""What a network costs: parameters, multiply-accumulates, units, connections, memory.

Costs are those of one image in evaluation mode. Work is counted in MACs (a multiplication with its
addition), not in FLOPs, which are two for each. Only products of matrices and convolutions are
counted: the rest is less than a hundredth of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from vitreous.trace.capture.operations import Operation, Shape, Trace, trace

# What a non-linearity computes may overwrite what it was computed from.
ACTIVATIONS = {
    "celu", "clamp", "clamp_max", "clamp_min", "elu", "gelu", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "mish", "_prelu_kernel", "relu", "selu", "sigmoid", "silu",
    "softplus", "tanh",
}  # fmt: skip


def _convolution(arguments: tuple[Any, ...], output: Shape) -> int:
    """Each output (or each input, where transposed) meets one kernel of every channel it sees."""
    images, weight, *_ = arguments
    transposed = len(arguments) > 6 and bool(arguments[6])
    return int(math.prod(images if transposed else output) * math.prod(weight[1:]))


def _product(arguments: tuple[Any, ...], output: Shape) -> int:
    """(..., n, m) with (..., m, p): every output is a sum of m products."""
    return math.prod(output) * int(arguments[0][-1])


def _product_and_sum(arguments: tuple[Any, ...], output: Shape) -> int:
    return _product(arguments[1:], output)


def _attention(arguments: tuple[Any, ...], output: Shape) -> int:
    """Queries (..., N, d) meet all keys (..., M, d), and the weights meet all values."""
    queries, keys, values = (tuple[int, ...](shape) for shape in arguments[:3])
    return math.prod(queries[:-1]) * keys[-2] * (queries[-1] + values[-1])


MACS: dict[str, Callable[[tuple[Any, ...], Shape], int]] = {
    "convolution": _convolution,
    "_convolution": _convolution,
    "mm": _product,
    "bmm": _product,
    "mv": _product,
    "dot": lambda arguments, output: int(arguments[0][-1]),
    "addmm": _product_and_sum,
    "addmv": _product_and_sum,
    "baddbmm": _product_and_sum,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_attention_math": _attention,
}


@dataclass(frozen=True)
class Cost:
    """Of an operation, a layer or a network, for one image.

    macs             multiply-accumulates; for a layer with weights, its number of connections
    memory           bytes of all results, if non-linearities keep what they were computed from
    memory_in_place  the same if they overwrite it
    """

    macs: int = 0
    memory: int = 0
    memory_in_place: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.macs + other.macs,
            self.memory + other.memory,
            self.memory_in_place + other.memory_in_place,
        )


def cost(operation: Operation) -> Cost:
    """The cost of one operation."""
    count = MACS.get(operation.name)
    activation = operation.name in ACTIVATIONS
    # Adaptive pooling to the size that a map already has copies it: nothing to keep.
    copied = operation.name == "_adaptive_avg_pool2d" and operation.reads[0][1] == operation.shape
    new = not operation.in_place and not copied
    return Cost(
        macs=count(operation.arguments, operation.shape) if count else 0,
        memory=operation.bytes if new or activation else 0,
        memory_in_place=operation.bytes if new and not activation else 0,
    )


def costs(traced: Trace) -> list[Cost]:
    """The cost of each operation of the forward pass.

    Normalizing the image, before the first layer that multiplies, makes nothing that would have to
    be kept beside the image itself.
    """
    found = [cost(operation) for operation in traced.operations]
    first = next((i for i, c in enumerate(found) if c.macs), 0)
    return [Cost(c.macs) for c in found[:first]] + found[first:]


def image(traced: Trace, bytes_per_number: int = 4) -> Cost:
    """The cost of keeping the input itself."""
    return Cost(0, *[math.prod(traced.input[1]) * bytes_per_number] * 2)


def total(traced: Trace) -> Cost:
    """The cost of the whole forward pass, its input included once."""
    return sum(costs(traced), image(traced))


def macs(model: nn.Module, shape: Shape) -> int:
    """Multiply-accumulates of one forward pass for one input of `shape`, (C, H, W).

    Nothing is computed, so a network of any size is counted in a moment.
    """
    return sum(cost(operation).macs for operation in trace(model, shape).operations)


def parameters(model: nn.Module, *, trainable: bool = False) -> int:
    """The number of parameters; those shared between layers count once.

    trainable  only those that are not frozen
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable)
