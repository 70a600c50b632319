"""The detector: a grid of places 4 pixels apart, for images of any size and any encoder."""

from __future__ import annotations

import pytest
import torch

from vitreous.models import anew, create
from vitreous.models.detector import Detector
from vitreous.models.network import CELL, Output

NAMES = ["detector_lite0", "detector_small"]


def small(name: str, **arguments: object) -> Detector:
    torch.manual_seed(0)
    model = create(name, num_classes=7, **arguments)
    assert isinstance(model, Detector)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_every_height_and_width(name: str) -> None:
    model = small(name)
    with torch.inference_mode():
        for height, width in [*((n, 98 - n) for n in range(33, 66)), (1, 1), (7, 130)]:
            images = torch.zeros(1, 3, height, width)
            found = model(images)
            assert found.shape == (1, 7, -(-height // CELL), -(-width // CELL))
            assert Output("grid", 7).fits(found, images)


@pytest.mark.parametrize("name", NAMES)
def test_a_place_answers_for_its_pixels_whatever_is_padded(name: str) -> None:
    """Padding is at the right and the bottom: a place keeps its pixels."""
    model = small(name, mean=0.3).double()
    images = torch.rand(1, 3, 40, 54).double()
    tall, wide = (-(-side // model.smallest) * model.smallest for side in (40, 54))
    padded = torch.full((1, 3, tall, wide), 0.3).double()
    padded[:, :, :40, :54] = images
    with torch.no_grad():
        torch.testing.assert_close(model(images), model(padded)[:, :, :10, :14])


@pytest.mark.parametrize("encoder", ["vgg11_bn", "densenet121", "mobilenet_v2", "resnet34"])
def test_any_encoder(encoder: str) -> None:
    model = create("detector_lite0", encoder=encoder, last=None, num_classes=5,
                   widths=(32, 32, 32)).eval()  # fmt: skip
    assert model(torch.rand(1, 3, 64, 96)).shape == (1, 5, 16, 24)


def test_learned_weights_come_along_and_the_way_up_begins_anew() -> None:
    model = create("detector_lite0", num_classes=7, pretrained=True)
    assert any("ImageNet" in note for note in model.notes)
    new = {id(p) for p in anew(model).parameters()}
    names = {name.split(".")[0] for name, p in model.named_parameters() if id(p) in new}
    assert names == {"decoder16", "decoder8", "decoder4", "head"}


def test_it_begins_by_seeing_nothing() -> None:
    with torch.no_grad():
        logits = small("detector_lite0")(torch.rand(2, 3, 64, 64))
    assert logits[:, :3].sigmoid().mean() < 0.2
