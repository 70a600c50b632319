"""The trail of a number leads back to weights, and each of its steps gives the number again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.blocks.conv import SameConv2d
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.layers import View
from vitreous.playground.images.provenance import explained
from vitreous.tasks import Classify

SIDE = 48


def lens(name: str) -> Lens:
    """A network of random weights, its batch norms moved away from their beginning."""
    torch.manual_seed(0)
    arguments = {"num_classes": 3, "in_channels": 3, "size": SIDE}
    model = create(name, **arguments)
    with torch.no_grad():
        model.train()(torch.rand(4, 3, SIDE, SIDE))
    bundle = Bundle(
        model=model.eval(),
        architecture=name,
        arguments=arguments,
        task=Classify(classes=("a", "b", "c")),
        contract=PixelContract(height=SIDE, width=SIDE, channels=3),
    )
    opened = Lens(bundle, "a title", "an origin")
    opened.see(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    return opened


KINDS = {
    "resnet20": {"sum", "pointwise", "normalized", "convolution"},
    "efficientnet_lite0": {"sum", "pointwise", "normalized", "convolution"},
    "mobilenet_v1": {"pointwise", "normalized", "convolution"},
    "googlenet_bn": {"joined", "pointwise", "normalized", "convolution"},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_step_gives_the_number_again(name):
    opened = lens(name)
    random = np.random.default_rng(1)
    kinds = set()
    for layer, view in enumerate(opened.views):
        place = [int(random.integers(size)) for size in view.maps.shape]
        facts, arrays = opened.value(layer, *place)
        followed = "trail" in facts
        steps = facts.get("trail", [])
        assert facts["how"] != "unknown" or steps, view.name
        expected = facts["value"] if facts["how"] == "unknown" else facts.get("before")
        for number, step in enumerate(steps):
            kinds.add(step["how"])
            assert step["value"] == pytest.approx(expected, rel=1e-5, abs=1e-6)
            match step["how"]:
                case "sum":
                    (_, expected), (_, other) = step["parts"]
                    assert expected + other == pytest.approx(step["value"], rel=1e-5, abs=1e-6)
                case "joined":
                    expected = step["parts"][0][1]
                case "normalized":
                    expected = step["before"]
                    unit = (expected - step["mean"]) / step["deviation"]
                    again = unit * step["scale"] + step["shift"]
                    assert again == pytest.approx(step["value"], rel=1e-3, abs=1e-4)
                case "pointwise":
                    expected = step["before"]
                    most = 6 if name == "efficientnet_lite0" else np.inf  # relu6
                    assert step["value"] == pytest.approx(min(max(expected, 0), most), abs=1e-5)
                case "convolution":
                    products = arrays[f"patch{number}"] * arrays[f"kernel{number}"]
                    shown = len(products)
                    np.testing.assert_allclose(
                        step["sums"][:shown], products.sum((1, 2)), rtol=1e-3, atol=1e-3
                    )
                    again = step["sum"] + step["bias"]
                    assert again == pytest.approx(step["value"], rel=1e-3, abs=1e-3)
        if followed:
            assert steps[-1]["how"] in ("convolution", "largest", "mean", "sum", "stage"), view.name
    assert KINDS[name] <= kinds


@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 2, 8), (5, 2, 9), (3, 1, 7), (5, 2, 8)])
def test_the_patch_of_a_convolution_that_pads_as_tensorflow_does(kernel, stride, size):
    """Where the odd pixel of padding goes to the right and the bottom, the patch is right."""
    torch.manual_seed(0)
    conv = SameConv2d(3, 4, kernel, stride)
    source = torch.randn(1, 3, size, size + 1)
    view = View("conv", conv, source, conv(source).detach())
    for channel, row, column in np.ndindex(*view.maps.shape):
        facts, _ = explained(view, channel, row, column)
        value = float(view.maps[channel, row, column])
        assert facts["sum"] + facts["bias"] == pytest.approx(value, abs=1e-5)


def test_a_response_that_its_neighbors_subdue():
    norm = nn.LocalResponseNorm(5, alpha=0.3, beta=0.75, k=2)
    source = torch.randn(1, 7, 2, 3)
    view = View("norm", norm, source, norm(source))
    for channel, row, column in np.ndindex(*view.maps.shape):
        facts, _ = explained(view, channel, row, column)
        value = float(view.maps[channel, row, column])
        assert facts["before"] / facts["divisor"] == pytest.approx(value, abs=1e-5)


def test_a_layer_knows_which_one_it_was_made_of():
    opened = lens("lenet5")
    sources = [opened.value(layer, 0, 0, 0)[0]["source"] for layer in range(len(opened.views))]
    assert sources[0] is None  # the image
    assert sources[1:] == list(range(len(opened.views) - 1))  # a chain
