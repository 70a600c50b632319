"""Dropout: p is the share that is dropped, as in torch; some texts let p be the share kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("dropped", [0.2, 0.5])
def test_p_is_the_share_dropped(dropped: float) -> None:
    torch.manual_seed(0)
    outputs = nn.Dropout(dropped)(torch.ones(200_000))
    assert (outputs == 0).float().mean().item() == pytest.approx(dropped, abs=0.005)
    torch.testing.assert_close(outputs.max(), torch.tensor(1 / (1 - dropped)))


@pytest.mark.parametrize("dropped", [0.2, 0.5])
def test_the_mean_of_training_is_the_output_of_evaluation(dropped: float) -> None:
    """Scaling by 1 / (1 - p) while training makes up for the units left out: within 1 %."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Dropout(dropped), nn.Linear(64, 5)).double()
    x = torch.rand(64, dtype=torch.float64) + 0.5
    with torch.no_grad():
        nn.init.uniform_(net[1].weight, 0.5, 1.5)
        mean = net.train()(x.expand(20_000, 64)).mean(0)
        torch.testing.assert_close(mean, net.eval()(x), rtol=0.01, atol=0)


def test_both_conventions_are_one() -> None:
    """Units kept with probability k and weights multiplied by k at test time: the same network,
    with weights 1 / k as large, as units dropped with 1 - k and scaled by 1 / k in training.
    """
    kept = 0.8
    torch.manual_seed(0)
    x, weight = torch.rand(1000, 16).double(), torch.randn(16, 3).double()
    mask = (torch.rand(1000, 16) < kept).double()
    by_keeping_train, by_keeping_test = (x * mask) @ weight, x @ (kept * weight)
    by_dropping_train, by_dropping_test = (x * mask / kept) @ (kept * weight), x @ (kept * weight)
    torch.testing.assert_close(by_keeping_train, by_dropping_train)
    torch.testing.assert_close(by_keeping_test, by_dropping_test)
