from __future__ import annotations

import numpy as np

from vitreous.data.batches.sampler import draw

TARGETS = np.repeat([0, 1, 3], [900, 90, 10])


def test_draws_are_even_over_classes_and_over_members():
    counts = np.zeros(1000)
    for epoch in range(30):
        positions = draw(TARGETS, 0, epoch)
        assert positions.shape == (1000,)
        counts += np.bincount(positions, minlength=1000)
    by_class = np.bincount(TARGETS, counts)
    np.testing.assert_allclose(by_class[[0, 1, 3]] / 30_000, 1 / 3, atol=0.015)
    assert counts[900:990].std() < 2 * np.sqrt(counts[900:990].mean())
    np.testing.assert_allclose(counts[990:], 1000, rtol=0.15)


def test_draws_do_not_depend_on_the_order_of_classes_but_on_seed_and_epoch():
    np.testing.assert_array_equal(draw(TARGETS, 0, 0), draw(TARGETS, 0, 0))
    assert np.any(draw(TARGETS, 0, 0) != draw(TARGETS, 0, 1))
    assert np.any(draw(TARGETS, 0, 0) != draw(TARGETS, 1, 0))
    reverse = TARGETS[::-1]
    chosen = draw(reverse, 0, 0)
    assert np.bincount(reverse[chosen])[3] > 250
