"""Layers whose derivatives are written by hand."""

from vitreous.backprop.modules.arrange import (
    Expand,
    Flatten,
    Identity,
    Pad,
    Permute,
    Reshape,
    Scatter,
    Slice,
)
from vitreous.backprop.modules.attention import Attention, SelfAttention
from vitreous.backprop.modules.branch import Branches, Concatenate, Residual
from vitreous.backprop.modules.convolution import (
    ComputedConvolution,
    Convolution,
    TransposedConvolution,
)
from vitreous.backprop.modules.layer import (
    Chain,
    Dropout,
    DropPath,
    Layer,
    LeakyReLU,
    Operation,
    Pointwise,
    PReLU,
)
from vitreous.backprop.modules.linear import Bias, Linear
from vitreous.backprop.modules.losses import (
    LOSSES,
    BinaryHinge,
    Hinge,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from vitreous.backprop.modules.normalization import BatchNorm, LayerNorm, LocalResponseNorm
from vitreous.backprop.modules.pooling import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    GlobalAverage,
    GlobalMax,
    MaxPool,
)

__all__ = [
    "LOSSES",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Attention",
    "AveragePool",
    "BatchNorm",
    "Bias",
    "BinaryHinge",
    "Branches",
    "Chain",
    "ComputedConvolution",
    "Concatenate",
    "Convolution",
    "DropPath",
    "Dropout",
    "Expand",
    "Flatten",
    "GlobalAverage",
    "GlobalMax",
    "Hinge",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "Loss",
    "MaxPool",
    "Operation",
    "PReLU",
    "Pad",
    "Permute",
    "Pointwise",
    "Reshape",
    "Residual",
    "Scatter",
    "SelfAttention",
    "SigmoidCrossEntropy",
    "Slice",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "TransposedConvolution",
]
