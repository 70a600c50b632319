"""Boxes from heat, and networks made to have class activation maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vitreous.errors import ModelError, ShapeError, UsageError
from vitreous.explain import METHODS
from vitreous.explain.averaged_maps import averaged, means, train_head
from vitreous.explain.cam import pooled_end
from vitreous.explain.explanation import Explanation
from vitreous.explain.heat_box import box_plate, heat_box
from vitreous.models import create


def test_a_box_lies_around_the_largest_part() -> None:
    heat = np.zeros((20, 30), np.float32)
    heat[2:4, 3:5] = 1.0  # the hottest, but small
    heat[8:16, 10:25] = 0.3
    heat[15, 26] = 0.3  # apart
    heat[16, 25] = 0.25  # touches by a corner
    assert heat_box(heat) == (10, 8, 26, 17) or heat_box(heat) == (10, 8, 27, 17)
    assert heat_box(heat, 0.5) == (3, 2, 5, 4)
    assert heat_box(-heat) == (0, 0, 0, 0)
    with pytest.raises(UsageError, match=r"such as 0\.2"):
        heat_box(heat, 0)


def test_boxes_of_whole_images_are_said_to_tell_nothing() -> None:
    heats = [np.full((8, 8), 0.5, np.float32), np.eye(8, dtype=np.float32)]
    heats[1][4:] = 0
    found = [
        Explanation(
            image=np.zeros((8, 8, 3), np.uint8),
            heat=heat,
            target="cow",
            value=1.0,
            answer=None,
            method="gradcam",
            layer="stage2",
            says="",
        )
        for heat in heats
    ]
    plate = box_plate(found, ["a", "b"])
    assert any("In 1 of 2 images" in line and "of stage2" in line for line in plate.says)
    assert len(box_plate(found[1:], ["b"]).says) == 1


def cross_entropy(outputs, targets):
    return F.cross_entropy(outputs, targets["class"], reduction="none")


@pytest.mark.parametrize("name", ["lenet5", "vit_nano4", "convnet"])
def test_a_converted_network_has_exact_class_maps(name: str) -> None:
    """Also one that has none; and its dense layer learns what can be told from the means."""
    torch.manual_seed(0)
    model = create(name, in_channels=3)
    images = torch.rand(40, 3, 32, 32)
    images[::2, 0] *= 0.3
    labels = torch.arange(40) % 2
    made = averaged(model, images, 2)
    loss = train_head(made, means(made, images.split(16)), {"class": labels}, cross_entropy)
    logits = made.eval()(images)
    assert loss < 0.1
    assert (logits.argmax(1) == labels).all()
    end = pooled_end(made, images)
    torch.testing.assert_close(
        end.class_maps().mean((2, 3)) + end.bias, logits, rtol=1e-4, atol=1e-4
    )
    heat = METHODS["cam"](made, images[:2], 1)
    assert heat.shape == (2, 32, 32)
    assert sum(len(module._forward_hooks) for module in made.modules()) == 0


def test_the_head_is_at_the_minimum() -> None:
    """The gradient of its cost vanishes: it is the one minimum of a convex function."""
    torch.manual_seed(1)
    made = averaged(create("lenet5"), torch.rand(2, 1, 32, 32), 3)
    features, labels = torch.randn(200, made.head.in_features), torch.randint(3, (200,))
    train_head(made, features, {"class": labels}, cross_entropy)
    center, spread = features.mean(0), features.std(0, correction=0)
    weight = (made.head.weight.detach() * spread).requires_grad_()
    bias = (made.head.bias.detach() + made.head.weight.detach() @ center).requires_grad_()
    outputs = (features - center) / spread @ weight.T + bias
    cost = F.cross_entropy(outputs, labels) + 1e-3 * weight.square().sum()
    slopes = torch.autograd.grad(cost, [weight, bias])
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-4


def test_layers_that_cannot_be_averaged() -> None:
    model = create("lenet5")
    images = torch.rand(2, 1, 32, 32)
    with pytest.raises(ShapeError, match="has no map"):
        averaged(model, images, 2, layer="fc1" if hasattr(model, "fc1") else "head")
    with pytest.raises(ModelError, match="has no map"):
        averaged(create("mlp"), torch.rand(1, 1, 28, 28), 2)
