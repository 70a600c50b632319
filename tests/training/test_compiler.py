"""A compiled network learns the same, keeps its names, and resumes to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.training import checkpoint
from vitreous.training.compiler import check_compiler, compiled, first_line
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer

# torch warns of its own past while it loads its compiler.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

LOSS = nn.CrossEntropyLoss(reduction="none")


@pytest.fixture
def compiler() -> None:
    try:
        check_compiler("cpu")
    except UsageError as error:
        pytest.skip(f"no compiler: {error.message}")


def small(seed: int, dropout: float = 0.0) -> nn.Module:
    """Without a convolution, it is compiled in a few seconds."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.Dropout(dropout), nn.Linear(4, 3))


def learn(model: nn.Module, data: list[Any], call: Any = None, method: Any = None, **rest: Any):
    method = method or optimizer("sgd", model)
    steps = [*fit(model, data, LOSS, method, lambda _: 1.0, call=call, **rest)]
    return method, [step.loss.item() for step in steps]


@pytest.mark.parametrize("name", ["small", pytest.param("net", marks=pytest.mark.slow)])
def test_it_learns_what_the_network_learns(net, batches, compiler: None, name: str) -> None:
    make, data = {"small": small, "net": net}[name], batches([8] * 6)
    plain, other = make(3, dropout=0.0), make(3, dropout=0.0)
    names = list(other.state_dict())
    _, expected = learn(plain, data)
    _, losses = learn(other, data, compiled(other))
    assert losses == pytest.approx(expected, rel=1e-4)
    assert list(other.state_dict()) == names
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    # What is evaluated is the network, which knows nothing of its compiled form.
    assert "call" not in vars(other)
    assert "forward" not in vars(other)


@pytest.mark.slow
def test_resumed_it_ends_in_the_same_bits(net, batches, tmp_path: Path, compiler: None) -> None:
    """With dropout, and with a step of another size first after a resume."""
    data = batches([8, 8, 5, 8, 8])
    whole = net(3)
    learn(whole, data, compiled(whole), optimizer("adamw", whole))

    first = net(3)
    method, _ = learn(first, data[:2], compiled(first), optimizer("adamw", first))
    checkpoint.save(tmp_path, checkpoint.gather(model=first, optimizer=method), 2)
    torch.compiler.reset()  # a process of its own
    again = net(9)
    method = optimizer("adamw", again)
    found = checkpoint.latest(tmp_path)
    assert found is not None
    checkpoint.restore(found.state, model=again, optimizer=method)
    learn(again, data[2:], compiled(again), method, first_step=2)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_a_machine_without_a_compiler_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config as settings

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing compiled before
    monkeypatch.setattr(settings.cpp, "cxx", (str(tmp_path / "g++"),))
    check_compiler.cache_clear()
    torch.compiler.reset()
    with pytest.raises(UsageError, match="cannot compile for cpu here") as caught:
        check_compiler("cpu")
    assert caught.value.where == "--compile"
    assert "C++ compiler" in str(caught.value.remedy)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Softmax(1))
    with pytest.raises(UsageError, match="cannot compile this network"):
        compiled(model)(torch.rand(2, 3))
    torch.compiler.reset()


class Talker(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return images


def test_a_network_that_cannot_be_compiled_as_a_whole_is_no_silent_exception() -> None:
    with pytest.raises(UsageError, match="cannot compile this network") as caught:
        compiled(Talker())(torch.ones(2))
    assert caught.value.where == "--compile"


def test_the_first_line_of_a_message() -> None:
    assert first_line(ValueError("\n  what\nwhere")) == "what"
    assert first_line(ValueError()) == "ValueError"
