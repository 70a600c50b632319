"""Layers whose derivatives are written by hand."""

from vitreous.backprop.modules.arrange import Flatten, Identity, Pad, Permute, Reshape, Slice
from vitreous.backprop.modules.attention import Attention, SelfAttention
from vitreous.backprop.modules.branch import Branches, Concatenate, Residual
from vitreous.backprop.modules.convolution import Convolution, TransposedConvolution
from vitreous.backprop.modules.layer import (
    Chain,
    Dropout,
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
from vitreous.backprop.modules.normalization import BatchNorm, LayerNorm
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
    "Concatenate",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalAverage",
    "GlobalMax",
    "Hinge",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MaxPool",
    "Operation",
    "PReLU",
    "Pad",
    "Permute",
    "Pointwise",
    "Reshape",
    "Residual",
    "SelfAttention",
    "SigmoidCrossEntropy",
    "Slice",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "TransposedConvolution",
]
