"""Trained networks opened: every number that is shown is the one that was computed."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from vitreous.data.batches.preprocess import PixelContract, resize
from vitreous.errors import ImageError, UsageError, VitreousError
from vitreous.inference.model_file import Bundle
from vitreous.models import create, head
from vitreous.playground.images import demo_networks as digits
from vitreous.playground.images.demo_networks import HELD_OUT, READERS, held_out, reader
from vitreous.playground.images.drawings import frame, framed
from vitreous.playground.images.image_socket import DRAWING, FILE, FRAMED, Look
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.layers import View
from vitreous.playground.images.own_run import OwnRun
from vitreous.playground.images.provenance import explained
from vitreous.playground.server.frames import unpack
from vitreous.tasks import Classify


def bundle(
    name: str, *, side: int = 28, channels: int = 1, classes: int = 10, **arguments
) -> Bundle:
    """A network with random weights, its batch norms moved away from their beginning."""
    torch.manual_seed(0)
    arguments |= {"num_classes": classes, "in_channels": channels, "size": side}
    model = create(name, **arguments)
    with torch.no_grad():
        model.train()(torch.rand(8, channels, side, side))
    return Bundle(
        model=model.eval(),
        architecture=name,
        arguments=arguments,
        task=Classify(classes=tuple(f"class {number}" for number in range(classes))),
        contract=PixelContract(height=side, width=side, channels=channels),
    )


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 50, 1), np.uint8)


NETWORKS = {
    "lenet5": {},
    "convnet": {"stem": 6, "widths": (12,), "pool": "average"},
    "linear": {},
    "resnet20": {},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_shown_is_what_is_computed(name, image):
    opened = bundle(name, **NETWORKS[name])
    lens = Lens(opened, "a title", "an origin")
    facts, arrays = lens.see(image)
    (expected,) = opened.probabilities(opened.images([image]))
    np.testing.assert_allclose(facts["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(arrays["image"], opened.contract.row(image))
    network, _ = lens.network()
    assert len(network["layers"]) == len(lens.views) <= 41
    for number, layer in enumerate(network["layers"]):
        assert arrays[f"maps{number}"].shape == (layer["shown"], *layer["drawn"])
        assert arrays[f"maps{number}"].dtype == np.uint8
    for module in opened.model.modules():
        assert not module._forward_hooks


@pytest.mark.parametrize("name", ["lenet5", "convnet"])
def test_a_network_is_shown_in_the_precision_of_its_bundle(name, image):
    opened = replace(bundle(name, **NETWORKS[name]), precision="bfloat16")
    lens = Lens(opened, "", "")
    facts, _ = lens.see(image)
    images = opened.images([image])
    assert facts["probabilities"] == opened.probabilities(images)[0].tolist()
    with torch.inference_mode():
        full = opened.model(images)[0].tolist()
    assert facts["logits"] != full
    for layer, view in enumerate(lens.views):
        if isinstance(view.module, nn.Conv2d | nn.Linear):
            assert view.output.dtype == torch.bfloat16
        found, _ = lens.value(layer, 0, 0, 0)
        if "sum" in found:
            assert found["sum"] + found["bias"] == pytest.approx(found["value"], abs=0.02)
    assert lens.embedding(images)[1]["here"] == pytest.approx(np.zeros(2), abs=1e-6)
    if name == "convnet":
        evidence, _ = lens.cam(3)
        assert evidence["mean"] + evidence["bias"] == pytest.approx(evidence["logit"], abs=0.02)


POOLS = [
    nn.MaxPool2d(3, stride=2, padding=1),
    nn.MaxPool2d((2, 3), stride=2, padding=(1, 1), dilation=(3, 2), ceil_mode=True),
    nn.AvgPool2d(3, stride=2, padding=1),
    nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
    nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d((3, 2), padding=1, divisor_override=5),
    nn.AdaptiveAvgPool2d((3, 4)),
    nn.AdaptiveAvgPool2d(1),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_every_number_of_a_pool_is_given_again(pool):
    source = torch.randn(1, 2, 8, 11, generator=torch.Generator().manual_seed(0)) - 2
    view = View("pool", pool, source, pool(source))
    for channel, row, column in np.ndindex(*view.maps.shape):
        facts, arrays = explained(view, channel, row, column)
        again = {
            "largest": lambda p, _: p.max(),
            "mean": lambda p, _: p.mean(),
            "divided": lambda p, facts: p.sum() / facts["divisor"],
        }[facts["how"]](arrays["patch"], facts)
        assert again == pytest.approx(float(view.maps[channel, row, column]), abs=1e-5)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
def test_every_number_of_a_convolution_is_given_again(mode):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (2, 1), groups=2, padding_mode=mode)
    source = torch.randn(1, 4, 8, 9)
    view = View("conv", conv, source, conv(source).detach())
    for channel, row, column in np.ndindex(*view.maps.shape):
        facts, _ = explained(view, channel, row, column)
        value = float(view.maps[channel, row, column])
        assert facts["sum"] + facts["bias"] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_number_comes_from_somewhere(name, image):
    """The explanation of a number gives the number again, whatever kind of layer made it."""
    lens = Lens(bundle(name, **NETWORKS[name]), "", "")
    lens.see(image)
    generator = np.random.default_rng(1)
    kinds = set()
    for layer, view in enumerate(lens.views):
        for _ in range(4):
            channel, row, column = (int(generator.integers(size)) for size in view.maps.shape)
            facts, arrays = lens.value(layer, channel, row, column)
            value = float(view.maps[channel, row, column])
            assert facts["value"] == value
            kinds.add(facts["how"])
            top, left, bottom, right = facts["window"]
            assert 0 <= top < bottom <= 28
            assert 0 <= left < right <= 28
            if facts["how"] in ("convolution", "weighed"):
                assert facts["sum"] + facts["bias"] == pytest.approx(value, abs=1e-4)
            if facts["how"] == "convolution":
                products = (arrays["patch"] * arrays["kernel"]).sum((1, 2))
                np.testing.assert_allclose(facts["sums"], products, atol=1e-4)
            if facts["how"] == "largest":
                assert arrays["patch"].max() == value
            if facts["how"] == "mean":
                assert arrays["patch"].mean() == pytest.approx(value, abs=1e-5)
            if facts["how"] == "normalized":
                unit = (facts["before"] - facts["mean"]) / facts["deviation"]
                assert unit * facts["scale"] + facts["shift"] == pytest.approx(value, abs=1e-4)
            if facts["how"] == "pointwise":
                assert max(facts["before"], 0) == pytest.approx(value)
    expected = {
        "lenet5": {"convolution", "pointwise", "largest", "weighed"},
        "convnet": {"convolution", "pointwise", "largest", "normalized", "mean", "weighed"},
        "linear": {"weighed"},
        "resnet20": {"weighed", "unknown"},
    }
    assert expected[name] <= kinds


def test_the_window_is_all_that_matters(image):
    """Pixels outside of a number's window do not change it; those inside do."""
    lens = Lens(bundle("lenet5"), "", "")
    lens.see(image)
    layer = next(i for i, view in enumerate(lens.views) if view.name == "conv2.conv")
    facts, _ = lens.value(layer, 3, 4, 6)
    top, left, bottom, right = facts["window"]
    assert (bottom - top, right - left) == (14, 14)
    outside = np.full_like(lens.row, 255)
    outside[top:bottom, left:right] = lens.row[top:bottom, left:right]
    inside = lens.row.copy()
    inside[top:bottom, left:right] = 255 - inside[top:bottom, left:right]
    lens.see(outside)
    assert lens.value(layer, 3, 4, 6)[0]["value"] == pytest.approx(facts["value"], abs=1e-5)
    lens.see(inside)
    assert abs(lens.value(layer, 3, 4, 6)[0]["value"] - facts["value"]) > 1e-3


