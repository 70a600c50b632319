import pytest
import torch

from vitreous.blocks.normalize import Normalize
from vitreous.errors import UsageError


def test_formula() -> None:
    images = torch.rand(2, 3, 4, 5)
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    expected = torch.stack([(images[:, c] - mean[c]) / std[c] for c in range(3)], 1)
    torch.testing.assert_close(Normalize(3, mean, std)(images), expected)


@pytest.mark.parametrize(("channels", "mean"), [(1, 0.5), (3, 0.485), (6, 0.5)])
def test_usual_statistics(channels: int, mean: float) -> None:
    layer = Normalize(channels)
    assert layer.channels == channels
    assert layer.mean.flatten()[0].item() == pytest.approx(mean)


def test_state_dict_stays_that_of_the_published_network() -> None:
    assert Normalize(3).state_dict() == {}


def test_one_number_serves_all_channels() -> None:
    assert Normalize(4, 0.2, 0.3).std.flatten().tolist() == pytest.approx([0.3] * 4)


@pytest.mark.parametrize(
    ("mean", "std", "reason"),
    [([0.1, 0.2], 1.0, "2 numbers for 3 channels"), (0.5, 0.0, "cannot divide")],
)
def test_wrong_statistics(mean: list[float] | float, std: float, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Normalize(3, mean, std)


def test_printed() -> None:
    assert "mean=(0.5)" in repr(Normalize(1))
    assert "channels=3" in repr(Normalize(3).to("meta"))
