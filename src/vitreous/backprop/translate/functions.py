"""From torch's functions to the hand-written layers: what networks call between their modules.

A call becomes a layer and the tensors that go into it. The parameters are torch's own, so that
keywords find their place, and those that are not here are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

from torch import Tensor

from vitreous.backprop.layers.arrange import Flatten, Identity, Pad, Permute, Scatter, Slice
from vitreous.backprop.layers.attention import Attention
from vitreous.backprop.layers.branch import Concatenate
from vitreous.backprop.layers.convolution import (
    ComputedConvolution,
    Convolution,
    pair,
)
from vitreous.backprop.layers.layer import Dropout, Layer, Operation, Pointwise
from vitreous.backprop.layers.linear import Linear
from vitreous.backprop.layers.normalization import LocalResponseNorm
from vitreous.backprop.layers.pooling import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    GlobalMax,
    MaxPool,
)
from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.translate.refusal import unsupported


def zeros(padding: Any, kernel: Sequence[int], dilation: Any) -> Any:
    """The zeros on each side, where torch was given a word for them."""
    if not isinstance(padding, str):
        return padding
    extents = [(size - 1) * step for size, step in zip(kernel, pair(dilation), strict=True)]
    if padding == "same" and any(extent % 2 for extent in extents):
        raise unsupported("a convolution that keeps the size", "its kernel is even")
    return tuple(extent // 2 if padding == "same" else 0 for extent in extents)


# Each operand is a tensor, or whatever stands for one.
Application = tuple[Layer, tuple[Any, ...]]


def _binary(name: str) -> Callable[..., Application]:
    return lambda x, y: (Operation(RULES[name]), (x, y))


def _unary(name: str) -> Callable[..., Application]:
    return lambda x, inplace=False: (Pointwise(RULES[name]), (x,))


def _reduction(name: str) -> Callable[..., Application]:
    def build(x: Any, dim: Any = None, keepdim: bool = False) -> Application:
        return Operation(RULES[name], dim=dim, keepdim=keepdim), (x,)

    return build


def softmax(name: str) -> Callable[..., Application]:
    def build(x: Any, dim: Any = None, *, _stacklevel: int = 3, dtype: Any = None) -> Application:
        if dim is None:
            raise unsupported(f"{name}()", "it does not say over which axis")
        if dtype is not None:
            raise unsupported(f"{name}()", "it changes the number format")
        return Operation(RULES[name], dim=dim), (x,)

    return build


def _conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Application:  # fmt: skip
    kernel = weight.shape if isinstance(weight, Tensor) else weight.meta["value"].shape
    around = zeros(padding, kernel[2:], dilation)
    options = {"stride": stride, "padding": around, "dilation": dilation, "groups": groups}
    if bias is not None and not isinstance(bias, Tensor):
        raise unsupported("a convolution", "its bias is itself computed")
    if isinstance(weight, Tensor):
        return Convolution(weight, bias, **options), (x,)
    return ComputedConvolution(bias, **options), (x, weight)


def _linear(x: Any, weight: Any, bias: Any = None) -> Application:
    for tensor in (weight, bias):
        if tensor is not None and not isinstance(tensor, Tensor):
            raise unsupported("a linear layer", "its weight is itself computed")
    return Linear(weight, bias), (x,)


def _dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Application:
    return Dropout(p if training else 0), (x,)


def _scaled_attention(
    queries: Any, keys: Any, values: Any, attn_mask: Any = None, dropout_p: float = 0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Application:  # fmt: skip
    if attn_mask is not None or dropout_p or scale is not None or enable_gqa:
        raise unsupported("attention", "it has a mask, a scale, groups or dropout")
    return Attention(causal=is_causal), (queries, keys, values)


def _pad(x: Any, widths: Any, mode: str = "constant", value: float | None = None) -> Application:
    if mode != "constant" or value:
        raise unsupported("padding", "it is not with zeros")
    return Pad(*widths), (x,)


def _permute(x: Any, *order: Any) -> Application:
    return Permute(*(order[0] if isinstance(order[0], (tuple, list)) else order)), (x,)


def _amax(x: Any, dim: Any = None, keepdim: bool = False) -> Application:
    if tuple(dim or ()) not in ((2, 3), (-2, -1)):
        raise unsupported("amax()", "it is not over the positions of maps")
    return AdaptiveMaxPool(1) if keepdim else GlobalMax(), (x,)


def _index_put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Application:
    if accumulate or not all(isinstance(part, Tensor) for part in index):
        raise unsupported("index_put()", "it adds up, or its places are computed")
    places = list(zip(*(part.flatten().tolist() for part in index), strict=True))
    if len(set(places)) < len(places):
        raise unsupported("index_put()", "it writes to a place twice")
    return Scatter(tuple(index)), (x, values)


def _getitem(x: Any, index: Any) -> Application:
    for part in index if isinstance(index, tuple) else (index,):
        bounds = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
        if not all(bound is None or isinstance(bound, int | EllipsisType) for bound in bounds):
            raise unsupported("an index", "it is more than numbers and slices")
    return Slice(index), (x,)


FUNCTIONS: dict[str, Callable[..., Application]] = {
    "add": _binary("add"),
    "iadd": _binary("add"),
    "sub": _binary("subtract"),
    "mul": _binary("multiply"),
    "imul": _binary("multiply"),
    "truediv": _binary("divide"),
    "div": _binary("divide"),
    "pow": _binary("power"),
    "neg": _unary("negate"),
    "matmul": _binary("matmul"),
    "abs": _unary("abs"),
    "square": _unary("square"),
    "sqrt": _unary("sqrt"),
    "exp": _unary("exp"),
    "log": _unary("log"),
    "sin": _unary("sin"),
    "cos": _unary("cos"),
    "sign": _unary("sign"),
    "relu": _unary("relu"),
    "relu_": _unary("relu"),
    "relu6": _unary("relu6"),
    "sigmoid": _unary("sigmoid"),
    "tanh": _unary("tanh"),
    "silu": _unary("silu"),
    "gelu": _unary("gelu"),
    "hardswish": _unary("hardswish"),
    "hardsigmoid": _unary("hardsigmoid"),
    "mean": _reduction("mean"),
    "sum": _reduction("sum"),
    "amax": _amax,
    "softmax": softmax("softmax"),
    "log_softmax": softmax("log_softmax"),
    "linear": _linear,
    "conv2d": _conv2d,
    "dropout": _dropout,
    "scaled_dot_product_attention": _scaled_attention,
    "pad": _pad,
    "flatten": lambda x, start_dim=0, end_dim=-1: (Flatten(start_dim, end_dim), (x,)),
    "cat": lambda tensors, dim=0: (Concatenate(dim), tuple(tensors)),
    "max_pool2d": lambda x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
    return_indices=False: (
        MaxPool(kernel_size, stride, padding, dilation, ceil=ceil_mode), (x,)
    ),
    "avg_pool2d": lambda x, kernel_size, stride=None, padding=0, ceil_mode=False,
    count_include_pad=True: (
        AveragePool(kernel_size, stride, padding, ceil=ceil_mode, count_padding=count_include_pad),
        (x,),
    ),
    "local_response_norm": lambda x, size, alpha=1e-4, beta=0.75, k=1.0: (
        LocalResponseNorm(size, alpha=alpha, beta=beta, k=k),
        (x,),
    ),
    "adaptive_avg_pool2d": lambda x, output_size: (AdaptiveAveragePool(output_size), (x,)),
    "adaptive_max_pool2d": lambda x, output_size, return_indices=False: (
        AdaptiveMaxPool(output_size),
        (x,),
    ),
    "permute": _permute,
    "contiguous": lambda x, memory_format=None: (Identity(), (x,)),
    "index_put": _index_put,
    "getitem": _getitem,
}  # fmt: skip

# Constants that are known by their shape alone, and the number that they are full of.
CONSTANTS = {"new_zeros": 0.0, "zeros_like": 0.0, "new_ones": 1.0, "ones_like": 1.0}

# Rearrangements that are known by the shape of their result alone.
RESHAPES = {"view", "reshape", "unflatten", "squeeze", "unsqueeze"}
