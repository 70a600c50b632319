"""The table of a network's layers, against figures from the lectures and papers."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from vitreous.models import create
from vitreous.trace.measure.inspection import Inspection, inspect


def lenet() -> Inspection:
    return inspect(create("lenet5"), (1, 32, 32))


def test_lenet_layer_by_layer() -> None:
    found = lenet()
    rows = found.layers[1:]  # after normalization
    assert [row.shape for row in rows[:6]] == [
        (6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5),
    ]  # fmt: skip
    assert [row.receptive_field for row in rows[:7]] == [
        (5, 5), (5, 5), (6, 6), (14, 14), (14, 14), (16, 16), None,
    ]  # fmt: skip
    assert rows[0].connections == 6 * 25 * 28 * 28
    assert rows[0].units == 6 * 28 * 28
    assert found.parameters == 61_706
    assert found.macs == sum(row.connections for row in found.layers) == 416_520
    assert found.units == 4704 + 1600 + 120 + 84 + 10


def test_alexnets_fifth_convolution() -> None:
    """Krizhevsky et al. (2012) without groups, as the lecture counts it."""
    with torch.device("meta"):
        model = create("alexnet")
    found = inspect(model, (3, 224, 224))
    conv5 = next(row for row in found.layers if row.detail == "3×3, 384 → 256")
    assert conv5.units == 43_264
    assert conv5.parameters == 884_992
    assert conv5.connections == 149_520_384
    assert found.parameters == 62_378_344
    assert found.units == 659_272
    dense = sum(row.parameters for row in found.layers if row.kind == "Linear")
    assert round(100 * dense / found.parameters, 2) == 93.99


def test_frozen_and_shared_parameters() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(4, 2))
    model[3].requires_grad_(False)
    found = inspect(model, (4,))
    assert [row.name for row in found.layers] == ["0", "1", "0#2", "3"] or [
        row.name for row in found.layers
    ] == ["0", "1", "2", "3"]
    assert [row.parameters for row in found.layers] == [20, 0, 0, 10]
    assert (found.parameters, found.trainable) == (30, 20)
    assert "10 of them frozen" in str(found)


def test_as_text_and_json() -> None:
    found = lenet()
    lines = found.text().splitlines()
    assert lines[0] == "LeNet5 at 1×32×32"
    assert lines[4].split() == [
        "conv1.conv",
        "Conv2d",
        "5×5,",
        "1",
        "→",
        "6",
        "6×28×28",
        "4,704",
        "156",
        "117,600",
        "18.38",
        "5",
        "1",
    ]
    assert lines[-2].startswith("activations")
    data = json.loads(json.dumps(found.to_json()))
    assert data["layers"][4]["parameters"] == 2416
    assert set(data) == {
        "model", "size", "layers", "parameters", "trainable", "units", "macs", "memory",
        "memory_in_place",
    }  # fmt: skip


def test_rectangles_and_whole_images_are_told_apart() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, (3, 5), stride=(1, 2)), nn.AdaptiveAvgPool2d(2))
    found = inspect(model, (1, 12, 12))
    assert found.layers[0].receptive_field == (3, 5)
    assert found.layers[0].stride == (1, 2)
    assert found.layers[1].receptive_field is None
    assert "3×5" in str(found)
    assert "all" in str(found)


@pytest.mark.parametrize("in_place", [True, False])
def test_both_countings_of_memory_do_not_depend_on_how_the_network_is_written(
    in_place: bool,
) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(in_place), nn.Flatten())
    found = inspect(model, (1, 8, 8))
    image, maps = 4 * 64, 4 * 72
    assert found.memory_in_place == image + maps
    assert found.memory == image + 2 * maps


def test_layers_and_the_image_add_up_to_the_totals() -> None:
    for name, side in (("googlenet", 64), ("vit_nano4", 32), ("resnet20", 32)):
        with torch.device("meta"):
            model = create(name, size=side)
        found = inspect(model, (3, side, side))
        image = 4 * 3 * side * side
        assert image + sum(row.memory for row in found.layers) == found.memory
        assert image + sum(row.memory_in_place for row in found.layers) == found.memory_in_place
        assert sum(row.connections for row in found.layers) == found.macs
        assert sum(row.parameters for row in found.layers) == found.parameters


def test_sums_and_local_normalization_see_as_far_as_what_they_read() -> None:
    with torch.device("meta"):
        resnet, googlenet = create("resnet20"), create("googlenet")
    rows = {row.name: row for row in inspect(resnet, (3, 32, 32)).layers}
    summed, before = rows["layer1.0.add"], rows["layer1.0.bn2"]
    assert (summed.receptive_field, summed.stride) == (before.receptive_field, before.stride)
    assert summed.receptive_field == (7, 7)
    rows = {row.name: row for row in inspect(googlenet, (3, 224, 224)).layers}
    assert rows["stem.norm1"].receptive_field == (11, 11)
    assert rows["stem.pool2"].stride == (8, 8)
