"""The same weights give the same logits as in torchvision and timm, network by network.

Our networks take the peer's state dict as it is, through the code that reads published files.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitreous.blocks.drop import DropPath
from vitreous.models import create, variant
from vitreous.models.imagenet import FILES, PLACE, imagenet
from vitreous.models.network import Network
from vitreous.models.pretrained import adopt

# ours, torchvision's, side of the images, arguments of theirs
TORCHVISION: list[tuple[str, str, int, dict[str, Any]]] = [
    ("alexnet_2014", "alexnet", 224, {}),
    ("vgg11", "vgg11", 64, {}),
    ("vgg11_bn", "vgg11_bn", 64, {}),
    ("vgg13", "vgg13", 64, {}),
    ("vgg13_bn", "vgg13_bn", 64, {}),
    ("vgg16", "vgg16", 64, {}),
    ("vgg16_bn", "vgg16_bn", 64, {}),
    ("vgg19", "vgg19", 64, {}),
    ("vgg19_bn", "vgg19_bn", 64, {}),
    ("googlenet_bn", "googlenet", 96, {"aux_logits": False, "init_weights": False}),
    ("resnet18", "resnet18", 64, {}),
    ("resnet34", "resnet34", 64, {}),
    ("resnet50", "resnet50", 64, {}),
    ("resnet101", "resnet101", 64, {}),
    ("resnet152", "resnet152", 64, {}),
    ("wide_resnet50_2", "wide_resnet50_2", 64, {}),
    ("wide_resnet101_2", "wide_resnet101_2", 64, {}),
    ("resnext50_32x4d", "resnext50_32x4d", 64, {}),
    ("resnext101_32x8d", "resnext101_32x8d", 64, {}),
    ("resnext101_64x4d", "resnext101_64x4d", 64, {}),
    ("densenet121", "densenet121", 64, {}),
    ("densenet161", "densenet161", 64, {}),
    ("densenet169", "densenet169", 64, {}),
    ("densenet201", "densenet201", 64, {}),
    ("mobilenet_v2", "mobilenet_v2", 64, {}),
    ("mobilenet_v2_050", "mobilenet_v2", 64, {"width_mult": 0.5}),
    *[(f"efficientnet_b{i}", f"efficientnet_b{i}", 64, {}) for i in range(8)],
]
TIMM: list[tuple[str, str, int, dict[str, Any]]] = [
    ("vit_ti16", "vit_tiny_patch16_224", 224, {}),
    ("vit_s16", "vit_small_patch16_224", 224, {}),
    ("vit_s32", "vit_small_patch32_224", 224, {}),
    ("vit_b16", "vit_base_patch16_224", 224, {}),
    ("vit_b32", "vit_base_patch32_224", 224, {}),
    ("vit_l16", "vit_large_patch16_224", 224, {}),
    ("vit_l32", "vit_large_patch32_224", 224, {"num_classes": 1000}),
    ("mobilenet_v1", "mobilenetv1_100", 64, {"act_layer": nn.ReLU}),
    ("efficientnet_lite0", "tf_efficientnet_lite0", 65, {}),
    ("efficientnet_lite0", "tf_efficientnet_lite0", 64, {}),
]
QUICK = {
    "googlenet_bn", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2",
    "efficientnet_b0", "efficientnet_b5", "vit_ti16", "vit_s32", "mobilenet_v1",
    "efficientnet_lite0", "vgg11",
}  # fmt: skip


def rows(table: list[tuple[str, str, int, dict[str, Any]]]) -> list[Any]:
    return [
        pytest.param(
            *row, id=f"{row[0]}-{row[2]}", marks=[pytest.mark.slow] * (row[0] not in QUICK)
        )
        for row in table
    ]


def compare(ours: Network, theirs: nn.Module, side: int) -> None:
    """Give theirs statistics that matter, ours its weights, and both the same images."""
    torch.manual_seed(0)
    images = torch.rand(4, 3, side, side)
    normalized = ours.normalize(images)
    for layer in theirs.train().modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.2)
        elif "Drop" in type(layer).__name__ or isinstance(layer, DropPath):
            layer.eval()
    with torch.no_grad():
        theirs(normalized)
        assert adopt(ours, theirs.state_dict()) == ()
        expected = theirs.eval()(normalized)
        actual = ours.eval()(images)
    assert expected.std() > 1e-3
    assert_near(actual, expected)


def assert_near(actual: Tensor, expected: Tensor) -> None:
    """Deep networks in float32: within 1e-4 of the largest logit."""
    scale = expected.abs().max().item()
    torch.testing.assert_close(actual / scale, expected / scale, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "peer", "side", "arguments"), rows(TORCHVISION))
def test_torchvision(
    torchvision: ModuleType, name: str, peer: str, side: int, arguments: dict[str, Any]
) -> None:
    theirs = getattr(torchvision, peer)(weights=None, **arguments)
    compare(create(name), theirs, side)


@pytest.mark.parametrize(("name", "peer", "side", "arguments"), rows(TIMM))
def test_timm(timm: ModuleType, name: str, peer: str, side: int, arguments: dict[str, Any]) -> None:
    theirs = timm.create_model(peer, pretrained=False, **arguments)
    if name == "mobilenet_v1":  # timm adds shortcuts, which the paper does not have
        for block in theirs.blocks.modules():
            if hasattr(block, "has_skip"):
                block.has_skip = False
    compare(create(name), theirs, side)


def test_resnet_names_are_those_of_torchvision(torchvision: ModuleType) -> None:
    with torch.device("meta"):
        for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
            theirs = getattr(torchvision, name)(weights=None).state_dict()
            ours = create(name).state_dict()
            assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_vit_names_are_those_of_timm(timm: ModuleType) -> None:
    with torch.device("meta"):
        theirs = timm.create_model("vit_tiny_patch16_224").state_dict()
        model = create("vit_ti16")
    own = {model.aliases.get(name, name): tensor.shape for name, tensor in theirs.items()}
    assert own == {name: tensor.shape for name, tensor in model.state_dict().items()}


def test_published_auxiliary_heads_are_left_out(torchvision: ModuleType) -> None:
    """torchvision publishes GoogLeNet with its auxiliary heads."""
    theirs = torchvision.googlenet(weights=None, aux_logits=True, init_weights=False)
    ours = create("googlenet_bn")
    assert adopt(ours, theirs.state_dict()) == ()
    assert torch.equal(ours.get_parameter("head.weight"), theirs.fc.weight)


def test_interpolated_positions(timm: ModuleType) -> None:
    """A vision transformer on another size sees what timm's sees."""
    theirs = timm.create_model("vit_tiny_patch16_224", dynamic_img_size=True).eval()
    ours = create("vit_ti16").eval()
    adopt(ours, theirs.state_dict())
    images = torch.rand(2, 3, 96, 160)
    with torch.no_grad():
        assert_near(ours(images), theirs(ours.normalize(images)))


def test_releases_are_those_of_torchvision(torchvision: ModuleType) -> None:
    """Each network's recommended file, under the address that torchvision has in its source."""
    peers = {
        name: peer for name, peer, _, arguments in TORCHVISION if "width_mult" not in arguments
    }
    assert FILES.keys() == peers.keys()
    for name, peer in peers.items():
        published = torchvision.get_model_weights(peer).DEFAULT
        assert f"{PLACE}/{FILES[name]}" == published.url
        if name != "googlenet_bn":  # its network transforms what it is given
            assert imagenet(variant(name)).mean == pytest.approx(published.transforms().mean)
            assert imagenet(variant(name)).std == pytest.approx(published.transforms().std)
