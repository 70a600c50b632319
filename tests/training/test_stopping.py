from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from vitreous.training.stopping import EarlyStopping


def train(scores: list[float], patience: int | None) -> tuple[EarlyStopping, nn.Linear]:
    """A model whose weight is the number of its epoch, from 1."""
    model, stopping = nn.Linear(1, 1), EarlyStopping(patience)
    for epoch, score in enumerate(scores, 1):
        nn.init.constant_(model.weight, epoch)
        if stopping.observe(score, model):
            break
    return stopping, model


@pytest.mark.parametrize(
    ("scores", "best", "epochs"),
    [
        ([0.1, 0.2, 0.3], 3, 3),  # the last
        ([0.1, 0.3, 0.2, 0.2, 0.9], 2, 4),  # in the middle, and never the one after patience
        ([0.3, 0.2, 0.1, 0.4], 1, 3),  # the first
        ([0.3, 0.3, 0.3, 0.3], 1, 3),  # ties: the earliest
        ([math.nan, 0.1, math.nan, math.nan], 2, 4),  # what is no number is never the best
        ([-math.inf, -2.0, -1.0], 3, 3),
    ],
)
def test_the_live_model_becomes_the_best(scores: list[float], best: int, epochs: int) -> None:
    stopping, model = train(scores, patience=2)
    stopping.restore(model)
    assert (model.weight.item(), stopping.best_epoch, stopping.epochs) == (best, best, epochs)


def test_without_patience_it_never_stops_but_keeps_the_best() -> None:
    stopping, model = train([0.5, *[0.1] * 50], patience=None)
    stopping.restore(model)
    assert (stopping.epochs, model.weight.item()) == (51, 1)


def test_an_interruption_leaves_the_best_at_hand() -> None:
    model, stopping = nn.Linear(1, 1), EarlyStopping(5)
    with pytest.raises(KeyboardInterrupt):
        for epoch, score in enumerate([0.1, 0.4, 0.3]):
            nn.init.constant_(model.weight, epoch)
            stopping.observe(score, model)
            if epoch == 2:
                raise KeyboardInterrupt
    stopping.restore(model)
    assert model.weight.item() == 1


def test_nothing_seen_changes_nothing() -> None:
    model = nn.Linear(1, 1)
    weight = model.weight.item()
    EarlyStopping(3).restore(model)
    assert model.weight.item() == weight


def test_the_best_is_a_copy() -> None:
    model, stopping = nn.Linear(1, 1), EarlyStopping(3)
    nn.init.constant_(model.weight, 7)
    stopping.observe(0.5, model)
    nn.init.constant_(model.weight, 8)
    assert stopping.weights["weight"].item() == 7


def test_patience_survives_a_resume() -> None:
    stopping, model = train([0.3, 0.2], patience=2)
    again = EarlyStopping(2)
    again.load_state_dict(stopping.state_dict())
    assert again.observe(0.1, model)
    again.restore(model)
    assert model.weight.item() == 1


def test_a_gain_below_the_least_is_none() -> None:
    model, stopping = nn.Linear(1, 1), EarlyStopping(3, least=0.01)
    stopping.observe(0.5, model)
    assert stopping.improved
    stopping.observe(0.505, model)
    assert not stopping.improved
    stopping.observe(0.52, model)
    assert stopping.improved
    assert torch.equal(stopping.weights["weight"], model.weight)


@pytest.mark.parametrize("name", ["looks", "best_look", "best_score"])
def test_a_state_that_is_none_is_refused(name: str) -> None:
    stopping = EarlyStopping()
    with pytest.raises(ValueError, match=name):
        stopping.load_state_dict({**stopping.state_dict(), name: "3"})
