import pytest
import torch

from vitreous.blocks.pool import GlobalAveragePool, GlobalMaxPool, global_pool
from vitreous.errors import UsageError


def test_no_parameters() -> None:
    assert [*GlobalAveragePool().parameters(), *GlobalMaxPool().parameters()] == []


def test_average_is_a_fixed_block_diagonal_matrix() -> None:
    maps = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    matrix = torch.block_diag(*[torch.full((1, 12), 1 / 12, dtype=torch.float64)] * 5)
    torch.testing.assert_close(GlobalAveragePool()(maps), maps.flatten(1) @ matrix.T)


@pytest.mark.parametrize("name", ["average", "max"])
def test_any_size_and_any_place(name: str) -> None:
    pool = global_pool(name)
    for size in (1, 7, 20):
        maps = torch.rand(2, 3, size, size + 2)
        shifted = maps.roll((3, 5), (2, 3))
        torch.testing.assert_close(pool(maps), pool(shifted))
        assert pool(maps).shape == (2, 3)


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="unknown pooling"):
        global_pool("median")