def test_the_mean_of_a_cam_and_the_bias_are_the_logit(image):
    lens = Lens(bundle("convnet", **NETWORKS["convnet"]), "", "")
    assert lens.network()[0]["cam"]
    lens.see(image)
    for label in range(10):
        facts, arrays = lens.cam(label)
        assert facts["mean"] + facts["bias"] == pytest.approx(facts["logit"], abs=1e-4)
        assert arrays["heat"].shape == (7, 7)
    with pytest.raises(UsageError):
        lens.cam(10)


def test_a_network_without_global_average_has_no_cam(image):
    lens = Lens(bundle("lenet5"), "", "")
    assert not lens.network()[0]["cam"]
    with pytest.raises(UsageError, match="no class activation maps"):
        lens.cam(0)


def test_templates_are_those_of_the_linear_classifier():
    facts, arrays = Lens(bundle("linear"), "", "").network()
    assert arrays["templates"].shape == (10, 28, 28)
    assert facts["classes"][3] == "class 3"


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_filters_are_the_weights_of_the_first_convolution(channels):
    opened = bundle("lenet5", channels=channels)
    facts, arrays = Lens(opened, "", "").network()
    weights = opened.model.get_submodule("conv1.conv").weight.detach()  # (6, C, 5, 5)
    if channels == 2:
        weights = weights.mean(1, keepdim=True)
    found = arrays["filters"]
    assert found.shape == (6, 5, 5, 3 if channels == 3 else 1)
    scale = float(weights.abs().max())
    back = (found.transpose(0, 3, 1, 2) / 127.5 - 1) * scale
    np.testing.assert_allclose(back, weights, atol=scale / 255)
    assert facts["filters"]["count"] == 6
    assert min(found.min(), 255 - found.max()) == 0  # all bytes are used


