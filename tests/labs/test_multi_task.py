"""The share of a loss is chosen by a score: the loss itself prefers to learn one thing."""

from __future__ import annotations

import pytest

from vitreous.labs.multi_task import best, blocks, sweep


@pytest.mark.slow
def test_the_score_chooses_another_share_than_the_loss() -> None:
    trials = [*sweep(blocks())]
    least = min(trials, key=lambda trial: trial.scores.loss)
    chosen = best(trials)
    assert least.alpha == 1  # the class is the easier of the two
    assert 0 < chosen.alpha < 1
    assert chosen.scores.accuracy > 0.8
    assert least.scores.accuracy < 0.5


def test_each_share_is_what_is_trained_with() -> None:
    """0 learns no class, 1 no place; after an epoch the loss of 1 is that of the class alone."""
    none, all_ = sweep(blocks(60), (0.0, 1.0), epochs=1)
    assert (none.alpha, all_.alpha) == (0, 1)
    assert all_.scores.loss < none.scores.loss
