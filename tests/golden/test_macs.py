"""The work of each network, in MACs: the table, what is counted, and what torchvision publishes.

torchvision states billions of MACs beside its weights ("_ops" of `torchvision.models`), to three
decimals; they were counted by another program on another implementation.
"""

from __future__ import annotations

import pytest
import torch

from vitreous.models import MODELS, create
from vitreous.trace import macs

# Billions, for one image of the table's size unless another is given.
PUBLISHED = {
    "alexnet_2014": 0.714,
    "vgg11": 7.609,
    "vgg13": 11.308,
    "vgg16": 15.470,
    "vgg19": 19.632,
    "vgg11_bn": 7.609,
    "vgg13_bn": 11.308,
    "vgg16_bn": 15.470,
    "vgg19_bn": 19.632,
    "googlenet_bn": 1.498,
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet101": 7.801,
    "resnet152": 11.514,
    "wide_resnet50_2": 11.398,
    "wide_resnet101_2": 22.753,
    "resnext50_32x4d": 4.230,
    "resnext101_32x8d": 16.414,
    "resnext101_64x4d": 15.460,
    "densenet121": 2.834,
    "densenet161": 7.728,
    "densenet169": 3.360,
    "densenet201": 4.291,
    "mobilenet_v2": 0.301,
    "efficientnet_b0": 0.386,
    "efficientnet_b1": 0.687,
    "efficientnet_b3": 1.827,
    "efficientnet_b4": 4.394,
    "efficientnet_b5": 10.266,
    "efficientnet_b6": 19.068,
    "efficientnet_b7": 37.746,
    "vit_b16": 17.564,
    "vit_b32": 4.409,
    "vit_l16": 61.555,
    "vit_l32": 15.378,
}


def counted(name: str, size: int | None = None) -> int:
    """Nothing is computed and no weight is allocated."""
    row = MODELS[name]
    side = size or row.sizes.default
    with torch.device("meta"):
        model = create(name, size=side)
    return macs(model, (row.in_channels, side, side))


LARGE = "resnet1202_stochastic"  # ten seconds; its count also follows from those of smaller ones


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == LARGE else name for name in MODELS],
)
def test_table_and_network_agree(name: str) -> None:
    assert counted(name) == MODELS[name].macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_table_and_torchvision_agree(name: str) -> None:
    assert round(MODELS[name].macs / 1e9, 3) == PUBLISHED[name]


def test_efficientnet_b2_at_the_288_pixels_of_torchvision() -> None:
    assert round(counted("efficientnet_b2", 288) / 1e9, 3) == 1.088


def test_each_block_of_a_deep_resnet_costs_the_same() -> None:
    """6n + 2 layers: n is 9, 18 and 200."""
    shallow, deep, deepest = (MODELS[name].macs for name in ("resnet56", "resnet110", LARGE))
    assert (deepest - deep) / (200 - 18) == (deep - shallow) / (18 - 9)


def test_what_costs_no_product() -> None:
    """Norms, shortcuts and random depth; dense layers cost one for each weight."""
    assert MODELS["vgg16"].macs == MODELS["vgg16_bn"].macs
    assert MODELS["resnet56"].macs == MODELS["plain56"].macs
    assert MODELS["resnet110"].macs == MODELS["resnet110_stochastic"].macs
    assert MODELS["mlp"].macs == 784 * 300 + 300 * 100 + 100 * 10


@pytest.mark.parametrize(
    ("name", "width", "depth", "side"),
    [
        ("unet", 64, 4, 512),
        ("unet_small", 16, 3, 128),
        ("unet_denoiser", 32, 3, 128),
        ("unet_denoiser_small", 16, 3, 128),
    ],
)
def test_unet(name: str, width: int, depth: int, side: int) -> None:
    """Every weight of a convolution meets every pixel of its map; every weight of a transposed one
    every pixel of the smaller map before it. Half the side goes with twice the width, so that
    (side · width)² is the same at each level.
    """
    row, level = MODELS[name], (side * width) ** 2
    first = 9 * row.in_channels * width * side**2
    down = depth * 9 * level // 2  # to twice the channels, at each lower level
    same = (depth + 1) * 9 * level + depth * 9 * level  # the second convolutions, down and up
    joined = depth * 9 * 2 * level  # from what comes up and what comes across
    up = depth * 4 * level // 2
    assert row.macs == first + down + same + joined + up + row.num_classes * width * side**2


def test_unet_with_an_encoder() -> None:
    """An encoder without its dense layer costs what it costs at that size; on the way up, every
    weight of a convolution meets every pixel of its map, of a transposed one every pixel before it.
    """
    side, widths, skips = 256, (96, 64, 48, 32, 16), (512, 256, 128, 64, 64, 0)
    expected = counted("resnet18", side) - 512 * 1000
    below = skips[0]
    for level, (width, skip) in enumerate(zip(widths, skips[1:], strict=True)):
        pixels = (side // 2 ** (4 - level)) ** 2
        expected += pixels // 4 * 4 * below * width
        expected += pixels * 9 * ((skip + width) * width + width**2)
        below = width
    assert MODELS["unet_resnet18"].macs == expected + side**2 * below * 2


@pytest.mark.parametrize("finest", [32, 16, 8])
def test_fcn(finest: int) -> None:
    """The dense layers meet each of 7×7 places; weights of an enlargement every pixel before it,
    with one more pixel around.
    """
    dense = 25_088 * 4096 + 4096 * 4096
    expected = MODELS["vgg16"].macs - dense - 4096 * 1000 + 49 * (dense + 4096 * 21)
    side = 7
    for spacing, width in ((16, 512), (8, 256)):
        if finest <= spacing:
            expected += 21 * 16 * (side + 2) ** 2
            side *= 2
            expected += 21 * width * side**2
    expected += 21 * (2 * finest) ** 2 * (side + 2) ** 2
    assert MODELS[f"fcn{finest}"].macs == expected


def test_unet_with_a_transformer() -> None:
    """4 layers on 8×8 tokens of 256 numbers, under a U-Net whose levels cost alike."""
    level, side, width = (128 * 16) ** 2, 128, 16
    convolutions = 9 * 3 * width * side**2 + 4 * 9 * level // 2 + 9 * 9 * level + 4 * 9 * 2 * level
    convolutions += 4 * 4 * level // 2 + 2 * width * side**2
    tokens, channels = 64, 256
    layer = 12 * tokens * channels**2 + 2 * tokens**2 * channels
    assert MODELS["unet_transformer"].macs == convolutions + 4 * layer


@pytest.mark.parametrize(
    ("name", "widths"), [("airbench_small", (32, 128, 128)), ("airbench94", (64, 256, 256))]
)
def test_airbench(name: str, widths: tuple[int, ...]) -> None:
    """Patches of 2 × 2 leave 31² places; then 15², 7² and 3² are left of them."""
    total, channels = 12 * 24 * 31**2, 24
    for width, side, half in zip(widths, (31, 15, 7), (15, 7, 3), strict=True):
        total += 9 * width * (channels * side**2 + width * half**2)
        channels = width
    assert counted(name) == total + 10 * channels == MODELS[name].macs