def test_a_network_without_convolutions_has_no_filters():
    facts, arrays = Lens(bundle("linear"), "", "").network()
    assert "filters" not in facts
    assert "filters" not in arrays


@pytest.mark.parametrize("name", NETWORKS)
def test_digits_are_embedded_as_the_last_layer_is_given_them(name, image):
    opened = bundle(name, **NETWORKS[name])
    lens = Lens(opened, "", "")
    lens.see(image)
    images = opened.contract.images(held_out()[0][:50])
    facts, arrays = lens.embedding(images)
    given = []
    hook = head(opened.model).register_forward_pre_hook(lambda _, x: given.append(x[0].flatten(1)))
    with torch.no_grad():
        opened.model(images)
        opened.model(opened.contract.images(lens.row[None].copy()))
    hook.remove()
    peer = PCA(2, svd_solver="full").fit(given[0].double().numpy())
    assert facts["dimensions"] == given[0].shape[1]
    for key, vectors in (("places", given[0]), ("here", given[1])):
        expected = peer.transform(vectors.double().numpy())
        np.testing.assert_allclose(
            np.abs(arrays[key].reshape(-1, 2)), np.abs(expected), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("place", [(99, 0, 0, 0), (0, 6, 0, 0), (0, 0, 28, 0), (0, 0, 0, -1)])
def test_numbers_that_are_not_there(place, image):
    lens = Lens(bundle("lenet5"), "", "")
    lens.see(image)
    with pytest.raises(UsageError, match="there is no"):
        lens.value(*place)


def test_strokes_are_framed_as_in_mnist():
    pixels = np.zeros((280, 280, 1), np.uint8)
    pixels[20:120, 30:70] = 255
    framed = frame(pixels)
    rows, columns = np.nonzero(framed[..., 0] > 128)
    assert abs(rows.max() - rows.min() + 1 - 80) <= 2  # 20/28 of 112
    assert abs(columns.max() - columns.min() + 1 - 32) <= 2
    assert abs(rows.mean() - 55.5) < 1
    assert abs(columns.mean() - 55.5) < 1
    assert not frame(np.zeros((50, 50, 1), np.uint8)).any()


def test_strokes_are_scaled_as_training_images_are():
    """Shrunk by averages, not by single pixels: fine noise nearly vanishes."""
    noise = np.random.default_rng(0).integers(33, 256, (280, 280, 1), np.uint8)
    framed = frame(noise)
    rows, columns = np.nonzero(framed[..., 0])
    found = framed[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(found, resize(noise, 80, 80))
    assert found.std() < 30


@pytest.mark.parametrize("name", READERS)
def test_the_networks_that_come_along_read_digits(name):
    """Without anything being learned, or kept: their files are a part of the package."""
    rows, targets = held_out()
    found = reader(name).outputs(digits.CONTRACT.images(rows)).argmax(1).numpy()
    assert (found == targets).mean() > {"linear": 0.6, "convnet": 0.85}.get(name, 0.95)
    with pytest.raises(UsageError, match="unknown network"):
        reader("lenot")


def test_held_out_digits_are_framed_as_drawings_are():
    rows, targets = held_out()
    assert rows.shape == (HELD_OUT, 28, 28, 1)
    assert set(targets) == set(range(10))
    for row in rows[:40]:
        light = row[..., 0].astype(float)
        for axis in (0, 1):
            places = (light.sum(1 - axis) @ np.arange(28)) / light.sum()
            assert places == pytest.approx(13.5, abs=0.6)


class Page:
    """A page that remembers what it was sent."""

    def __init__(self):
        self.sent = []

    async def send_bytes(self, data):
        facts, arrays = unpack(data)
        self.sent.append(facts | {"arrays": arrays})

    async def send_json(self, data):
        self.sent.append(json.loads(json.dumps(data)))


@pytest.fixture
def look():
    return Look(Page(), OwnRun("a run", bundle("lenet5")))


def tell(look, message):
    text = message if isinstance(message, str | bytes) else json.dumps(message)
    asyncio.run(look.handle(text))
    return look.page.sent[-1]


def image_message(kind, file, number=7):
    return bytes([kind]) + struct.pack("<I", number) + file


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_a_run_is_opened_and_shown_images(look, image):
    network = tell(look, {"type": "open"})
    assert network["name"] == "run"
    assert network["names"] == {"run": "a run"} | {n: row.label for n, row in READERS.items()}
    seen = tell(look, image_message(FILE, png(image)))
    assert seen["number"] == 7
    np.testing.assert_array_equal(seen["arrays"]["image"], look.lens.bundle.contract.row(image))
    drawn = tell(look, image_message(DRAWING, png(image)))
    assert drawn["probabilities"] == seen["probabilities"]
    assert tell(look, image_message(FRAMED, png(image)))["type"] == "seen"
    value = tell(look, {"type": "value", "layer": 0, "channel": 1, "row": 2, "column": 3})
    assert value["arrays"]["kernel"].shape == (1, 5, 5)
    assert tell(look, {"type": "example", "image": HELD_OUT - 1, "number": 9})["number"] == 9
    embedded = tell(look, {"type": "embedding"})
    assert embedded["arrays"]["places"].shape == (HELD_OUT, 2)
    assert set(embedded["arrays"]["targets"]) == set(range(10))


def test_digits_are_embedded_only_where_they_can_be_read():
    colored = Look(Page(), OwnRun("photos", bundle("convnet", channels=3, **NETWORKS["convnet"])))
    tell(colored, {"type": "open"})
    with pytest.raises(UsageError, match="other images"):
        tell(colored, {"type": "embedding"})


HOSTILE = [
    "{",
    '{"type": "shutdown"}',
    '{"type": "open", "name": "../../x"}',
    '{"type": "open", "name": 3}',
    '{"type": "example", "image": -1, "number": 1}',
    '{"type": "example", "image": 1e9, "number": 1}',
    '{"type": "example", "image": 1, "number": "x"}',
    '{"type": "validation", "image": 0, "number": 1}',
    '{"type": "pixel", "x": 0}',
    '{"type": "pixel", "x": 0, "y": 28}',
    '{"type": "value"}',
    '{"type": "value", "layer": 0, "channel": 0, "row": 0, "column": 1000000}',
    '{"type": "cam", "label": "2"}',
    b"",
    b"\x07",
    bytes([FILE]),
    bytes([FILE]) + b"\0\0\0\0",
    bytes([FILE]) + b"\0\0\0\0GIF89a",
    bytes([DRAWING]) + b"\0\0\0\0\x89PNG\r\n\x1a\n" + b"\0" * 100,
]


@pytest.mark.parametrize("message", HOSTILE, ids=lambda text: str(text)[:40])
def test_hostile_messages_about_images(look, message):
    tell(look, {"type": "open"})
    with pytest.raises(VitreousError) as error:
        tell(look, message)
    assert len(str(error.value)) < 600


def test_nothing_is_seen_before_a_network_is_open(look):
    for message in ({"type": "example", "image": 0, "number": 1}, image_message(FILE, b"x")):
        with pytest.raises(UsageError, match="open a network first"):
            tell(look, message)


def test_an_image_that_is_none_is_an_image_error():
    with pytest.raises(ImageError):
        framed(b"not an image", 1)
