"""Entropies of letters and of their pairs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch.testing import assert_close

from vitreous.labs.bigram import bigram, conditional_entropy, counts, surprise, unigram

HAND = torch.tensor([0, 1, 0, 1, 1])  # 0 is followed by 1 twice, 1 by 0 and by 1 once each


@pytest.fixture
def text() -> torch.Tensor:
    """Numbers below 6, of which 5 never comes, and each is often near the one before it."""
    steps = torch.randint(0, 3, (400,), generator=torch.Generator().manual_seed(0))
    return steps.cumsum(0) % 5


def test_by_hand() -> None:
    assert counts(HAND, 2).tolist() == [[0, 2], [1, 1]]
    # After 0 there is no doubt, and half of the pairs begin with it; after 1 there is one bit.
    assert conditional_entropy(HAND, 2) == pytest.approx(0.5)
    assert_close(unigram(HAND, 2), torch.tensor([3, 4]).double() / 7)
    expected = [[(0 + 3 / 7) / 3, (2 + 4 / 7) / 3], [(1 + 6 / 7) / 4, (1 + 8 / 7) / 4]]
    assert_close(bigram(HAND, 2), torch.tensor(expected, dtype=torch.float64))
    assert surprise(unigram(HAND, 2), HAND) == pytest.approx(
        -np.log2([4, 3, 4, 4]).mean() + np.log2(7)
    )


def test_the_entropy_is_that_of_pairs_less_that_of_their_first(text: torch.Tensor) -> None:
    """The chain rule, with counts and entropies of numpy and scipy."""
    pairs = np.stack([text[:-1], text[1:]])
    of_pairs = entropy(np.unique(pairs, axis=1, return_counts=True)[1], base=2)
    of_first = entropy(np.unique(pairs[0], return_counts=True)[1], base=2)
    assert conditional_entropy(text, 6) == pytest.approx(of_pairs - of_first)


def test_no_bigram_model_has_less_than_the_entropy(text: torch.Tensor) -> None:
    bar = conditional_entropy(text, 6)
    own = counts(text, 6) / counts(text, 6).sum(1, keepdim=True)
    assert surprise(own, text) == pytest.approx(bar)
    assert surprise(bigram(text, 6), text) > bar
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        table = torch.rand(6, 6, generator=generator).double() + own.nan_to_num()
        assert surprise(table / table.sum(1, keepdim=True), text) > bar


def test_chances_sum_to_one_and_are_never_zero(text: torch.Tensor) -> None:
    chances = bigram(text, 6)
    assert_close(chances.sum(1), torch.ones(6, dtype=torch.float64))
    assert_close(unigram(text, 6).sum(), torch.tensor(1.0, dtype=torch.float64))
    assert chances.min() > 0
    assert_close(chances[5], unigram(text, 6))  # nothing is known of what follows 5


def test_bits_are_those_of_each_character(text: torch.Tensor) -> None:
    one, two = unigram(text, 6).numpy(), bigram(text, 6).numpy()
    letters = text.tolist()
    followed = list(pairwise(letters))
    assert surprise(torch.from_numpy(one), text) == pytest.approx(
        -np.mean([np.log2(one[b]) for _, b in followed])
    )
    assert surprise(torch.from_numpy(two), text) == pytest.approx(
        -np.mean([np.log2(two[a, b]) for a, b in followed])
    )
