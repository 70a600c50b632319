import pytest
import torch
from torch.nn import functional as F

from vitreous.blocks.bilinear import BilinearUp
from vitreous.errors import UsageError


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (3, 5)])
def test_it_begins_as_bilinear_interpolation(factor: int, size: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    up = BilinearUp(3, factor).double()
    expected = F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(maps), expected, rtol=1e-6, atol=1e-6)


def test_it_learns_and_channels_do_not_mix() -> None:
    up = BilinearUp(2, 4)
    maps = torch.randn(1, 2, 4, 4, requires_grad=True)
    up(maps)[:, 0].square().sum().backward()
    assert up.weight.grad is not None
    assert up.weight.grad[0].abs().min() > 0
    assert not up.weight.grad[1].any()
    assert maps.grad is not None
    assert not maps.grad[:, 1].any()


def test_a_factor_that_enlarges_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="enlarged 1 times"):
        BilinearUp(2, 1)
