"""Explanations on the page: those of `explain`, by every method; bad requests told in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.data.batches.preprocess import PixelContract, resize
from vitreous.errors import VitreousError
from vitreous.explain.methods import METHODS
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.photo import LONGEST
from vitreous.tasks import TASKS

CLASSES = ("cat", "dog", "cow")
SIZE = 32


def opened(name, task="classify", **arguments):
    """A network with random weights."""
    torch.manual_seed(0)
    arguments |= {"num_classes": 3, "in_channels": 3, "size": SIZE}
    return Bundle(
        model=create(name, **arguments).eval(),
        architecture=name,
        arguments=arguments,
        task=TASKS[task](classes=CLASSES),
        contract=PixelContract(height=SIZE, width=SIZE, channels=3, fit="pad"),
    )


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (30, 45, 3), np.uint8)


@pytest.fixture(scope="module")
def lens(image):
    found = Lens(opened("convnet", stem=6, widths=(8,), pool="average"), "", "")
    found.see(image)
    return found


def test_every_method_can_be_chosen(lens, image):
    shown = lens.network()[0]["choices"]
    assert [row["name"] for row in shown["methods"]] == [*METHODS]
    for name in METHODS.keys() - {"attention_rollout"}:
        facts, arrays = lens.explain({"method": name, "target": "dog"})
        expected = lens.bundle.explain(image, method=name, target="dog")
        np.testing.assert_array_equal(arrays["overlay"], expected.overlay)
        assert (facts["method"], facts["target"]) == (name, "dog")
        assert facts["value"] == expected.value
        assert facts["says"] == METHODS[name].says
    facts, arrays = lens.explain({})
    np.testing.assert_array_equal(arrays["overlay"], lens.bundle.explain(image).overlay)
    assert facts["method"] == "gradcam"
    assert facts["layer"]


def test_a_layer_and_its_unit_can_be_chosen(lens, image):
    layers = lens.network()[0]["choices"]["layers"]
    name, units = layers[0]
    facts, arrays = lens.explain({"method": "saliency", "layer": name, "unit": units - 1})
    expected = lens.bundle.explain(image, method="saliency", layer=name, unit=units - 1)
    np.testing.assert_array_equal(arrays["overlay"], expected.overlay)
    assert facts["target"] == f"{name}, unit {units - 1}"
    for name, _ in layers:
        assert lens.explain({"method": "gradcam", "layer": name})[0]["layer"] == name


def test_a_class_at_a_pixel_of_a_mask():
    lens = Lens(opened("unet_small", "segment", depth=1), "", "")
    large = np.random.default_rng(1).integers(0, 256, (600, 1200, 3), np.uint8)
    lens.see(large)
    facts, arrays = lens.explain({"method": "saliency", "target": "dog@700,300"})
    assert facts["target"] == "dog@700,300"
    whole = lens.bundle.explain(large, method="saliency", target="dog@700,300").overlay
    np.testing.assert_array_equal(arrays["overlay"], resize(whole, LONGEST // 2, LONGEST))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "gradcan"}, "gradcam"),
        ({"method": 3}, "no method"),
        ({"method": "attention_rollout"}, "attention"),
        ({"target": "dig"}, "dog"),
        ({"target": ["dog"]}, "no target"),
        ({"layer": "stem.cnv"}, "stem.conv"),
        ({"layer": "stem.conv", "method": "saliency"}, "gradcam"),
        ({"unit": 2}, "Name the layer"),
        ({"unit": 999, "layer": "stem.conv"}, "unit"),
        ({"unit": "two", "layer": "stem.conv"}, "numbered from 0"),
        ({"unit": -1, "layer": "stem.conv"}, "numbered from 0"),
        ({"unit": 1, "layer": "stem.conv", "target": "dog"}, "two questions"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(lens, asked, words):
    with pytest.raises(VitreousError) as caught:
        lens.explain(asked)
    assert words in f"{caught.value.message} {caught.value.remedy}"
