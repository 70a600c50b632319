"""Maximally activating patches: the best places of all images, cut to what a unit sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import ShapeError, UsageError
from vitreous.explain.activating_patches import Patch, activating_patches, cut, patch_plate
from vitreous.trace.measure.receptive import measure, support

SHAPE = (3, 20, 24)


@pytest.fixture
def model() -> nn.Sequential:
    """A unit of the last layer sees 8 × 8 pixels, every second one."""
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1),
    )
    return nn.Sequential(*layers).eval()


def images(count: int = 30) -> Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def test_they_are_the_best_of_all_however_they_are_divided(model: nn.Sequential) -> None:
    given = images()
    found = activating_patches(model, given.split(7), "3", units=(2, 4), each=5)
    with torch.no_grad():
        maps = model(given)
    for unit in (2, 4):
        peaks = maps[:, unit].flatten(1).amax(1)
        best = peaks.argsort(descending=True)[:5]
        assert [patch.image for patch in found[unit]] == best.tolist()
        for patch in found[unit]:
            value = maps[patch.image, unit, *patch.place]
            assert patch.value == pytest.approx(float(value), abs=1e-5)
            assert value == peaks[patch.image]


def test_a_patch_is_all_that_the_unit_sees(model: nn.Sequential) -> None:
    """What lies outside can be changed at will; and the gradient reaches its borders."""
    given = images(6)
    found = activating_patches(model, [given], "3", units=(1,), each=6)[1]
    for patch in found:
        top, left, bottom, right = patch.window
        other = torch.rand(SHAPE)
        other[:, top:bottom, left:right] = given[patch.image, :, top:bottom, left:right]
        with torch.no_grad():
            again = model(other[None])[0, 1, *patch.place]
        assert float(again) == pytest.approx(patch.value, abs=1e-5)
    seen = measure(model, "3", SHAPE, position=found[0].place, tries=20)
    assert support(seen) == found[0].window


def test_a_planted_spot_is_found_at_its_place() -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 3, bias=False))
    nn.init.constant_(model[0].weight, 1.0)
    given = torch.zeros(4, *SHAPE)
    given[2, :, 9:12, 5:8] = 1
    (best, *_) = activating_patches(model, given.split(1), "0")[0]
    assert (best.image, best.window) == (2, (9, 5, 12, 8))
    pictures = patch_plate({0: [best]}, "0", lambda n: given[n], str, 4).pictures
    assert pictures[0].pixels.shape == (3, 3, 3)
    assert (pictures[0].pixels == 255).all()


def test_what_lies_beyond_the_image_is_gray() -> None:
    image = torch.ones(1, 10, 10)
    corner = cut(image, (0, 0, 3, 4), 5)
    assert corner.shape == (5, 5, 1)
    assert (corner[2:, 1:] == 255).all()
    assert (corner[:2] == 128).all()
    assert (corner[:, :1] == 128).all()
    other = cut(image, (7, 8, 10, 10), 5)
    assert (other[:3, :2] == 255).all()
    assert (other == 255).sum() == 6


def test_only_the_best_are_kept(model: nn.Sequential) -> None:
    from vitreous.explain.activating_patches import _Best

    best = _Best(3)
    for _ in range(20):
        best.add(torch.rand(8, 5, 4, 4))
    assert best.count == 160
    assert best.values.shape == best.images.shape == (5, 3)
    assert np.isin(best.images.numpy(), range(160)).all()


def test_what_cannot_be_searched(model: nn.Sequential) -> None:
    with pytest.raises(UsageError, match="no images"):
        activating_patches(model, [], "3")
    with pytest.raises(UsageError, match="It has 5"):
        activating_patches(model, [images(2)], "3", units=(5,))
    with pytest.raises(ShapeError, match="has no map"):
        activating_patches(nn.Sequential(nn.Flatten(), nn.Linear(1440, 3)), [images(2)], "1")


def test_a_window_cut_by_an_edge_is_not_called_the_whole_image() -> None:
    """At the edge a unit with a field as large as the image sees a part of it, padded with gray."""
    given = torch.zeros(4, 1, 4, 4)
    at_the_edge, whole = Patch(0, (0, 0), (0, 0, 3, 4), 1.0), Patch(1, (1, 1), (0, 0, 4, 4), 1.0)
    cut_by_it, uncut = (
        patch_plate({0: found}, "0", lambda n: given[n], str, 4).says[0]
        for found in ([at_the_edge, whole], [whole])
    )
    assert "there: up to the whole image. Plain gray at an edge lies beyond" in cut_by_it
    assert "there: the whole image. Below" in uncut
