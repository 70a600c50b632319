"""Golden integers: what the papers print, or what follows from their tables by arithmetic.

Each family has its closed form here, written from the paper and not from our code, so that the
table and the network check each other. Networks are built on the meta device, without memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import nn

from vitreous.models import MODELS, create
from vitreous.models.mlp import perceptron


def fc(n_in: int, n_out: int) -> int:
    return n_out * (n_in + 1)


def conv(n_in: int, n_out: int, kernel: int, groups: int = 1) -> int:
    return kernel * kernel * n_in // groups * n_out + n_out


def conv_bn(n_in: int, n_out: int, kernel: int, groups: int = 1) -> int:
    """A convolution without bias, and its batch norm's scale and shift."""
    return kernel * kernel * n_in // groups * n_out + 2 * n_out


def mlp(*widths: int) -> int:
    return sum(fc(a, b) for a, b in pairwise(widths))


def lenet_1998() -> int:
    c3 = 25 * (6 * 3 + 9 * 4 + 6) + 16
    return conv(1, 6, 5) + 2 * 6 + c3 + 2 * 16 + conv(16, 120, 5) + fc(120, 84)


def alexnet(widths: Sequence[int], towers: int = 1) -> int:
    a, b, c, d, e = widths
    convs = conv(3, a, 11) + conv(a, b, 5, towers) + conv(b, c, 3)
    convs += conv(c, d, 3, towers) + conv(d, e, 3, towers)
    return convs + mlp(e * 36, 4096, 4096, 1000)


def vgg(*depths: int, bn: bool = False) -> int:
    total, channels = mlp(512 * 49, 4096, 4096, 1000), 3
    for depth, width in zip(depths, (64, 128, 256, 512, 512), strict=True):
        for _ in range(depth):
            total += conv(channels, width, 3) + 2 * width * bn
            channels = width
    return total


def nin(rows: Sequence[Sequence[int]], kernels: Sequence[int], classes: int) -> int:
    total, channels = 0, 3
    for widths, kernel in zip(rows, kernels, strict=True):
        for position, width in enumerate(widths):
            total += conv(channels, width, kernel if position == 0 else 1)
            channels = width
    return total + conv(channels, classes, 1)


INCEPTIONS = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def googlenet(bn: bool = False) -> int:
    c = conv_bn if bn else conv
    total, channels = c(3, 64, 7) + c(64, 64, 1) + c(64, 192, 3), 192
    for one, r3, three, r5, five, pool in INCEPTIONS:
        total += c(channels, one, 1) + c(channels, r3, 1) + c(r3, three, 3)
        total += c(channels, r5, 1) + c(r5, five, 3 if bn else 5) + c(channels, pool, 1)
        channels = one + three + five + pool
    return total + fc(channels, 1000)


def unet(channels: int, classes: int, width: int, depth: int, bn: bool = False) -> int:
    """Two convolutions a level; on the way up a 2×2 transposed one before them."""
    c = conv_bn if bn else conv
    widths = [width * 2**level for level in range(depth + 1)]
    total = sum(c(a, b, 3) + c(b, b, 3) for a, b in pairwise([channels, *widths]))
    for low, high in pairwise(reversed(widths)):
        total += conv(low, high, 2) + c(2 * high, high, 3) + c(high, high, 3)
    return total + conv(width, classes, 1)


def fcn(finest: int) -> int:
    """VGG-16 with a 1×1 head for 21 classes, such heads on finer maps, and doublings of 4×4 weights
    a class; the last enlargement has (2·finest)².
    """
    total = vgg(2, 2, 3, 3, 3) - fc(4096, 1000) + conv(4096, 21, 1)
    for spacing, width in ((16, 512), (8, 256)):
        if finest <= spacing:
            total += conv(width, 21, 1) + 21 * 4 * 4
    return total + 21 * (2 * finest) ** 2


def transformer(width: int, layers: int) -> int:
    """Queries, keys, values and their projection; a hidden layer of four widths; norms."""
    layer = 3 * fc(width, width) + fc(width, width) + mlp(width, 4 * width, width) + 4 * width
    return layers * layer + 2 * width


