import itertools
from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitreous.blocks.conv import ConvNormAct, SameConv2d
from vitreous.blocks.inverted import InvertedResidual
from vitreous.models import create
from vitreous.models.mobilenet import Separable


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [*itertools.product((5, 6, 7, 8, 224), (1, 2, 3, 5), (1, 2, 3))]
)
def test_same_padding_covers_the_image(size: int, kernel: int, stride: int) -> None:
    conv = SameConv2d(1, 1, kernel, stride)
    assert conv(torch.zeros(1, 1, size, size + 1)).shape[2:] == (
        -(-size // stride),
        -(-(size + 1) // stride),
    )


def test_odd_pixel_of_padding_is_on_the_right() -> None:
    """An even size, stride 2, kernel 3: windows begin at pixel 0, and the last hangs over."""
    conv = SameConv2d(1, 1, 3, 2, bias=False)
    image = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(
        conv(image), F.conv2d(F.pad(image, (0, 1, 0, 1)), conv.weight, stride=2)
    )


def test_same_padding_is_symmetric_where_it_can_be() -> None:
    conv = SameConv2d(2, 3, 5)
    image = torch.rand(1, 2, 9, 9)
    torch.testing.assert_close(conv(image), F.conv2d(image, conv.weight, conv.bias, padding=2))


def test_children() -> None:
    assert [*dict(ConvNormAct(3, 8).named_children())] == ["conv", "norm", "act"]
    assert [*dict(ConvNormAct(3, 8, norm=None, act=None).named_children())] == ["conv"]


@pytest.mark.parametrize(
    ("norm", "asked", "has"),
    [(None, None, True), (nn.BatchNorm2d, None, False), (nn.BatchNorm2d, True, True)],
)
def test_bias_only_where_it_matters(norm: type[nn.Module] | None, asked: bool, has: bool) -> None:
    conv = ConvNormAct(3, 8, norm=norm, bias=asked).get_submodule("conv")
    assert (conv.bias is not None) is has


def test_what_is_called_convolution_is_correlation() -> None:
    """The kernel is not flipped: convolving is correlating with the flipped kernel."""
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 1, 1] = 1
    kernel = torch.arange(9.0).view(1, 1, 3, 3)
    response = F.conv2d(image, kernel, padding=1)
    assert torch.equal(response, kernel.flip(2, 3))


@pytest.mark.parametrize(("padding", "expected"), [(0, 6), (1, 8), (2, 10)])
def test_none_half_and_full_padding(padding: int, expected: int) -> None:
    """A 3×3 kernel on n pixels: n - 2, n, n + 2."""
    conv = ConvNormAct(1, 1, 3, padding=padding)
    assert conv(torch.zeros(2, 1, 8, 8)).shape[2:] == (expected, expected)


def kernels(model: nn.Module) -> int:
    """The number of weights of all convolutions."""
    return sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize(
    ("separable", "channels", "outputs", "kernel"),
    [
        (Separable(24, 40, 1), 24, 40, 3),
        (InvertedResidual(16, 24, expansion=1, kernel=5), 16, 24, 5),
        (create("mobilenet_v1").get_submodule("stage4.1"), 512, 512, 3),
    ],
)
def test_separable_costs_a_ninth_and_a_bit(
    separable: nn.Module, channels: int, outputs: int, kernel: int
) -> None:
    """Depthwise and pointwise against full: 1/N + 1/k² of the weights, exactly."""
    full = ConvNormAct(channels, outputs, kernel)
    ratio = Fraction(kernels(separable), kernels(full))
    assert ratio == Fraction(1, outputs) + Fraction(1, kernel**2)


def test_separable_equals_full_for_kernels_of_rank_one() -> None:
    depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False).double()
    pointwise = nn.Conv2d(4, 6, 1, bias=False).double()
    full = nn.Conv2d(4, 6, 3, padding=1, bias=False).double()
    full.weight.data = pointwise.weight.data * depthwise.weight.data.transpose(0, 1)
    x = torch.rand(2, 4, 7, 7, dtype=torch.float64)
    torch.testing.assert_close(full(x), pointwise(depthwise(x)))


def test_grouped_convolution_is_a_sum_of_paths() -> None:
    """ResNeXt: 1×1, grouped 3×3, 1×1 equals parallel narrow paths, added (its figure 3)."""
    paths, width = 4, 3
    reduce = nn.Conv2d(8, paths * width, 1, bias=False).double()
    grouped = nn.Conv2d(
        paths * width, paths * width, 3, padding=1, groups=paths, bias=False
    ).double()
    widen = nn.Conv2d(paths * width, 8, 1, bias=False).double()
    x = torch.rand(2, 8, 5, 5, dtype=torch.float64)
    total = torch.zeros_like(x)
    for path in range(paths):
        own = slice(path * width, (path + 1) * width)
        y = F.conv2d(x, reduce.weight[own])
        y = F.conv2d(y, grouped.weight[own], padding=1)
        total = total + F.conv2d(y, widen.weight[:, own])
    torch.testing.assert_close(widen(grouped(reduce(x))), total)


@pytest.mark.parametrize(("size", "stride"), [(9, 1), (10, 2)])  # padded alike, and not
@pytest.mark.parametrize("padding", [None, "same"])
def test_derivatives_of_depthwise_convolutions_are_wide_under_autocast(
    padding: str | None, size: int, stride: int
) -> None:
    block = ConvNormAct(6, 6, 3, stride=stride, padding=padding, groups=6)
    conv: nn.Conv2d = block.get_submodule("conv")
    x = torch.randn(4, 6, size, size).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    upstream = torch.randn_like(y)
    y.backward(upstream)
    assert x.grad is not None
    assert conv.weight.grad is not None
    found = conv.weight.grad.clone()
    exact = conv(x.detach().float().requires_grad_())
    torch.testing.assert_close(y, exact.bfloat16(), rtol=0, atol=0)
    (wanted,) = torch.autograd.grad(exact, conv.weight, upstream.float())
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    assert not torch.equal(found, found.bfloat16().float())  # as it would be in bfloat16


@pytest.mark.parametrize("padding", [None, "same"])
def test_answers_of_depthwise_convolutions_stay_narrow(padding: str | None) -> None:
    conv = ConvNormAct(6, 6, 3, padding=padding, groups=6).get_submodule("conv")
    x = torch.randn(4, 6, 9, 9)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    wanted = F.conv2d(x.bfloat16(), conv.weight.bfloat16(), padding=1, groups=6)
    torch.testing.assert_close(y, wanted, rtol=0, atol=0)
