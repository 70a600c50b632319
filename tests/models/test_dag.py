import pytest
import torch
from torch import nn

from vitreous.errors import ModelError, UsageError
from vitreous.models.dag import Add, Concatenate, Graph


@pytest.fixture
def fork() -> Graph:
    torch.manual_seed(0)
    return Graph(
        {
            "sum": (Add(), "left", "right", "input"),  # any order will do
            "left": (nn.Conv2d(4, 4, 3, padding=1), "input"),
            "right": (nn.Conv2d(4, 4, 1), "left"),
            "joined": (Concatenate(), "sum", "right"),
        }
    )


def test_forks_and_joins(fork: Graph) -> None:
    x = torch.rand(2, 4, 5, 5)
    left = fork.nodes["left"](x)
    right = fork.nodes["right"](left)
    torch.testing.assert_close(fork(x), torch.cat([left + right + x, right], 1))


def test_nodes_by_name(fork: Graph) -> None:
    maps = fork.features(torch.rand(2, 4, 5, 5))
    assert {*maps} == {"input", "left", "right", "sum", "joined"}
    assert maps["joined"].shape == (2, 8, 5, 5)


def test_gradient_passes_both_branches(fork: Graph) -> None:
    fork(torch.rand(2, 4, 5, 5)).sum().backward()
    assert all(p.grad is not None for p in fork.parameters())


def test_cycle() -> None:
    with pytest.raises(ModelError, match="form a cycle"):
        Graph({"a": (nn.ReLU(), "b"), "b": (nn.ReLU(), "a")})


def test_unknown_input() -> None:
    with pytest.raises(UsageError, match="unknown node 'stem1'") as error:
        Graph({"stem": (nn.ReLU(), "input"), "head": (nn.ReLU(), "stem1")})
    assert "stem" in str(error.value.remedy)
