from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vitreous.data.batches.counter_random import Stream, permutation, scramble, uniforms


def test_splitmix64_gives_the_published_sequence():
    # The first outputs for the seed 1234567, as in the reference implementation's test vectors.
    states = np.uint64([1234567]) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, 6, dtype=np.uint64)
    assert scramble(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_number_depends_on_its_key_alone():
    ids = np.arange(100)
    whole = uniforms(3, 1, ids, 7)
    assert whole.shape == (100, 7)
    shuffled = permutation(0, 0, 100)
    np.testing.assert_array_equal(uniforms(3, 1, ids[shuffled], 7), whole[shuffled])
    np.testing.assert_array_equal(uniforms(3, 1, ids[40:41], 3), whole[40:41, :3])


def test_seed_epoch_id_and_stream_all_matter():
    ids = np.arange(1000)
    base = uniforms(0, 0, ids, 2)
    others = [
        uniforms(1, 0, ids, 2),
        uniforms(0, 1, ids, 2),
        uniforms(0, 0, ids + 1000, 2),
        uniforms(0, 0, ids, 2, Stream.MIX),
    ]
    for other in others:
        assert np.all(base != other)
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_numbers_are_uniform(seed):
    numbers = uniforms(seed, 5, np.arange(20_000), 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_numbers_are_independent():
    """Neighbors in id, epoch, number and seed fill the unit square evenly (chi squared)."""
    count = 50_000
    ids = np.arange(count)
    here = uniforms(0, 0, ids, 2)
    pairs = [
        (here[:, 0], here[:, 1]),
        (here[:-1, 0], here[1:, 0]),
        (here[:, 0], uniforms(0, 1, ids, 1)[:, 0]),
        (here[:, 0], uniforms(1, 0, ids, 1)[:, 0]),
    ]
    for x, y in pairs:
        counts, _, _ = np.histogram2d(x, y, bins=16, range=[[0, 1], [0, 1]])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-4


def test_permutation_holds_every_number_once_and_changes_by_epoch():
    first, second = permutation(0, 0, 1000), permutation(0, 1, 1000)
    np.testing.assert_array_equal(np.sort(first), np.arange(1000))
    assert np.mean(first == second) < 0.02
    np.testing.assert_array_equal(first, permutation(0, 0, 1000))
    assert permutation(0, 0, 0).shape == (0,)


def test_permutation_is_fair():
    """Each of the 24 orders of four things comes equally often."""
    ranks = np.array([4**3, 4**2, 4, 1])
    codes = [int(permutation(0, epoch, 4) @ ranks) for epoch in range(4800)]
    _, counts = np.unique(codes, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4
