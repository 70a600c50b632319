from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vitreous.errors import ShapeError
from vitreous.losses import border_cross_entropy, border_weights, cross_entropy

IGNORED = 255


def by_hand(mask, cells, strength=10.0, width=5.0):
    """Pixel by pixel: the distances to all pixels of every cell.

    cells  masks (H, W), one a cell
    """
    places = [np.argwhere(cell) for cell in cells]
    weights = np.ones(mask.shape)
    for y, x in np.argwhere(mask == 0):
        away = sorted(np.hypot(*(own - (y, x)).T).min() for own in places)
        if len(away) > 1:
            weights[y, x] += strength * np.exp(-((away[0] + away[1]) ** 2) / (2 * width**2))
    return weights


def test_the_formula():
    mask = np.zeros((40, 50), np.int64)
    cells = [np.zeros(mask.shape, bool) for _ in range(4)]
    cells[0][4:20, 5:20] = True
    cells[1][4:20, 23:40] = True
    cells[2][24:36, 8:30] = True
    cells[3][30:33, 45:48] = True
    for number, cell in zip((1, 1, 1, 2), cells, strict=True):
        mask[cell] = number
    for strength, width in ((10, 5), (3, 2)):
        found = border_weights(mask, strength=strength, width=width)
        # Distances beyond the reach are not looked at: there the weight is 1 to 1e-6.
        np.testing.assert_allclose(found, by_hand(mask, cells, strength, width), atol=1e-5)
    assert border_weights(mask).max() == pytest.approx(1 + 10 * np.exp(-16 / 50), abs=1e-5)


def test_one_cell_has_no_neighbor():
    mask = np.zeros((20, 20), np.int64)
    mask[5:9, 5:9] = 1
    assert (border_weights(mask) == 1).all()
    assert (border_weights(np.zeros((20, 20), np.int64)) == 1).all()
    mask[5:9, 12:16] = IGNORED  # no cell, where it is ignored
    assert (border_weights(mask, ignore=IGNORED) == 1).all()
    assert border_weights(mask).max() > 5


def test_the_loss_is_the_weighted_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 24, 24, generator=generator, dtype=torch.float64)
    masks = (torch.rand(2, 24, 24, generator=generator) < 0.3).long()
    masks[0, :4] = IGNORED
    factors = torch.tensor([1.0, 2.0, 3.0]).double()
    each = F.cross_entropy(logits, masks, ignore_index=IGNORED, reduction="none")
    found = border_cross_entropy(logits, masks, ignore=IGNORED, weights=factors, reduction="none")
    for index in range(2):
        counted = masks[index] != IGNORED
        borders = torch.from_numpy(border_weights(masks[index].numpy(), ignore=IGNORED))
        each_class = factors[masks[index].where(counted, 0)]
        expected = (each[index] * borders * each_class)[counted].mean()
        torch.testing.assert_close(found[index], expected, check_dtype=False, rtol=1e-6, atol=1e-6)
    options = {"ignore": IGNORED, "reduction": "none", "smoothing": 0.2, "weights": factors}
    flat = torch.full((2, 24, 24), 1)  # without background nothing is a border
    torch.testing.assert_close(
        border_cross_entropy(logits, flat, **options), cross_entropy(logits, flat, **options)
    )
    mean = border_cross_entropy(logits, masks, ignore=IGNORED, weights=factors)
    torch.testing.assert_close(mean, found.mean())
    assert (
        border_cross_entropy(logits, torch.full_like(masks, IGNORED), ignore=IGNORED) == 0
    ).all()


def test_whole_images_have_no_borders():
    with pytest.raises(ShapeError, match="have no borders"):
        border_cross_entropy(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))


def test_a_slice_of_many_cells_takes_a_moment():
    mask = np.zeros((512, 512), np.int64)
    for y in range(0, 512, 32):
        for x in range(0, 512, 32):
            mask[y + 2 : y + 30, x + 2 : x + 30] = 1
    began = time.process_time()
    weights = border_weights(mask)
    assert time.process_time() - began < 2
    assert weights[16, 31] == pytest.approx(1 + 10 * np.exp(-25 / 50), rel=1e-5)