def way_up(skips: Sequence[int], widths: Sequence[int] = (96, 64, 48, 32, 16)) -> int:
    """From the smallest map of an encoder back to the image, and a head for 2 classes.

    skips  channels of the encoder's maps, the smallest first
    """
    total, below = 0, skips[0]
    for skip, width in zip((*skips[1:], 0), widths, strict=True):
        total += conv(below, width, 2) + conv_bn(skip + width, width, 3) + conv_bn(width, width, 3)
        below = width
    return total + conv(below, 2, 1)


def resnet(depths: Sequence[int], bottleneck: bool = False, groups: int = 1, base: int = 64) -> int:
    total, channels = conv_bn(3, 64, 7), 64
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        for block in range(depth):
            out = 4 * width if bottleneck else width
            if bottleneck:
                inner = width * base // 64 * groups
                total += conv_bn(channels, inner, 1) + conv_bn(inner, inner, 3, groups)
                total += conv_bn(inner, out, 1)
            else:
                total += conv_bn(channels, out, 3) + conv_bn(out, out, 3)
            if block == 0 and channels != out:
                total += conv_bn(channels, out, 1)
            channels = out
    return total + fc(channels, 1000)


def resnet_cifar(n: int, factor: int = 1) -> int:
    total, channels = conv_bn(3, 16 * factor, 3), 16 * factor
    for width in (16 * factor, 32 * factor, 64 * factor):
        for _ in range(n):
            total += conv_bn(channels, width, 3) + conv_bn(width, width, 3)
            channels = width
    return total + fc(channels, 10)


def densenet(depths: Sequence[int], growth: int = 32, stem: int = 64) -> int:
    total, channels = conv_bn(3, stem, 7), stem
    for stage, depth in enumerate(depths):
        for _ in range(depth):  # norm-conv1, norm-conv3
            total += 2 * channels + channels * 4 * growth
            total += 2 * 4 * growth + 4 * growth * growth * 9
            channels += growth
        if stage < 3:
            total += 2 * channels + channels * channels // 2
            channels //= 2
    return total + 2 * channels + fc(channels, 1000)


def separable(a: int, b: int) -> int:
    return conv_bn(a, a, 3, a) + conv_bn(a, b, 1)


def mobilenet_v1() -> int:
    widths = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    pairs = pairwise(widths)
    return conv_bn(3, 32, 3) + sum(separable(a, b) for a, b in pairs) + fc(1024, 1000)


