"""FCN against the classifier that it was made from, and against enlargement by torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.models import create, head
from vitreous.models.fcn import FCN


def small(finest: int = 8, **arguments) -> FCN:
    torch.manual_seed(0)
    fcn = create(f"fcn{finest}", backbone="resnet18", num_classes=3, **arguments).eval()
    assert isinstance(fcn, FCN)
    return fcn


def test_the_middle_of_the_coarse_map_is_the_answer_of_the_classifier() -> None:
    torch.manual_seed(0)
    model = create("resnet18", num_classes=3).eval()
    fcn = small(32)
    for name, stage in model.stages():
        if name in fcn.backbone and not isinstance(fcn.get_submodule(name), nn.AvgPool2d):
            fcn.get_submodule(name).load_state_dict(stage.state_dict())
    last = head(model)
    with torch.no_grad():
        fcn.score32.weight.copy_(last.weight[:, :, None, None])
        fcn.score32.bias.copy_(last.bias)
        fcn.normalize = model.normalize
        image = torch.rand(1, 3, 224, 224)
        coarse = fcn.run(image)["score32"]
        assert coarse.shape == (1, 3, 7, 7)
        torch.testing.assert_close(coarse[:, :, 3, 3], model(image), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_dense_layers_of_vgg_are_read_as_convolutions() -> None:
    fcn = create("fcn32", backbone="vgg11", num_classes=2).eval()
    assert fcn.fc6.conv.kernel_size == (7, 7)
    assert fcn.fc7.conv.kernel_size == (1, 1)
    assert fcn(torch.rand(1, 3, 64, 96)).shape == (1, 2, 64, 96)


@pytest.mark.parametrize("finest", [32, 16, 8])
def test_before_learning_the_coarse_map_is_enlarged(finest: int) -> None:
    fcn, image = small(finest), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        stages = fcn.run(image)
        x = stages["score32"]
        for factor in {32: (32,), 16: (2, 16), 8: (2, 2, 8)}[finest]:
            x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(stages["head"], x, rtol=1e-4, atol=1e-5)


def test_finer_maps_are_added() -> None:
    fcn, image = small(8), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = fcn(image)
        fcn.add8.score.weight.normal_()
        stages = fcn.run(image)
        added = stages["add8"] - fcn.add8.up(stages["add16"])
        expected = fcn.add8.score(stages[next(n for n, s in fcn.taps.items() if s == 8)])
    torch.testing.assert_close(added, expected, rtol=1e-4, atol=1e-5)
    assert (fcn(image) - before).abs().max() > 1e-3


def test_other_strides_and_networks_without_maps_are_refused() -> None:
    with pytest.raises(UsageError, match="no maps at 1/4"):
        create("fcn8", backbone="resnet18", finest=4)
    with pytest.raises(UsageError, match="resnet18"):
        create("fcn8", backbone="resnet19")
