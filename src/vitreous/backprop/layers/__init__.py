"""Layers whose derivatives are written by hand."""

from vitreous.backprop.layers.arrange import (
    Expand,
    Flatten,
    Identity,
    Pad,
    Permute,
    Reshape,
    Scatter,
    Slice,
)
from vitreous.backprop.layers.attention import Attention, SelfAttention
from vitreous.backprop.layers.branch import Branches, Concatenate, Residual
from vitreous.backprop.layers.center_loss import CentersAndBoxes
from vitreous.backprop.layers.convolution import (
    ComputedConvolution,
    Convolution,
    TransposedConvolution,
)
from vitreous.backprop.layers.layer import (
    Chain,
    Dropout,
    DropPath,
    Layer,
    LeakyReLU,
    Operation,
    Pointwise,
    PReLU,
)
from vitreous.backprop.layers.linear import Bias, Linear
from vitreous.backprop.layers.loss_layers import (
    LOSSES,
    BinaryHinge,
    ClassAndBox,
    Hinge,
    Loss,
    SigmoidCrossEntropy,
    SmoothL1,
    SoftmaxCrossEntropy,
    SquaredError,
)
from vitreous.backprop.layers.map_losses import MappedClassAndBox, PlaceCrossEntropy
from vitreous.backprop.layers.normalization import BatchNorm, LayerNorm, LocalResponseNorm
from vitreous.backprop.layers.pooling import (
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
    "CentersAndBoxes",
    "Chain",
    "ClassAndBox",
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
    "MappedClassAndBox",
    "MaxPool",
    "Operation",
    "PReLU",
    "Pad",
    "Permute",
    "PlaceCrossEntropy",
    "Pointwise",
    "Reshape",
    "Residual",
    "Scatter",
    "SelfAttention",
    "SigmoidCrossEntropy",
    "Slice",
    "SmoothL1",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "TransposedConvolution",
]
