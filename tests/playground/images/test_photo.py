"""What pixels of an answer depend on, and the photo with the answer over it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.maps import IGNORED
from vitreous.errors import UsageError
from vitreous.inference import predictor
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.photo import LONGEST, Fields
from vitreous.tasks import TASKS

CLASSES = ("ground", "sky", "road")


def masks(name="unet_small", height=72, width=90, **arguments):
    """A network for masks with random weights."""
    torch.manual_seed(0)
    arguments |= {"num_classes": 3, "in_channels": 3, "size": 72}
    return Bundle(
        model=create(name, **arguments).eval(),
        architecture=name,
        arguments=arguments,
        task=TASKS["segment"](classes=CLASSES),
        contract=PixelContract(height=height, width=width, channels=3, fit="pad"),
    )


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (60, 111, 3), np.uint8)


def test_what_a_pixel_depends_on_lies_in_its_frame(photo):
    """Measured by gradients, also where the network adds borders of its own and cuts them off."""
    opened = masks("unet_small", depth=2)
    lens = Lens(opened, "", "")
    lens.see(photo)
    images = lens.seen.images.clone().requires_grad_()
    outputs = opened.model(images)
    for x, y in ((0, 0), (55, 30), (110, 59), (20, 50)):
        told, _ = lens.pixel(x, y)
        top, left, bottom, right = told["window"]
        across, down = (math.floor(at + 0.5) for at in lens.seen.frame.points([x, y]))
        assert top <= down < bottom
        assert left <= across < right
        assert (bottom - top, right - left) != (72, 90)
        assert not told["whole"]
        (slope,) = torch.autograd.grad(outputs[0, :, down, across].sum(), images, retain_graph=True)
        rows, columns = slope[0].abs().sum(0).nonzero().T
        assert top <= rows.min()
        assert rows.max() < bottom
        assert left <= columns.min()
        assert columns.max() < right
        edges = np.array(told["around"]).reshape(2, 2)
        assert (edges[0] <= np.array([x, y]) + 1e-6).all()
        assert (edges[1] >= np.array([x, y]) + 1 - 1e-6).all()


def test_a_field_that_is_not_known_is_no_field(photo):
    opened = masks(depth=2)
    lens = Lens(opened, "", "")
    lens.see(photo)
    shape = tuple(lens.seen.images.shape[1:])
    lens._fields[shape] = Fields({}, None)
    assert lens.pixel(3, 4)[0]["window"] is None
    assert lens.pixel(3, 4)[0]["rows"]
    maps = next(number for number, view in enumerate(lens.views) if view.output.dim() == 4)
    assert lens.value(maps, 0, 1, 1)[0]["window"] is None


def test_answers_for_the_image_as_a_whole_have_no_field():
    fields = Fields.of(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2)), (3, 8, 8))
    assert fields.output is None
    assert fields.layers["0"].size == (3, 3)


def test_large_photos_are_shrunk_for_the_page_alone():
    opened = masks(depth=1)
    lens = Lens(opened, "", "")
    large = np.random.default_rng(1).integers(0, 256, (700, 1500, 3), np.uint8)
    facts, arrays = lens.see(large)
    assert facts["photo"] == {"height": 700, "width": 1500, "asks": True}
    assert arrays["photo"].shape == arrays["drawn"].shape == (478, LONGEST, 3)
    told, _ = lens.pixel(1400, 600)
    assert told["value"] == large[600, 1400].tolist()
    labels = opened.predict(large).labels
    assert told["rows"][0][0] == CLASSES[labels[600, 1400]]
    told, _ = lens.pixel(1499, 699)  # beyond the last whole block of pixels, which are averaged
    assert labels[699, 1499] == IGNORED
    assert told["rows"] == []


def test_images_of_any_size_are_seen_as_they_are(photo, monkeypatch):
    """Where images are never resized, answers, fields and maps are of the size of the image."""
    opened = masks(depth=2)
    opened = replace(opened, contract=replace(opened.contract, fit="native"))
    lens = Lens(opened, "", "")
    lens.see(photo)
    assert lens.row.shape == photo.shape
    np.testing.assert_array_equal(lens.seen.answer.labels, opened.predict(photo).labels)
    told, _ = lens.pixel(110, 59)
    assert told["window"][2:] == (60, 111)
    monkeypatch.setattr(predictor, "WHOLE", 1000)
    with pytest.raises(UsageError, match="answered in tiles"):
        lens.see(photo)
