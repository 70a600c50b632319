"""From torch's layers to the hand-written ones: a table with a row for each kind of module.

What stands neither here nor in the table of functions is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from vitreous.backprop.layers.arrange import Flatten, Identity
from vitreous.backprop.layers.attention import SelfAttention
from vitreous.backprop.layers.convolution import (
    Convolution,
    TransposedConvolution,
)
from vitreous.backprop.layers.layer import Dropout, Layer, LeakyReLU, Pointwise, PReLU
from vitreous.backprop.layers.linear import Linear
from vitreous.backprop.layers.normalization import BatchNorm, LayerNorm, LocalResponseNorm
from vitreous.backprop.layers.pooling import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    MaxPool,
)
from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.translate.functions import softmax, zeros
from vitreous.backprop.translate.refusal import require, unsupported


def _convolution(module: nn.Conv2d) -> Layer:
    require(module.padding_mode == "zeros", module, "it pads with something else than zeros")
    return Convolution(
        module.weight,
        module.bias,
        stride=module.stride,
        padding=zeros(module.padding, module.kernel_size, module.dilation),
        dilation=module.dilation,
        groups=module.groups,
    )


def _transposed(module: nn.ConvTranspose2d) -> Layer:
    padding: Any = module.padding
    return TransposedConvolution(
        module.weight,
        module.bias,
        stride=module.stride,
        padding=padding,
        output_padding=module.output_padding,
        dilation=module.dilation,
        groups=module.groups,
    )


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d) -> Layer:
    return BatchNorm(
        module.weight,
        module.bias,
        module.running_mean,
        module.running_var,
        momentum=module.momentum,
        epsilon=module.eps,
        batches=module.num_batches_tracked,
    )


def _max_pool(module: nn.MaxPool2d) -> Layer:
    require(not module.return_indices, module, "it returns indices")
    return MaxPool(
        module.kernel_size, module.stride, module.padding, module.dilation, ceil=module.ceil_mode
    )


def _average_pool(module: nn.AvgPool2d) -> Layer:
    require(module.divisor_override is None, module, "it divides by a number of its own")
    return AveragePool(
        module.kernel_size,
        module.stride,
        module.padding,
        ceil=module.ceil_mode,
        count_padding=module.count_include_pad,
    )


def _attention(module: nn.MultiheadAttention) -> Layer:
    plain = module.in_proj_weight is not None and module.bias_k is None and not module.add_zero_attn
    require(plain and module.batch_first, module, "it is not plain batch-first self-attention")
    require(module.dropout == 0, module, "it drops attention weights")
    return SelfAttention(
        module.num_heads,
        module.in_proj_weight,
        module.in_proj_bias,
        module.out_proj.weight,
        module.out_proj.bias,
    )


def _pointwise(rule: str, **standard: Any) -> Callable[[Any], Layer]:
    """An activation whose attributes, if it has any, must have these values."""

    def build(module: nn.Module) -> Layer:
        for name, value in standard.items():
            found = getattr(module, name)
            require(found == value, module, f"its {name} is not {value}")
        return Pointwise(RULES[rule])

    return build


LAYERS: dict[type[nn.Module], Callable[[Any], Layer]] = {
    nn.Identity: lambda m: Identity(),
    nn.Flatten: lambda m: Flatten(m.start_dim, m.end_dim),
    nn.Linear: lambda m: Linear(m.weight, m.bias),
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: lambda m: LayerNorm(m.normalized_shape, m.weight, m.bias, epsilon=m.eps),
    nn.LocalResponseNorm: lambda m: LocalResponseNorm(m.size, alpha=m.alpha, beta=m.beta, k=m.k),
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: lambda m: AdaptiveAveragePool(m.output_size),
    nn.AdaptiveMaxPool2d: lambda m: AdaptiveMaxPool(m.output_size),
    nn.Dropout: lambda m: Dropout(m.p),
    nn.Dropout2d: lambda m: Dropout(m.p, channels=True),
    nn.MultiheadAttention: _attention,
    nn.PReLU: lambda m: PReLU(m.weight),
    nn.LeakyReLU: lambda m: LeakyReLU(m.negative_slope),
    nn.ReLU: _pointwise("relu"),
    nn.ReLU6: _pointwise("relu6"),
    nn.ELU: _pointwise("elu", alpha=1.0),
    nn.Sigmoid: _pointwise("sigmoid"),
    nn.Tanh: _pointwise("tanh"),
    nn.Softplus: _pointwise("softplus", beta=1, threshold=20),
    nn.GELU: _pointwise("gelu", approximate="none"),
    nn.SiLU: _pointwise("silu"),
    nn.Hardtanh: _pointwise("hardtanh", min_val=-1, max_val=1),
    nn.Hardsigmoid: _pointwise("hardsigmoid"),
    nn.Hardswish: _pointwise("hardswish"),
    nn.Softmax: lambda m: softmax("softmax")(None, m.dim)[0],
    nn.LogSoftmax: lambda m: softmax("log_softmax")(None, m.dim)[0],
}


def has_layer(module: nn.Module) -> bool:
    return type(module) in LAYERS or hasattr(module, "by_hand")


def layer(module: nn.Module) -> Layer:
    """The hand-written layer of a torch layer, on the same parameters. Raises ModelError.

    A module of another kind may have one by a method `by_hand()` that returns it.
    """
    by_hand: Any = getattr(module, "by_hand", None)
    if by_hand is not None:
        made: Layer = by_hand()
        return made
    if type(module) not in LAYERS:
        raise unsupported(type(module).__name__, "it is not in the table of layers")
    return LAYERS[type(module)](module)