def eight(x: float) -> int:
    """Round to a multiple of 8, never by more than a tenth down."""
    near = max(8, int(x + 4) // 8 * 8)
    return near if near >= 0.9 * x else near + 8


def inverted(a: int, b: int, t: int, kernel: int, squeezed: int = 0) -> int:
    h = a * t
    expand = conv_bn(a, h, 1) if t > 1 else 0
    gate = conv(h, squeezed, 1) + conv(squeezed, h, 1) if squeezed else 0
    return expand + conv_bn(h, h, kernel, h) + gate + conv_bn(h, b, 1)


def mobilenet_v2(width: float = 1.0) -> int:
    rows = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
    channels = eight(32 * width)
    total = conv_bn(3, channels, 3)
    for t, c, n in rows:
        for _ in range(n):
            total += inverted(channels, eight(c * width), t, 3)
            channels = eight(c * width)
    last = max(1280, eight(1280 * width))
    return total + conv_bn(channels, last, 1) + fc(last, 1000)


def efficientnet(width: float = 1.0, depth: float = 1.0, lite: bool = False) -> int:
    rows = (
        (1, 3, 16, 1),
        (6, 3, 24, 2),
        (6, 5, 40, 2),
        (6, 3, 80, 3),
        (6, 5, 112, 3),
        (6, 5, 192, 4),
        (6, 3, 320, 1),
    )
    channels = 32 if lite else eight(32 * width)
    total = conv_bn(3, channels, 3)
    for t, kernel, c, n in rows:
        for _ in range(math.ceil(n * depth)):
            total += inverted(channels, eight(c * width), t, kernel, 0 if lite else channels // 4)
            channels = eight(c * width)
    last = 1280 if lite else 4 * channels
    return total + conv_bn(channels, last, 1) + fc(last, 1000)


def vit(
    patch: int, width: int, depth: int, size: int = 224, classes: int = 1000, pre: bool = True
) -> int:
    tokens = (size // patch) ** 2 + 1
    layer = 4 * width + fc(width, 3 * width) + fc(width, width) + mlp(width, 4 * width, width)
    embed = conv(3, width, patch) + width + tokens * width
    return embed + depth * layer + 2 * width * pre + fc(width, classes)


def convnet(stem: int, *widths: int) -> int:
    total, channels = conv_bn(3, stem, 3), stem
    for width in widths:
        total += conv_bn(channels, width, 3) + conv_bn(width, width, 3)
        channels = width
    return total + fc(channels, 10)


def airbench(*widths: int) -> int:
    total, channels = conv(3, 24, 2), 24
    for width in widths:
        total += conv_bn(channels, width, 3) + conv_bn(width, width, 3)
        channels = width
    return total + 10 * channels


EFFICIENT = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6))

CLOSED: dict[str, int] = {
    "linear": fc(784, 10),
    "mlp": mlp(784, 300, 100, 10),
    "mlp_residual": mlp(784, 256, 256, 256, 256, 10),
    "lenet5_1998": lenet_1998(),
    "lenet5": conv(1, 6, 5) + conv(6, 16, 5) + mlp(400, 120, 84, 10),
    "alexnet_two_towers": alexnet((96, 256, 384, 384, 256), towers=2),
    "alexnet": alexnet((96, 256, 384, 384, 256)),
    "alexnet_2014": alexnet((64, 192, 384, 256, 256)),
    "nin_cifar": nin(((192, 160, 96), (192, 192, 192), (192, 192)), (5, 5, 3), 10),
    "nin": nin(((96,) * 3, (256,) * 3, (384,) * 3, (1024,) * 2), (11, 5, 3, 3), 1000),
    "vgg11": vgg(1, 1, 2, 2, 2),
    "vgg13": vgg(2, 2, 2, 2, 2),
    "vgg16": vgg(2, 2, 3, 3, 3),
    "vgg19": vgg(2, 2, 4, 4, 4),
    "vgg11_bn": vgg(1, 1, 2, 2, 2, bn=True),
    "vgg13_bn": vgg(2, 2, 2, 2, 2, bn=True),
    "vgg16_bn": vgg(2, 2, 3, 3, 3, bn=True),
    "vgg19_bn": vgg(2, 2, 4, 4, 4, bn=True),
    "googlenet": googlenet(),
    "googlenet_bn": googlenet(bn=True),
    "unet": unet(1, 2, 64, 4),
    "unet_small": unet(3, 2, 16, 3, bn=True),
    "fcn32": fcn(32),
    "fcn16": fcn(16),
    "fcn8": fcn(8),
    "unet_transformer": unet(3, 2, 16, 4, bn=True) + transformer(256, 4),
    "unet_denoiser": unet(3, 3, 32, 3, bn=True),
    "unet_denoiser_small": unet(3, 3, 16, 3, bn=True),
    "dncnn": conv(3, 64, 3) + 15 * conv_bn(64, 64, 3) + conv(64, 3, 3),
    "dncnn_small": conv(3, 32, 3) + 5 * conv_bn(32, 32, 3) + conv(32, 3, 3),
    "unet_efficientnet_lite0": efficientnet(lite=True)
    - conv_bn(320, 1280, 1)
    - fc(1280, 1000)
    + way_up((320, 112, 40, 24, 16)),
    "unet_resnet18": resnet((2, 2, 2, 2)) - fc(512, 1000) + way_up((512, 256, 128, 64, 64)),
    "resnet18": resnet((2, 2, 2, 2)),
    "resnet34": resnet((3, 4, 6, 3)),
    "resnet50": resnet((3, 4, 6, 3), True),
    "resnet101": resnet((3, 4, 23, 3), True),
    "resnet152": resnet((3, 8, 36, 3), True),
    "resnet20": resnet_cifar(3),
    "resnet32": resnet_cifar(5),
    "resnet44": resnet_cifar(7),
    "resnet56": resnet_cifar(9),
    "resnet110": resnet_cifar(18),
    "plain20": resnet_cifar(3),
    "plain56": resnet_cifar(9),
    "resnet110_stochastic": resnet_cifar(18),
    "resnet1202_stochastic": resnet_cifar(200),
    "wide_resnet20_4": resnet_cifar(3, 4),
    "wide_resnet50_2": resnet((3, 4, 6, 3), True, base=128),
    "wide_resnet101_2": resnet((3, 4, 23, 3), True, base=128),
    "resnext50_32x4d": resnet((3, 4, 6, 3), True, 32, 4),
    "resnext101_32x8d": resnet((3, 4, 23, 3), True, 32, 8),
    "resnext101_64x4d": resnet((3, 4, 23, 3), True, 64, 4),
    "densenet121": densenet((6, 12, 24, 16)),
    "densenet169": densenet((6, 12, 32, 32)),
    "densenet201": densenet((6, 12, 48, 32)),
    "densenet161": densenet((6, 12, 36, 24), 48, 96),
    "mobilenet_v1": mobilenet_v1(),
    "mobilenet_v2": mobilenet_v2(),
    "mobilenet_v2_050": mobilenet_v2(0.5),
    **{f"efficientnet_b{i}": efficientnet(w, d) for i, (w, d) in enumerate(EFFICIENT)},
    "efficientnet_b7": efficientnet(2.0, 3.1),
    "efficientnet_lite0": efficientnet(lite=True),
    "vit_ti16": vit(16, 192, 12),
    "vit_ti16_post_norm": vit(16, 192, 12, pre=False),
    "vit_s16": vit(16, 384, 12),
    "vit_s32": vit(32, 384, 12),
    "vit_b16": vit(16, 768, 12),
    "vit_b32": vit(32, 768, 12),
    "vit_l16": vit(16, 1024, 24),
    "vit_l32": vit(32, 1024, 24),
    "vit_nano4": vit(4, 96, 6, 32, 10),
    "vit_nano4_map": vit(4, 96, 6, 32, 0) + conv(96, 16 * 4 * 4, 1) + conv(16, 3, 1),
    "vit_ti4": vit(4, 192, 12, 32, 10),
    "convnet": convnet(16, 32, 64),
    "convnet_medium": convnet(16, 32, 64, 128),
    "convnet_wide": convnet(32, 64, 128, 256),
    "airbench_small": airbench(32, 128, 128),
    "airbench94": airbench(64, 256, 256),
}

# What papers and libraries state (STYLE's table of golden numbers).
PUBLISHED = {
    "linear": 7_850,
    "mlp": 266_610,
    "lenet5_1998": 60_000,
    "lenet5": 61_706,
    "alexnet_two_towers": 60_965_224,
    "alexnet": 62_378_344,
    "alexnet_2014": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "googlenet": 6_998_552,
    "googlenet_bn": 6_624_904,
    "unet": 31_030_658,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet20": 269_722,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "densenet121": 7_978_856,
    "mobilenet_v2": 3_504_872,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
    "vit_ti16": 5_717_416,
    "vit_s16": 22_050_664,
    "vit_b16": 86_567_656,
    "vit_b32": 88_224_232,
    "vit_l16": 304_326_632,
}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def layers(model: nn.Module) -> str:
    """What to look at when a count is wrong."""
    rows = ((name, parameters(child)) for name, child in model.named_children())
    return ", ".join(f"{name} {count:,}" for name, count in rows)


@pytest.mark.parametrize("name", MODELS)
def test_table_closed_form_and_network_agree(name: str) -> None:
    with torch.device("meta"):
        model = create(name)
    assert parameters(model) == MODELS[name].parameters == CLOSED[name], layers(model)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(name: str) -> None:
    assert MODELS[name].parameters == PUBLISHED[name]


def test_every_closed_form_has_its_network() -> None:
    assert CLOSED.keys() == MODELS.keys()


@pytest.mark.parametrize(
    ("widths", "weights"),
    [
        ((2, 125, 1), 501),
        ((2, 20, 20, 1), 501),
        ((2, 14, 14, 14, 1), 477),
        ((2, 15, 15, 15, 1), 541),
        ((2, 19, 19, 19, 1), 837),
        ((2, 10, 20, 10, 1), 471),
        ((2, 10, 20, 10, 10, 1), 581),
        ((2, 50, 1), 201),
        ((2, 100, 1), 401),
        ((2, 300, 1), 1_201),
        ((784, 20, 10), 15_910),
        ((784, 120, 10), 95_410),
    ],
)
@pytest.mark.parametrize("bypass", [False, True])
def test_perceptrons(widths: tuple[int, ...], weights: int, bypass: bool) -> None:
    """Shortcuts between hidden layers add no parameter."""
    assert parameters(perceptron(*widths, bypass=bypass)) == weights == mlp(*widths)


def test_color_lenet() -> None:
    assert parameters(create("lenet5", in_channels=3)) == 62_006


def test_lenet_layer_by_layer() -> None:
    """156, 12, 1,516, 32, 48,120 and 10,164, as in section II.B of the paper."""
    model = create("lenet5_1998")
    counts = [parameters(stage) for _, stage in model.stages()]
    assert counts == [156, 12, 1_516, 32, 48_120, 10_164, 0]


def test_mnist_images_of_28_pixels_give_the_same_lenet() -> None:
    for name in ("lenet5", "lenet5_1998"):
        assert parameters(create(name, size=28)) == MODELS[name].parameters


class TestAlexNet:
    """The figures of the lecture, which are those of the network without towers."""

    def test_conv5(self) -> None:
        with torch.device("meta"):
            model = create("alexnet")
            maps = model.features(torch.empty(1, 3, 224, 224))
        conv5 = model.get_parameter("conv5.conv.weight")
        units = maps["conv5"].numel()
        assert maps["conv5"].shape[1:] == (256, 13, 13)
        assert (units, conv5.numel(), conv5.numel() + 256) == (43_264, 884_736, 884_992)
        assert units * conv5[0].numel() == 149_520_384

    def test_units(self) -> None:
        with torch.device("meta"):
            maps = create("alexnet").features(torch.empty(1, 3, 224, 224))
        hidden = [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7"]
        assert sum(maps[name].numel() for name in hidden) + 1000 == 659_272

    def test_share_of_the_dense_layers(self) -> None:
        dense = mlp(9216, 4096, 4096, 1000)
        assert round(100 * dense / MODELS["alexnet"].parameters, 2) == 93.99
        assert round(100 * dense / MODELS["alexnet_two_towers"].parameters, 1) == 96.2


def test_second_layer_of_alexnet() -> None:
    assert parameters(nn.Conv2d(96, 256, 5)) == 614_656


def test_vgg16_shares() -> None:
    with torch.device("meta"):
        model = create("vgg16")
    convs = sum(parameters(m) for m in model.modules() if isinstance(m, nn.Conv2d))
    total = parameters(model)
    assert round(100 * convs / total, 2) == 10.64
    assert round(100 * (total - convs) / total, 2) == 89.36


def test_googlenet_without_its_classifier() -> None:
    with torch.device("meta"):
        model = create("googlenet")
    assert parameters(model) - parameters(model.get_submodule("head")) == 5_973_552
    modules = [name for name, _ in model.stages() if name.startswith("inception")]
    assert len(modules) == 9


@pytest.mark.parametrize(("name", "depth"), [("resnet152", 152), ("resnet1202_stochastic", 1202)])
def test_layers_with_weights(name: str, depth: int) -> None:
    with torch.device("meta"):
        model = create(name)
    on_the_way = (m for n, m in model.named_modules() if "downsample" not in n)
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in on_the_way) == depth


def test_tokens_of_a_vision_transformer() -> None:
    with torch.device("meta"):
        assert create("vit_b16").get_parameter("patch_embed.pos_embed").shape == (1, 197, 768)
