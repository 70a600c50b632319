"""The gradient that the page shows: of the task's loss, by finite differences and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import UsageError
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.playground.images.backward import gradients
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.layers import View
from vitreous.tasks import TASKS


def opened():
    torch.manual_seed(0)
    arguments = {"num_classes": 4, "in_channels": 1, "size": 28}
    return Bundle(
        model=create("lenet5", **arguments).eval(),
        architecture="lenet5",
        arguments=arguments,
        task=TASKS["classify"](classes=tuple("abcd")),
        contract=PixelContract(height=28, width=28, channels=1),
    )


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)


def test_the_gradient_at_the_scores_is_answer_minus_truth(image):
    lens = Lens(opened(), "", "")
    facts, _ = lens.see(image, {"class": torch.tensor([2])})
    told, arrays = lens.backward()
    assert told["loss"] == pytest.approx(-np.log(facts["probabilities"][2]), rel=1e-5)
    expected = np.array(facts["probabilities"]) - np.eye(4)[2]
    last = len(lens.views) - 1
    assert told["largest"][last] == pytest.approx(np.abs(expected).max(), rel=1e-4)
    found = (arrays[f"maps{last}"].reshape(-1) / 127.5 - 1) * told["largest"][last]
    np.testing.assert_allclose(found, expected, atol=told["largest"][last] / 127)
    for number, layer in enumerate(lens.network()[0]["layers"]):
        assert arrays[f"maps{number}"].shape == (layer["shown"], *layer["drawn"])
    for module in lens.bundle.model.modules():
        assert not module._forward_hooks
        for parameter in module.parameters(recurse=False):
            assert parameter.grad is None


def test_the_gradient_in_a_layer_is_that_of_finite_differences(image):
    """A number of a map is moved by a hook, and the loss follows as the gradient says."""
    bundle = opened()
    bundle.model.double()
    lens = Lens(opened(), "", "")
    lens.see(image)
    layer = next(n for n, view in enumerate(lens.views) if view.name == "conv2.conv")
    images = bundle.contract.images(image[None]).double()
    targets = {"class": torch.tensor([1])}
    view = lens.views[layer]
    module = bundle.model.get_submodule(view.name)
    view = View(view.name, module, view.input, view.output)
    told, arrays = gradients(bundle, images, targets, [view])
    slopes = (arrays["maps0"] / 127.5 - 1) * told["largest"][0]
    place = np.unravel_index(np.abs(slopes).argmax(), slopes.shape)

    def loss(step):
        def nudge(_module, _inputs, output):
            moved = output.clone()
            moved[(0, *place)] += step
            return moved

        hook = module.register_forward_hook(nudge)
        try:
            with torch.no_grad():
                return float(bundle.task.loss(bundle.model(images), targets)[0])
        finally:
            hook.remove()

    measured = (loss(1e-5) - loss(-1e-5)) / 2e-5
    assert abs(measured) == pytest.approx(told["largest"][0], rel=1e-4)
    assert slopes[place] == pytest.approx(measured, rel=0.01)


def test_layers_that_overwrite_their_input_are_followed(image):
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3 * 26 * 26, 2)
    )
    bundle = Bundle(
        model=model.eval(),
        architecture=None,
        arguments={},
        task=TASKS["classify"](classes=("a", "b")),
        contract=PixelContract(height=28, width=28, channels=1),
    )
    lens = Lens(bundle, "", "")
    lens.see(image, {"class": torch.tensor([0])})
    told, arrays = lens.backward()
    before, after = (
        (arrays[f"maps{number}"] / 127.5 - 1) * told["largest"][number] for number in (0, 1)
    )
    passes = lens.views[1].output[0].numpy() > 0
    np.testing.assert_allclose(before, after * passes, atol=told["largest"][1] / 100)
    assert (np.abs(after[~passes]) > 0).any()


def test_without_a_truth_there_is_no_loss(image):
    lens = Lens(opened(), "", "")
    lens.see(image)
    with pytest.raises(UsageError, match="not known"):
        lens.backward()
