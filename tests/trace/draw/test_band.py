"""The picture of a convolution's matrix."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from vitreous.backprop.conv_as_matrix import matrix_of
from vitreous.backprop.layers import Convolution
from vitreous.errors import ModelError, ShapeError
from vitreous.trace import band

SVG = "{http://www.w3.org/2000/svg}"


def test_every_weight_is_drawn_in_its_color_at_all_its_places() -> None:
    layer = Convolution(torch.arange(1.0, 10.0).reshape(1, 1, 3, 3), padding=1)
    picture = ET.fromstring(band(layer, (5, 6)))
    paths = [path for path in picture.iter(f"{SVG}path") if path.get("fill")]
    assert len(paths) == 9
    assert len({path.get("fill") for path in paths}) == 9
    drawn = {
        (int(row), int(column)): number
        for number, path in enumerate(paths, 1)
        for column, row in re.findall(r"M(\d+) (\d+)h1", path.get("d", ""))
    }
    dense = matrix_of(layer, (5, 6)).dense(layer.weight)
    assert drawn == {
        (row, column): int(dense[row, column]) for row, column in dense.nonzero().tolist()
    }
    assert "30 × 30" in "".join(picture.find(f"{SVG}desc").itertext())  # type: ignore[union-attr]


def test_what_cannot_be_seen_is_not_drawn() -> None:
    with pytest.raises(ShapeError, match="is no picture"):
        band(Convolution(torch.ones(8, 8, 3, 3)), (32, 32))


def test_the_kernels_beside_it_have_the_same_colors() -> None:
    layer = nn.Conv2d(2, 3, 3, stride=2)
    picture = ET.fromstring(band(layer, (7, 7)))
    kernels = [rect.get("fill") for rect in picture.iter(f"{SVG}rect") if rect.get("fill")]
    cells = [path.get("fill") for path in picture.iter(f"{SVG}path") if path.get("fill")]
    assert kernels == cells
    assert len(set(cells)) == layer.weight.numel()
    titles = ["".join(path.itertext()) for path in picture.iter(f"{SVG}path") if len(path)]
    assert titles[0] == f"weight 1 of 54, {layer.weight[0, 0, 0, 0].item():.3g}, in 9 places"


def test_what_is_no_fixed_matrix_of_weights_is_refused() -> None:
    with pytest.raises(ModelError, match="pads with something else than zeros"):
        band(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (5, 5))
    with pytest.raises(ModelError, match="is no convolution"):
        band(nn.Linear(4, 2), (2, 2))  # type: ignore[arg-type]
