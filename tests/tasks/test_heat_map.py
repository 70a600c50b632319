"""Heat maps: a point to a fraction of a place, wherever it lies."""

from __future__ import annotations

import pytest
import torch

from vitreous.tasks.heat_map import expected, heat, peaks, stride_for, to_pixels, to_places

SHAPE = (11, 17)
EVERYWHERE = torch.tensor([[0.0, 0], [16, 10], [16.5, -0.5], [3.25, 4.75], [8.5, 5], [7.1, 0.4]])


def test_a_gaussian_sums_to_one_wherever_it_is_cut() -> None:
    maps = heat(EVERYWHERE[None].double(), torch.ones(1, 6).bool(), SHAPE)
    torch.testing.assert_close(maps.sum((2, 3)), torch.ones(1, 6).double())
    hidden = heat(EVERYWHERE[None], torch.zeros(1, 6).bool(), SHAPE)
    assert not hidden.any()


def test_it_has_the_shape_of_a_gaussian() -> None:
    """Two places from the middle, along x with a spread of 2 and along y with one of 1."""
    spread = torch.tensor([[[2.0, 1.0]]]).double()
    (here,) = heat(torch.tensor([[[8.0, 5.0]]]).double(), torch.ones(1, 1).bool(), SHAPE, spread)
    ratio = here[0] / here[0, 5, 8]
    expected_ratio = torch.tensor([-0.5, -2.0]).double().exp()
    torch.testing.assert_close(torch.stack([ratio[5, 10], ratio[7, 8]]), expected_ratio)


@pytest.mark.parametrize("spread", [0.7, 1.0, 2.5])
def test_the_top_of_a_gaussian_is_found_exactly(spread: float) -> None:
    seen = torch.ones(1, 6).bool()
    maps = heat(EVERYWHERE[None].double(), seen, SHAPE, spread).clamp_min(1e-250).log()
    places, sure = peaks(3 + maps)  # logits are known up to a constant
    torch.testing.assert_close(places[0], EVERYWHERE.double(), rtol=0, atol=1e-9)
    assert (sure > 0.3).all()
    assert (sure <= 1).all()


def test_how_sure_it_is_is_the_heat_nearby() -> None:
    logits = torch.full((1, 2, 9, 9), -1e9)
    logits[0, 0, 4, 4] = 0
    logits[0, 1, 1, 1], logits[0, 1, 7, 7] = 1.0, 0.0
    _, sure = peaks(logits)
    torch.testing.assert_close(sure[0], torch.tensor([1, torch.tensor(1.0).sigmoid()]).double())


def test_a_flat_map_and_one_of_few_places_have_an_answer_within() -> None:
    for shape in ((5, 6), (1, 1), (2, 1), (1, 9), (3, 2)):
        for maps in (torch.zeros(1, 1, *shape), torch.randn(1, 1, *shape) * 50):
            places, sure = peaks(maps)
            limits = torch.tensor([shape[1], shape[0]]) - 0.5
            assert ((places >= -0.5) & (places <= limits)).all()
            assert ((sure >= 0) & (sure <= 1)).all()


def test_the_mean_place_of_a_gaussian_within_is_its_middle() -> None:
    middles = torch.tensor([[[8.3, 5.2]]]).double()
    maps = heat(middles, torch.ones(1, 1).bool(), SHAPE).log().requires_grad_()
    found = expected(maps)
    torch.testing.assert_close(found, middles, rtol=0, atol=1e-5)
    assert torch.autograd.gradcheck(expected, (torch.randn(1, 2, 3, 4).double().requires_grad_(),))


def test_a_place_lies_in_the_middle_of_its_pixels() -> None:
    pixels = torch.tensor([[1.5, 5.5], [0.0, 3.0]])
    torch.testing.assert_close(to_places(pixels, 4), torch.tensor([[0, 1], [-0.375, 0.375]]))
    torch.testing.assert_close(to_pixels(to_places(pixels, 4), 4), pixels)


def test_large_windows_have_coarse_maps() -> None:
    assert [stride_for(side, side) for side in (20, 64, 65, 128, 129, 256, 512)] == [
        *(1, 1, 2, 2, 4, 4, 4)
    ]
    assert stride_for(60, 200) == 4
