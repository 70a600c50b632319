"""Tiles with overlap: the answers of one pass, in the memory of one tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import UsageError
from vitreous.inference.predictor import Predictor
from vitreous.inference.tiles import Tiling, spans
from vitreous.tasks.classify import Classify
from vitreous.tasks.segment import Segment

CLASSES = ("sky", "road", "car")


def network(**arguments: object) -> nn.Module:
    torch.manual_seed(0)
    model = vt.create(
        "unet_small", num_classes=3, in_channels=3, width=4, mean=0.4, std=0.2, **arguments
    )
    for layer in model.modules():  # statistics that a trained network could have
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
    return model.eval()


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def whole(model: nn.Module, image: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)


def pieced(model: nn.Module, tiling: Tiling, image: np.ndarray) -> torch.Tensor:
    outputs = torch.full((1, 3, *image.shape[:2]), torch.nan)
    for tile, crop in tiling.tiles(image):
        with torch.inference_mode():
            there = outputs[:, :, crop.image[0], crop.image[1]]
            assert torch.isnan(there).all()  # no pixel is answered twice
            there[:] = crop(model(tile))
    assert not torch.isnan(outputs).any()
    return outputs


@pytest.mark.parametrize("length", [8, 64, 72, 200, 1000])
@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize("margin", [0, 8, 24])
def test_cores_cover_an_axis_once_and_lie_a_margin_within_their_tiles(
    length: int, side: int, margin: int
) -> None:
    found = spans(length, side, margin)
    assert [span.low for span in found] == [0, *(span.high for span in found[:-1])]
    assert found[-1].high == length
    for span in found:
        assert 0 <= span.start <= span.low < span.high <= span.stop <= length
        assert span.stop - span.start == min(side, length)
        assert span.low - span.start >= margin or span.start == 0
        assert span.stop - span.high >= margin or span.stop == length
        assert span.start % 8 == 0


@pytest.mark.parametrize("size", [(200, 333), (256, 256), (131, 250), (90, 400)])
def test_tiles_answer_as_one_pass_where_the_margin_is_the_receptive_field(
    size: tuple[int, int],
) -> None:
    model, image = network(), pixels(*size)
    tiling = Tiling.of(model, 3, side=160)
    assert tiling.margin == 56  # 51 pixels, on a grid of 8
    assert len([*tiling.tiles(image)]) > 1
    torch.testing.assert_close(
        pieced(model, tiling, image), whole(model, image), rtol=1e-5, atol=1e-5
    )


def test_a_margin_below_the_receptive_field_or_off_the_grid_changes_answers() -> None:
    """The test above can fail."""
    model, image = network(), pixels(200, 333)
    tiling = Tiling.of(model, 3, side=160)
    for changes in ({"margin": 8}, {"color": (0.0, 0.0, 0.0)}, {"grid": 2, "margin": 54}):
        other = Tiling(**{**vars(tiling), **changes})
        found = pieced(model, other, image)
        assert (found - whole(model, image)).abs().max() > 1e-3


def test_a_network_that_sees_everything_gets_the_largest_margin() -> None:
    model = vt.create("unet_efficientnet_lite0", num_classes=3)
    tiling = Tiling.of(model.eval(), 3)
    assert (tiling.grid, tiling.margin) == (32, 128)


def test_margins_without_a_core_are_refused() -> None:
    with pytest.raises(UsageError, match="no core"):
        spans(1000, 64, 32)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    contract = PixelContract(height=64, width=64, channels=3, fit="pad", exact=True)
    return Predictor(model=network(), task=Segment(classes=CLASSES), contract=contract)


def test_predicting_at_scale_1_answers_for_each_pixel_as_it_is(predictor: Predictor) -> None:
    image = pixels(700, 650)
    labels = predictor.predict(image, scale=1.0).labels
    outputs = whole(predictor.model, image)
    first, second = outputs[0].topk(2, dim=0).values
    sure = (first - second > 1e-4).numpy()
    assert sure.mean() > 0.95
    np.testing.assert_array_equal(labels[sure], outputs[0].argmax(0).numpy()[sure])


def test_predicting_at_half_the_scale_answers_in_the_images_own_pixels(
    predictor: Predictor,
) -> None:
    image = np.repeat(np.repeat(pixels(60, 70), 2, 0), 2, 1)  # blocks, which halving gives back
    labels = predictor.predict([image, image], scale=0.5)[1].labels
    assert labels.shape == (120, 140)
    small = predictor.predict(image[::2, ::2], scale=1.0).labels
    assert (labels == np.repeat(np.repeat(small, 2, 0), 2, 1)).mean() > 0.99


@pytest.mark.parametrize("scale", [0.0, -1.0, 17.0])
def test_a_scale_that_is_none_is_refused(predictor: Predictor, scale: float) -> None:
    with pytest.raises(UsageError, match="out of range"):
        predictor.predict(pixels(10, 10), scale=scale)


def test_answers_about_the_whole_image_are_not_put_together() -> None:
    classifier = Predictor(
        model=vt.create("lenet5", num_classes=3, in_channels=3, size=32),
        task=Classify(classes=CLASSES),
        contract=PixelContract(height=32, width=32, channels=3),
    )
    with pytest.raises(UsageError, match="not put together"):
        classifier.predict(pixels(40, 40), scale=1.0)
