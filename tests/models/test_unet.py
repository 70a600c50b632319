from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.errors import ModelError, UsageError
from vitreous.models import convolutionalize, create, fold, freeze, with_classes
from vitreous.models.network import Output
from vitreous.models.unet import UNet
from vitreous.trace import measure, receptive_fields
from vitreous.trace.measure.receptive import support


@pytest.mark.parametrize("depth", [3, 4])
def test_every_height_and_width(depth: int) -> None:
    """An answer for each pixel, whatever the map is divided by inside."""
    model = create("unet", num_classes=3, in_channels=2, width=1, depth=depth).eval()
    with torch.inference_mode():
        for height in range(33, 66):
            for width in range(33, 66):
                assert model(torch.zeros(1, 2, height, width)).shape == (1, 3, height, width)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 7), (40, 41), (33, 64)])
def test_padding_is_the_mean_color_around_the_image(height: int, width: int) -> None:
    """What the network makes of a padded image is what it makes of the image, at its place."""
    torch.manual_seed(0)
    model = create("unet_small", num_classes=3, mean=0.3).double().eval()
    images = torch.rand(2, 3, height, width).double()
    tall, wide = -(-height // 8) * 8, -(-width // 8) * 8
    top, left = (tall - height) // 2, (wide - width) // 2
    padded = torch.full((2, 3, tall, wide), 0.3).double()
    padded[:, :, top : top + height, left : left + width] = images
    with torch.no_grad():
        expected = model(padded)[:, :, top : top + height, left : left + width]
        torch.testing.assert_close(model(images), expected)


def test_translation_by_a_whole_cell_moves_the_answer() -> None:
    """Away from the border, which is padded."""
    torch.manual_seed(0)
    model = create("unet", num_classes=2, in_channels=1, width=2, depth=2).double().eval()
    images = torch.rand(1, 1, 96, 96).double()
    with torch.no_grad():
        there, here = model(images)[:, :, 4:, 8:], model(images[:, :, 4:, 8:])
    inner = (..., slice(40, -40), slice(40, -40))
    torch.testing.assert_close(here[inner], there[inner])


@pytest.mark.parametrize("name", ["unet_small", "unet_efficientnet_lite0"])
@pytest.mark.parametrize("stride", [2, 4])
def test_an_answer_for_each_square_of_some_pixels(name: str, stride: int) -> None:
    """Of whatever size the image is; and what pads it comes after it."""
    torch.manual_seed(0)
    model = create(name, num_classes=3, stride=stride, mean=0.3).double().eval()
    output = Output("map", 3, stride)
    with torch.no_grad():
        for height, width in [(33, 64), (34, 63), (35, 49), (40, 1), (64, 32)]:
            images = torch.rand(1, 3, height, width).double()
            found = model(images)
            assert output.fits(found, images)
            padded = torch.full((1, 3, 64, 64), 0.3).double()
            padded[:, :, :height, :width] = images
            expected = model(padded)[:, :, : -(-height // stride), : -(-width // stride)]
            if name == "unet_efficientnet_lite0" and height > 32 and width > 32:
                torch.testing.assert_close(found, expected)


def test_places_of_a_coarse_answer_lie_where_they_are_said_to() -> None:
    """A place looks at the pixels of its square, and as far to all sides of them."""
    torch.manual_seed(0)
    model = create("unet_small", num_classes=1, stride=4).eval()
    seen = support(measure(model, "head", (3, 102, 101), position=(12, 11)))
    middles = (seen[0] + seen[2]) / 2, (seen[1] + seen[3]) / 2
    assert abs(middles[0] - 4 * 12.5) <= 2
    assert abs(middles[1] - 4 * 11.5) <= 2


@pytest.mark.parametrize("name", ["unet_small", "unet_efficientnet_lite0"])
@pytest.mark.parametrize("stride", [0, 3, 32])
def test_a_stride_that_no_step_up_leads_to_is_refused(name: str, stride: int) -> None:
    with pytest.raises(UsageError, match=f"for each {stride}×{stride} pixels") as caught:
        create(name, num_classes=2, stride=stride)
    assert "1, 2, 4" in str(caught.value.remedy)


def test_what_the_way_down_saw_joins_the_way_up() -> None:
    """Without the way through the bottleneck, the answer still depends on near pixels."""
    torch.manual_seed(0)
    model = create("unet_small", num_classes=2).eval()
    nn.init.zeros_(model.get_submodule("decoder1.up").weight)  # type: ignore[arg-type]
    seen = support(measure(model, "head", (3, 32, 32), position=(16, 16)))
    assert seen == (12, 12, 21, 21)  # two 3×3 convolutions down and two up


def test_what_a_pixel_sees_at_a_size_that_needs_padding() -> None:
    torch.manual_seed(0)
    model = create("unet_small", num_classes=2, depth=1).eval()
    field = receptive_fields(model, (3, 37, 45))["head"]
    for position in [(18, 22), (19, 23)]:
        seen = support(measure(model, "head", (3, 37, 45), position=position))
        assert (seen[2] - seen[0], seen[3] - seen[1]) == (18, 18)
    for position in [(0, 0), (18, 22), (19, 23), (36, 44)]:
        seen = support(measure(model, "head", (3, 37, 45), position=position))
        window = field.window(*position, 37, 45)
        assert all(outer <= inner for outer, inner in zip(window[:2], seen[:2], strict=True))
        assert all(inner <= outer for outer, inner in zip(window[2:], seen[2:], strict=True))


def test_depth_and_width() -> None:
    model = create("unet", width=3, depth=2, num_classes=4, in_channels=2, batch_norm=True)
    shapes = {name: tuple(x.shape[1:]) for name, x in model.run(torch.rand(2, 2, 18, 20)).items()}
    assert shapes == {
        "encoder1": (3, 20, 20),
        "encoder2": (6, 10, 10),
        "bottleneck": (12, 5, 5),
        "decoder2": (6, 10, 10),
        "decoder1": (3, 20, 20),
        "head": (4, 18, 20),
    }
    with pytest.raises(UsageError, match="0 halvings"):
        create("unet", depth=0)


def test_signals_keep_their_size_without_batch_norm() -> None:
    """From the first map to the last, within a factor of three: pooling prefers large values."""
    torch.manual_seed(0)
    model = create("unet", num_classes=2, width=32, depth=3)
    images = model.normalize.mean + model.normalize.std * torch.randn(2, 1, 64, 64)
    sizes = [x.square().mean().sqrt().item() for x in model.run(images).values()]
    assert all(1 / 3 < size / sizes[0] < 3 for size in sizes)


def test_the_printed_network_shows_the_way() -> None:
    lines = repr(create("unet", depth=2)).splitlines()
    assert lines[1].strip() == (
        "normalize → encoder1 → encoder2 → bottleneck → decoder2 → decoder1 → head"
    )
    assert lines[2].strip() == "encoder1 → decoder1; encoder2 → decoder2"


def test_surgery() -> None:
    torch.manual_seed(0)
    model = create("unet_small", num_classes=3).eval()
    assert isinstance(model, UNet)
    images = torch.rand(2, 3, 20, 20)
    folded = fold(model, images)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert "5 classes in place of 3" in with_classes(model, 5)
    assert Output("map", 5).fits(model(images), images)
    frozen = freeze(model, "bottleneck")
    assert frozen == ("normalize", "encoder1", "encoder2", "encoder3", "bottleneck")


def test_it_does_not_slide() -> None:
    with pytest.raises(ModelError, match="no chain of stages"):
        convolutionalize(create("unet_small"))


def test_it_learns_where_something_is() -> None:
    """Squares on noise, from a few steps: most pixels right, and most of the squares found."""
    torch.manual_seed(0)
    model = create("unet_small", num_classes=2, in_channels=1, width=4)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)

    def scenes() -> tuple[torch.Tensor, torch.Tensor]:
        masks = torch.zeros(8, 24, 24, dtype=torch.int64)
        for mask, (row, column) in zip(masks, torch.randint(0, 16, (8, 2)).tolist(), strict=True):
            mask[row : row + 8, column : column + 8] = 1
        return (torch.rand(8, 24, 24) * 0.6 + 0.4 * masks)[:, None], masks

    for _ in range(40):
        images, masks = scenes()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), masks).backward()
        optimizer.step()
    images, masks = scenes()
    found = model.eval()(images).argmax(1)
    overlap = ((found == 1) & (masks == 1)).sum() / ((found == 1) | (masks == 1)).sum()
    assert overlap > 0.8
