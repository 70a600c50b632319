import pytest
import torch

from vitreous.blocks.drop import DropPath, drop_rates
from vitreous.errors import UsageError


def test_whole_images_are_dropped_and_the_mean_is_kept() -> None:
    torch.manual_seed(0)
    layer = DropPath(0.3).train()
    y = layer(torch.ones(20_000, 2, 1, 1))
    assert torch.equal(y[:, 0], y[:, 1])
    values = y.unique()
    torch.testing.assert_close(values, torch.tensor([0, 1 / 0.7]))
    assert y.mean().item() == pytest.approx(1, abs=0.01)


def test_nothing_is_dropped_in_evaluation() -> None:
    x = torch.rand(4, 3)
    assert torch.equal(DropPath(0.9).eval()(x), x)
    assert torch.equal(DropPath(0.0).train()(x), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_impossible_rates(rate: float) -> None:
    with pytest.raises(UsageError, match="drop rate"):
        DropPath(rate)


def test_rates_rise_with_depth() -> None:
    assert drop_rates(0.5, 6) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert drop_rates(0.2, 1) == [0.0]


def test_printed() -> None:
    assert repr(DropPath(0.25)) == "DropPath(p=0.25)"
