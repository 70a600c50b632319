"""Layers gathered into stages: nothing is lost, and a glance is enough."""

from __future__ import annotations

import pytest
import torch

from vitreous.models import create
from vitreous.trace import graph
from vitreous.trace.measure.inspection import inspect
from vitreous.trace.measure.stages import GLANCE, stages


@pytest.mark.parametrize(
    ("name", "side"), [("lenet5", 32), ("vgg16", 224), ("resnet50", 64), ("densenet121", 64)]
)
def test_every_layer_is_in_one_stage(name: str, side: int) -> None:
    with torch.device("meta"):
        model = create(name, size=side)
    shape = (model.in_channels, side, side)
    found = inspect(model, shape)
    gathered = stages(found, graph(model, shape))
    assert 3 < len(gathered) <= GLANCE
    assert sorted(row.name for stage in gathered for row in stage.layers) == sorted(
        row.name for row in found.layers
    )
    assert sum(stage.parameters for stage in gathered) == found.parameters
    assert sum(stage.connections for stage in gathered) == found.macs
    assert sum(stage.units for stage in gathered) == found.units
    assert gathered[-1].shape == (model(torch.zeros(1, *shape, device="meta")).shape[1],)


def test_the_stages_of_vgg16() -> None:
    """Table 1 of the paper; the receptive field after each pooling is that of the lecture."""
    with torch.device("meta"):
        model = create("vgg16")
    shape = (3, 224, 224)
    by_name = {stage.name: stage for stage in stages(inspect(model, shape), graph(model, shape))}
    assert [by_name[f"stage{number}"].receptive_field for number in range(1, 6)] == [
        (6, 6), (16, 16), (44, 44), (100, 100), (212, 212),
    ]  # fmt: skip
    assert by_name["stage5"].shape == (512, 7, 7)
    assert by_name["fc6"].receptive_field is None
    assert by_name["fc6"].parameters == 512 * 7 * 7 * 4096 + 4096
