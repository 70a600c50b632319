import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from vitreous.blocks.matrix import as_convolution, as_matrix
from vitreous.errors import ModelError


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    groups=st.integers(1, 2),
    inputs=st.integers(1, 2),
    outputs=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    height=st.integers(5, 7),
    width=st.integers(5, 7),
)
def test_matrix_is_the_convolution(
    groups: int,
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    stride: int,
    padding: int,
    dilation: int,
    height: int,
    width: int,
) -> None:
    shape = groups * inputs, groups * outputs, kernel, stride, padding, dilation, groups
    conv = nn.Conv2d(*shape, bias=False, dtype=torch.float64)
    x = torch.rand(1, groups * inputs, height, width, dtype=torch.float64)
    with torch.no_grad():
        y = conv(x)
    matrix = as_matrix(conv, height, width)
    torch.testing.assert_close(matrix @ x.flatten(), y.flatten())
    # Its transpose is the transposed convolution: <C x, y> = <x, Cᵀ y>, for every y.
    z = torch.rand_like(y)
    back = torch.autograd.functional.vjp(conv, x, z)[1]
    torch.testing.assert_close(matrix.T @ z.flatten(), back.flatten())


def test_few_weights_shared_by_many() -> None:
    """5×5 on 28×28: 25 numbers, each used 576 times, in a matrix of 451,584 entries."""
    matrix = as_matrix(nn.Conv2d(1, 1, 5, bias=False), 28, 28)
    values, counts = matrix.values().unique(return_counts=True)
    assert matrix.shape == (576, 784)
    assert len(values) == 25
    assert (counts == 576).all()
    assert matrix.values().numel() / matrix.numel() == 25 / 784


def test_one_row_is_the_next_one_shifted() -> None:
    """A banded matrix, in one dimension."""
    matrix = as_matrix(nn.Conv2d(1, 1, (1, 3), bias=False), 1, 6).to_dense()
    for row in range(3):
        assert torch.equal(matrix[row, :-1], matrix[row + 1, 1:])


def test_transposed_convolution_of_the_lecture() -> None:
    """k = 3, s = 2, pad = 1: [a, b] becomes [ax, ay, az + bx, by, bz, 0]; one end is cut off."""
    a, b, x, y, z = 2.0, 3.0, 5.0, 7.0, 11.0
    up = nn.ConvTranspose2d(1, 1, (1, 3), (1, 2), bias=False)
    up.weight.data = torch.tensor([x, y, z]).view(1, 1, 1, 3)
    whole = F.pad(up(torch.tensor([a, b]).view(1, 1, 1, 2)), (0, 1)).flatten()
    assert whole.tolist() == [a * x, a * y, a * z + b * x, b * y, b * z, 0]
    down = nn.Conv2d(1, 1, (1, 3), (1, 2), (0, 1), bias=False)
    down.weight.data = up.weight.data
    cut = as_matrix(down, 1, 4).T @ torch.tensor([a, b])
    assert cut.tolist() == whole[1:5].tolist()


@pytest.mark.parametrize("kernel", [(1, 1), (3, 4)])
def test_dense_layer_as_convolution(kernel: tuple[int, int]) -> None:
    linear = nn.Linear(5 * kernel[0] * kernel[1], 7).double()
    maps = torch.rand(2, 5, *kernel, dtype=torch.float64)
    conv = as_convolution(linear, 5, kernel)
    torch.testing.assert_close(conv(maps).flatten(1), linear(maps.flatten(1)))
    assert conv(torch.rand(2, 5, 9, 9, dtype=torch.float64)).shape[2:] == (
        10 - kernel[0],
        10 - kernel[1],
    )


def test_a_dense_layer_of_another_size() -> None:
    with pytest.raises(ModelError, match="cannot take 5 maps"):
        as_convolution(nn.Linear(7, 3), 5)


def test_named_padding_is_refused() -> None:
    with pytest.raises(ModelError, match="pad"):
        as_matrix(nn.Conv2d(1, 1, 3, padding="same"), 5, 5)
