"""A convolution is a fully connected layer: sparse, banded, and with weights that are shared.

Its matrix has a row for every output and a column for every input, and each entry is zero or one of
the few kernel weights. Because a weight stands in many places, its gradient is the sum of the
gradients of all those places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.backprop.layers.convolution import Convolution, output_size
from vitreous.errors import ShapeError


@dataclass(frozen=True)
class SharedMatrix:
    """The matrix of a convolution, as a list of its entries.

    rows, columns  (entries,) positions in the matrix: output number, input number
    weights        (entries,) which element of the flattened kernel stands there
    shape          (outputs, inputs)
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor
    shape: tuple[int, int]

    @property
    def density(self) -> float:
        """Share of the entries that are not zero by construction."""
        return len(self.rows) / math.prod(self.shape)

    def dense(self, kernel: Tensor) -> Tensor:
        """(outputs, inputs): the fully connected layer's weight for this kernel."""
        matrix = kernel.new_zeros(self.shape)
        matrix[self.rows, self.columns] = kernel.flatten()[self.weights]
        return matrix

    def sparse(self, kernel: Tensor) -> Tensor:
        """The same, with nothing but its entries in memory."""
        places = torch.stack([self.rows, self.columns]).to(kernel.device)
        weights = kernel.flatten()[self.weights]
        matrix = torch.sparse_coo_tensor(places, weights, self.shape, check_invariants=True)
        return matrix.coalesce()

    def kernel_gradient(self, matrix_gradient: Tensor, kernel: Tensor) -> Tensor:
        """∂E/∂kernel: the sum of ∂E/∂entry over the entries that a weight is shared by."""
        gradient = torch.zeros_like(kernel).flatten()
        gradient.index_add_(0, self.weights, matrix_gradient[self.rows, self.columns])
        return gradient.reshape(kernel.shape)


def matrix_of(layer: Convolution, size: tuple[int, int]) -> SharedMatrix:
    """The matrix that does to a flattened map (C·H·W) what the convolution does to a map of `size`.

    Raises ShapeError if the kernel does not fit into the padded map.
    """
    outputs, inputs_per_group, *kernel = layer.weight.shape
    channels = inputs_per_group * layer.groups
    height, width = size
    h, w = (
        output_size(side, window, stride=stride, padding=padding, dilation=dilation)
        for side, window, stride, padding, dilation in zip(
            size, kernel, layer.stride, layer.padding, layer.dilation, strict=True
        )
    )
    if h < 1 or w < 1:
        raise ShapeError(
            f"a kernel of {kernel[0]}×{kernel[1]} does not fit into a map of {height}×{width}",
            remedy="Give a larger map, or more padding.",
        )
    # One grid over everything that an entry is made of: output k (r, s), kernel c (u, v).
    k, r, s, c, u, v = torch.meshgrid(
        *(torch.arange(n) for n in (outputs, h, w, inputs_per_group, *kernel)), indexing="ij"
    )
    y = r * layer.stride[0] - layer.padding[0] + u * layer.dilation[0]
    x = s * layer.stride[1] - layer.padding[1] + v * layer.dilation[1]
    channel = k // (outputs // layer.groups) * inputs_per_group + c
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    weight = ((k * inputs_per_group + c) * kernel[0] + u) * kernel[1] + v
    return SharedMatrix(
        rows=((k * h + r) * w + s)[inside],
        columns=((channel * height + y) * width + x)[inside],
        weights=weight[inside],
        shape=(outputs * h * w, channels * height * width),
    )
