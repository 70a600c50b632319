"""The picture of a convolution's matrix."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from vitreous.backprop.modules import Convolution
from vitreous.backprop.sharing import matrix_of
from vitreous.errors import ShapeError
from vitreous.trace.band import band

SVG = "{http://www.w3.org/2000/svg}"


def test_every_weight_is_drawn_in_its_color_at_all_its_places() -> None:
    layer = Convolution(torch.arange(1.0, 10.0).reshape(1, 1, 3, 3), padding=1)
    picture = ET.fromstring(band(layer, (5, 6)))
    paths = list(picture.iter(f"{SVG}path"))
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
