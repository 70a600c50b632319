"""Correlation, padding arithmetic, and the convolution as a shared matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from vitreous.backprop.conv_as_matrix import matrix_of
from vitreous.backprop.layers import Convolution, Linear
from vitreous.backprop.layers.convolution import output_size
from vitreous.blocks.filters import correlate, padding
from vitreous.errors import ShapeError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_a_convolutional_layer_correlates() -> None:
    images, kernel = draw(2, 1, 7, 9), draw(3, 3, seed=1)
    assert_close(Convolution(kernel[None, None])(images), correlate(images, kernel))


@pytest.mark.parametrize(("kind", "side"), [("none", 8), ("half", 10), ("full", 12)])
def test_a_3x3_kernel_shrinks_keeps_or_grows_a_map_of_10(kind: Any, side: int) -> None:
    zeros = padding(3, kind)
    assert output_size(10, 3, padding=zeros) == side
    assert Convolution(draw(1, 1, 3, 3), padding=zeros)(draw(1, 1, 10, 10)).shape[2:] == (side,) * 2


def test_28x28_by_three_5x5_kernels_is_3x24x24() -> None:
    maps = Convolution(draw(3, 1, 5, 5))(draw(1, 1, 28, 28))
    assert maps.shape == (1, 3, 24, 24)
    assert maps.numel() == 1_728


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_formula_of_sizes(kernel: int, stride: int, padding: int, dilation: int) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    out = Convolution(draw(1, 1, kernel, kernel), **options)(draw(1, 1, 11, 12))
    assert out.shape[2:] == tuple(output_size(n, kernel, **options) for n in (11, 12))


LAYERS = [
    {"groups": 1},
    {"groups": 1, "stride": 2, "padding": 1},
    {"groups": 2, "stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
]


@pytest.mark.parametrize("options", LAYERS)
def test_a_convolution_is_a_sparse_fully_connected_layer(options: dict[str, Any]) -> None:
    layer = Convolution(draw(4, 4 // options["groups"], 3, 2), **options)
    x = draw(2, 4, 6, 7, seed=1)
    y = layer(x)
    matrix = matrix_of(layer, (6, 7))
    dense = Linear(matrix.dense(layer.weight))
    assert matrix.shape == (y[0].numel(), x[0].numel())
    assert_close(dense(x.flatten(1)), y.flatten(1), rtol=1e-12, atol=1e-12)
    assert 0 < matrix.density < 0.3


@pytest.mark.parametrize("options", LAYERS)
def test_sharing_a_weight_sums_the_gradients_of_its_places(options: dict[str, Any]) -> None:
    layer = Convolution(draw(4, 4 // options["groups"], 3, 2), **options)
    x = draw(2, 4, 6, 7, seed=1)
    gradient = draw(*layer(x).shape, seed=2)
    below = layer.backward(gradient)
    matrix = matrix_of(layer, (6, 7))
    dense = Linear(matrix.dense(layer.weight))
    dense(x.flatten(1))
    dense_below = dense.backward(gradient.flatten(1))
    summed = matrix.kernel_gradient(dense.gradients["weight"], layer.weight)
    assert_close(summed, layer.gradients["weight"], rtol=1e-10, atol=1e-10)
    assert_close(dense_below, below.flatten(1), rtol=1e-10, atol=1e-10)  # type: ignore[union-attr]


def test_the_matrix_is_banded() -> None:
    layer = Convolution(torch.ones(1, 1, 1, 3), padding=(0, 1))
    banded = matrix_of(layer, (1, 6)).dense(layer.weight).numpy()
    assert np.array_equal(banded, np.tril(np.triu(np.ones((6, 6)), -1), 1))


def test_a_kernel_larger_than_the_map_is_refused() -> None:
    with pytest.raises(ShapeError, match="5×5 does not fit into a map of 4×9"):
        matrix_of(Convolution(draw(1, 1, 5, 5)), (4, 9))
