"""Plates: filters and feature maps as pictures that say what is in the tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from vitreous.errors import ModelError, ShapeError, UsageError
from vitreous.explain.feature_maps import feature_maps, layers_with_maps
from vitreous.explain.first_filters import filter_plate
from vitreous.explain.layer_output import layer_output, map_layers, one_call
from vitreous.explain.plate import Picture, Plate
from vitreous.explain.plate_sheet import plate_sheet
from vitreous.models import create


class Twice(nn.Module):
    """One convolution that is used twice, and works in place afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 2)
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.same(x)
        x = self.same(x)
        x.mul_(0)
        self.runs += 1
        return self.head(x.mean((2, 3)))


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_output_is_that_of_the_call_and_the_rest_is_not_run(image: Tensor) -> None:
    torch.manual_seed(0)
    model = Twice()
    once = model.same(image)
    twice = model.same(once)
    torch.testing.assert_close(layer_output(model, image, "same#1"), once)
    torch.testing.assert_close(layer_output(model, image, "same#2"), twice)
    assert model.runs == 0
    torch.testing.assert_close(layer_output(model, image, "same"), twice)  # not what came of it
    assert one_call(model, image, "same") == "same#2"
    with pytest.raises(UsageError, match="is not run"):
        layer_output(model, image, "same#3")
    assert not model.same._forward_hooks


def test_maps_are_those_of_the_layer_strongest_first(image: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(
            torch.tensor([[1, 0, 0], [0, 5, 0], [0, 0, -1], [0, 0, 2.0]])[..., None, None]
        )
    plate = feature_maps(model, image, "1", "a.png")
    assert plate.facts["shown"] == [1, 3, 0]
    assert (plate.facts["silent"], plate.facts["channels"]) == (1, 4)
    assert plate.title == "4 maps of 1, 8 by 8 places for a.png"
    assert [picture.line.split(":")[0] for picture in plate.pictures] == ["a.png", "1", "3", "0"]
    brightest = plate.pictures[1].pixels.sum(2).argmax()
    assert brightest == int(image[0, 1].argmax())  # yellow is the brightest color of the scale
    signed = feature_maps(model, image, "0")
    assert "blue below" in signed.says[0]
    assert map_layers(model, image) == ["0", "1"]
    with pytest.raises(ShapeError, match="has no map"):
        feature_maps(model, image, "2")
    with pytest.raises(UsageError, match="conv"):
        feature_maps(model, image, "conv")


def test_of_maps_that_reach_the_same_end_the_mean_decides(image: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU6())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[8.0, 0, 0], [80, 0, 0]])[..., None, None])
    assert model(image).amax((0, 2, 3)).tolist() == [6, 6]
    assert feature_maps(model, image, "1").facts["shown"] == [1, 0]


@pytest.mark.parametrize("name", ["resnet20", "vit_nano4", "unet_small"])
def test_all_stages_of_a_network_are_shown(name: str) -> None:
    torch.manual_seed(0)
    model = create(name, in_channels=3)
    image = torch.rand(1, 3, 32, 32)
    layers = layers_with_maps(model, image, "all")
    assert len(layers) >= 3
    for layer in layers:
        assert feature_maps(model, image, layer).pictures[0].pixels.shape == (32, 32, 3)
    assert layers_with_maps(model, image, "one") == ["one"]


def test_filters_are_the_weights() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[1, 0, 2, 1] = 0.5
        model[0].weight[1, 2, 0, 0] = -0.5
    plate = filter_plate(model, (3, 9, 9))
    assert plate.facts["ranges"] == [[0, 0], [-0.5, 0.5]]
    assert (plate.pictures[0].pixels == 128).all()
    second = plate.pictures[1].pixels
    assert second[2, 1].tolist() == [255, 128, 128]
    assert second[0, 0].tolist() == [128, 128, 0]


def test_units_of_a_dense_layer_are_templates() -> None:
    plate = filter_plate(create("mlp"), (1, 28, 28))
    assert plate.pictures[0].pixels.shape == (28, 28, 1)
    with pytest.raises(ModelError, match="--maps LAYER"):
        filter_plate(nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48, 2)), (3, 8, 8))


def test_narrow_spaces_are_drawn_as_spaces() -> None:
    """Pillow's font would draw a box for each."""
    square = Picture(np.zeros((8, 8, 3), np.uint8))
    plates = [
        Plate(name="a", title=f"accuracy 64.5{space}%", pictures=[square] * 3)
        for space in ("\u202f", " ")
    ]
    assert np.array_equal(plates[0].image, plates[1].image)


def test_pixels_that_do_not_fit_are_enlarged_evenly() -> None:
    """112 columns on 256: each has its share of them, wherever it is."""
    columns = np.zeros((8, 112, 112, 1), np.uint8)
    for number in range(8):
        columns[number, :, 14 * number + 3] = 255
    shown = Plate("columns", "columns", [Picture(each) for each in columns]).shown
    for picture in shown:
        seen = np.asarray(picture)[100, :, 0].astype(float)
        assert seen.sum() / 255 == pytest.approx(256 / 112, rel=0.04)


def test_a_plate_is_one_picture_and_a_page() -> None:
    pictures = [Picture(np.full((4, 4, 1), 60 * n, np.uint8), f"<{n}>") for n in range(3)]
    plate = Plate("three", "three grays", pictures, ("From dark to light.",))
    shown = plate.image
    for number in range(3):
        assert (shown == 60 * number).all(2).sum() >= 256 * 256  # each is there, enlarged
    assert Image.fromarray(shown).size[0] > 3 * 256
    page = plate_sheet([plate], "Inside <it>")
    assert "&lt;2&gt;" in page
    assert "Inside &lt;it&gt;" in page
    assert page.count("<figure>") == 3
    assert "three grays" in plate._repr_html_()
    assert plate.to_json()["pictures"] == ["<0>", "<1>", "<2>"]
