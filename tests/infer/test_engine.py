"""An engine answers as its network does, or not at all."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vitreous.infer import engine as engines
from vitreous.infer.engine import Engine
from vitreous.infer.runtimes import RUNTIMES, Runtime
from vitreous.models import backbone_and_head, create

SHAPE = (3, 32, 32)


def trained(name: str) -> nn.Module:
    """A network whose batch norms do something."""
    torch.manual_seed(0)
    network = create(name, num_classes=5, size=32) if "vit" in name else create(name, num_classes=5)
    network.train()(torch.rand(8, *SHAPE))
    return network.eval()


def images(count: int) -> torch.Tensor:
    made = torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1))
    return made.to(memory_format=torch.channels_last)


def outputs(network: nn.Module, given: torch.Tensor, features: bool = False) -> torch.Tensor:
    with torch.no_grad():
        return (backbone_and_head(network)[0] if features else network)(given)


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("name", ["resnet20", "vit_nano4"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_gives_what_the_network_gives(
    runtime: str, name: str, features: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitreous.infer.runtimes.has_bfloat16", lambda: False)
    network = trained(name)
    engine = Engine(runtime, network, SHAPE, features=features)
    for count in (1, 3):  # of another length than the first
        found = engine(network, images(count))
        expected = outputs(network, images(count), features)
        assert not engine.failure
        assert found is not None
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_network_is_asked_itself_where_it_is_another_question() -> None:
    network = trained("resnet20")
    engine = Engine("folded", network, SHAPE)
    assert engine(network, images(2)) is not None
    assert engine(network, torch.rand(2, 3, 40, 40)) is None
    assert engine(network, images(0)) is None
    assert engine(trained("resnet20"), images(2)) is None
    with torch.no_grad():
        next(network.parameters()).mul_(2)
    assert engine(network, images(2)) is None


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_network_that_changed_before_its_first_answer_answers_itself(runtime: str) -> None:
    network = trained("resnet20")
    assert Engine(runtime, network, SHAPE, key="a" * 64)(network, images(2)) is not None
    engine = Engine(runtime, network, SHAPE, key="a" * 64)  # its graph is kept
    with torch.no_grad():
        next(network.parameters()).mul_(1.001)  # too little to look like damage
    assert engine(network, images(2)) is None


@pytest.mark.parametrize("damage", ["wrong", "raises", "raises without a word"])
def test_a_runtime_that_fails_is_not_heard(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(network: nn.Module, given: torch.Tensor, kept: Path | None) -> Any:
        if damage == "raises":
            raise RuntimeError("no such operator")
        if damage == "raises without a word":
            raise MemoryError
        return lambda images: 2 * outputs(network, images)

    monkeypatch.setitem(RUNTIMES, "folded", Runtime("another way", build))
    network = trained("resnet20")
    engine = Engine("folded", network, SHAPE)
    assert engine(network, images(2)) is None
    assert engine.failure.startswith("another way")


def test_a_graph_is_kept_and_one_that_was_damaged_is_not_believed() -> None:
    network = trained("resnet20")
    engine = Engine("onnxruntime", network, SHAPE, key="a" * 64)
    first = engine(network, images(3))
    assert engine.place is not None
    assert engine.place.is_file()
    again = Engine("onnxruntime", network, SHAPE, key="a" * 64)
    assert torch.equal(first, again(network, images(3)))  # type: ignore[arg-type]

    other = Engine("onnxruntime", trained("plain20"), SHAPE, key="b" * 64)
    other(other.network, images(3))
    assert other.place is not None
    engine.place.write_bytes(other.place.read_bytes())
    damaged = Engine("onnxruntime", network, SHAPE, key="a" * 64)
    assert damaged(network, images(3)) is None
    assert "other outputs" in damaged.failure

    features = Engine("onnxruntime", network, SHAPE, features=True, key="a" * 64)
    assert features.place is not None
    features.place.write_bytes(engine.place.read_bytes())
    assert features(network, images(3)) is None  # 5 numbers in place of 64
    assert features.failure


def test_a_copy_has_no_engine() -> None:
    engine = Engine("folded", trained("resnet20"), SHAPE)
    assert copy.deepcopy({"engine": engine}) == {"engine": None}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained("resnet20")
    engine = Engine("folded", network, SHAPE)
    before = engine(network, images(2))
    made = engine._made
    monkeypatch.setattr(engines.os, "getpid", lambda: -1)  # as in the child
    after = engine(network, images(2))
    assert engine._made is not made
    torch.testing.assert_close(after, before)
    with torch.no_grad():
        next(network.parameters()).mul_(1.001)
    monkeypatch.setattr(engines.os, "getpid", lambda: -2)
    assert engine(network, images(2)) is None


def test_onnxruntime_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its builds for Windows would send what they run to their maker."""
    onnxruntime = pytest.importorskip("onnxruntime")
    asked: list[bool] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: asked.append(True))
    network = trained("resnet20")
    assert Engine("onnxruntime", network, SHAPE)(network, images(1)) is not None
    assert asked
