from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.errors import ModelError, ModelFileError, UsageError
from vitreous.models import anew, create, fold, freeze, head
from vitreous.models.encoder_unet import EncoderUNet
from vitreous.training.optimizer import parameter_groups

NAMES = ["unet_efficientnet_lite0", "unet_resnet18"]


def small(name: str = "unet_resnet18", **arguments) -> EncoderUNet:
    torch.manual_seed(0)
    model = create(name, num_classes=3, **arguments)
    assert isinstance(model, EncoderUNet)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_every_height_and_width(name: str) -> None:
    model = small(name)
    with torch.inference_mode():
        for height, width in [*((n, 98 - n) for n in range(33, 66)), (1, 1), (7, 130)]:
            assert model(torch.zeros(1, 3, height, width)).shape == (1, 3, height, width)


def test_every_other_pair_of_sides_is_padded_alike() -> None:
    """What the network makes of a padded image is what it makes of the image, at its place."""
    model = small(mean=0.3).double()
    for height, width in [(33, 64), (40, 41), (50, 35)]:
        images = torch.rand(2, 3, height, width).double()
        tall, wide = -(-height // 32) * 32, -(-width // 32) * 32
        top, left = (tall - height) // 2, (wide - width) // 2
        padded = torch.full((2, 3, tall, wide), 0.3).double()
        padded[:, :, top : top + height, left : left + width] = images
        with torch.no_grad():
            expected = model(padded)[:, :, top : top + height, left : left + width]
            torch.testing.assert_close(model(images), expected)


@pytest.mark.parametrize(
    ("encoder", "spacings"),
    [
        ("vgg11_bn", [2, 4, 8, 16, 32]),
        ("densenet121", [4, 8, 16, 32]),
        ("mobilenet_v2", [2, 4, 8, 16, 32]),
        ("resnet34", [2, 4, 8, 16, 32]),
        ("resnet20", [1, 2, 4]),
    ],
)
def test_any_encoder(encoder: str, spacings: list[int]) -> None:
    model = create("unet_resnet18", encoder=encoder, num_classes=2).eval()
    assert isinstance(model, EncoderUNet)
    assert sorted(model.taps) == spacings
    seen = model.run(torch.rand(1, 3, 64, 96))
    for spacing, name in model.taps.items():
        assert seen[name].shape[2:] == (64 // spacing, 96 // spacing)
    steps = [name for name in seen if name.startswith("decoder")]
    assert steps == [f"decoder{2**k}" for k in reversed(range(len(bin(spacings[-1])) - 3))]
    assert seen["head"].shape == (1, 2, 64, 96)


def test_the_way_across_carries_the_map_of_its_size() -> None:
    """With the decoders' ways up cut, the answer depends on the encoder's maps alone."""
    model = small()
    for name in model.unpublished[:-1]:
        nn.init.zeros_(model.get_submodule(f"{name}.up").weight)  # type: ignore[arg-type]
    with torch.no_grad():
        seen = model.run(torch.rand(1, 3, 64, 64))
        again = model.decoder2(torch.zeros_like(seen["decoder4"]), seen["relu"])
        torch.testing.assert_close(again, seen["decoder2"])


def test_what_encoders_are_not() -> None:
    with pytest.raises(UsageError, match="unknown encoder 'resnet19'"):
        create("unet_resnet18", encoder="resnet19")
    with pytest.raises(UsageError, match="unknown stage of resnet18 'layer5'"):
        create("unet_resnet18", last="layer5")
    with pytest.raises(UsageError, match="channels of 5 steps up"):
        create("unet_resnet18", widths=(8, 8))


def test_weights_of_the_encoder_come_along() -> None:
    torch.manual_seed(0)
    model = create("unet_efficientnet_lite0", pretrained=True, num_classes=5)
    whole = create("efficientnet_lite0", pretrained=True).eval()
    assert model.notes == ("weights learned on ImageNet-1k",)
    images = torch.rand(2, 3, 64, 96)
    model.eval()
    with torch.inference_mode():
        ours, theirs = model.run(images), whole.run(images)
    for name in ("stem", "stage1", "stage7"):
        torch.testing.assert_close(ours[name], theirs[name])


def test_weights_of_a_file(tmp_path) -> None:
    torch.manual_seed(1)
    encoder = create("resnet18", num_classes=7)
    torch.save(encoder.state_dict(), tmp_path / "encoder.pth")
    model = create("unet_resnet18", pretrained=str(tmp_path / "encoder.pth"), num_classes=3)
    name = "layer3.1.conv2.weight"
    torch.testing.assert_close(model.state_dict()[name], encoder.state_dict()[name])
    torch.save(model.state_dict(), tmp_path / "whole.pth")  # one of the U-Net itself
    again = create("unet_resnet18", pretrained=str(tmp_path / "whole.pth"), num_classes=3)
    name = "decoder4.conv1.conv.weight"
    torch.testing.assert_close(again.state_dict()[name], model.state_dict()[name])
    other = create("mobilenet_v1")
    torch.save(other.state_dict(), tmp_path / "other.pth")
    with pytest.raises(ModelFileError, match="another network"):
        create("unet_resnet18", pretrained=str(tmp_path / "other.pth"))


def test_gray_images_have_an_encoder_too() -> None:
    model = create("unet_efficientnet_lite0", pretrained=True, num_classes=2, in_channels=1)
    assert model.notes[0] == "stem.conv.weight was adapted from 3 to 1 channels"
    assert model(torch.rand(2, 1, 40, 40)).shape == (2, 2, 40, 40)


def test_what_is_new_learns_at_the_full_rate() -> None:
    model = small()
    new = anew(model)
    groups = parameter_groups(model, 1.0, 0.0, head=new, backbone_lr=0.1)
    fast = {id(p) for group in groups if group["lr"] == 1 for p in group["params"]}
    expected = {
        id(p)
        for name, p in model.named_parameters()
        if name.startswith("decoder") or name.startswith("head")
    }
    assert fast == expected
    plain = create("resnet20")
    assert [*anew(plain).parameters()] == [*head(plain).parameters()]


def test_surgery() -> None:
    model = small()
    images = torch.rand(2, 3, 40, 40)
    folded = fold(model, images)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert "layer4" in freeze(model, "layer4")
    with pytest.raises(ModelError, match="no one vector"):
        from vitreous.models import backbone_and_head

        backbone_and_head(model)
