"""A runtime is chosen by trial, kept, and only if it agrees with the network."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vitreous.infer import runtime_choice as choosing
from vitreous.infer.agreement import agreement
from vitreous.infer.runtime_choice import RuntimeChoice, Trial, processor, record, recorded
from vitreous.infer.runtimes import NETWORK, RUNTIMES, Compute, Runtime
from vitreous.tasks.classify import Classify

TASK = Classify(classes=("a", "b", "c"))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval()


def trial(**changed: Any) -> Trial:
    examples = torch.rand(20, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    fields: dict[str, Any] = {
        "network": network(),
        "signature": "linear",
        "examples": examples,
        "count": 1000,
        "precision": "float32",
        "task": TASK,
    }
    return Trial(**fields | changed)


@pytest.fixture
def runtimes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Two runtimes, of which one is fast and wrong, and how often each was built; the network
    itself takes its time.
    """
    built = {"right": 0, "wrong": 0}

    def made(name: str, change: float) -> Runtime:
        def build(net: nn.Module, _: torch.Tensor, kept: Path | None) -> Compute:
            built[name] += 1
            return lambda images: (1 + change) * plain(net, images)

        return Runtime(name, build)

    monkeypatch.setattr(
        choosing, "RUNTIMES", {"wrong": made("wrong", 1), "right": made("right", 0)}
    )
    monkeypatch.setattr(
        Trial, "computing", lambda self, _: lambda images: slowly(self.network, images)
    )
    return built


def plain(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = net(images)
    return found


def slowly(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    time.sleep(0.02)
    return plain(net, images)


def test_the_fastest_that_agrees_is_chosen(runtimes: dict[str, int]) -> None:
    found = trial().choose()
    assert found.runtime == "right"
    assert found.processor == processor()
    assert {*found.speeds} == {NETWORK, "wrong", "right"}
    assert found.speeds["right"] > 10 * found.speeds[NETWORK]
    assert "right agrees on 20 images" in found.reason


def test_speeds_are_kept_and_agreement_is_not(runtimes: dict[str, int]) -> None:
    first = trial().choose()
    assert runtimes == {"right": 1, "wrong": 1}
    kept = trial().known()
    assert kept is not None
    assert kept.keys() == first.speeds.keys()
    assert trial().choose().runtime == "right"
    assert runtimes["right"] == 2  # built to be looked at, and not to be timed
    assert trial(signature="other").known() is None
    assert trial(precision="bfloat16").known() is None
    trial().speeds.write_text('{"network": [1]}')
    assert trial().known() is None


@pytest.mark.parametrize(("count", "passes"), [(100, 1), (10_000, 4), (10**6, choosing.PASSES)])
def test_long_work_is_worth_a_longer_trial(
    count: int, passes: int, runtimes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    called, seconds = [], itertools.count()  # with each look at the clock a second has gone by

    def speed(*_: object) -> float:
        called.append("")
        return 100.0

    monkeypatch.setattr(choosing, "speed", speed)
    monkeypatch.setattr(choosing.time, "perf_counter", lambda: float(next(seconds)))
    trial(count=count).tried([*choosing.RUNTIMES], {})
    # Once more at the start, to see whether the network is quick; three ways in each pass.
    assert len(called) == 1 + 3 * passes


def test_what_it_takes_to_begin_counts(
    runtimes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {NETWORK: (10.0, 0.0), "right": (100.0, 5.0)}
    monkeypatch.setattr(Trial, "known", lambda _: speeds)
    assert trial(count=50).choose().runtime == NETWORK  # 5 s, and 5.5 s
    assert trial(count=100).choose().runtime == "right"  # 10 s, and 6 s


def test_a_choice_that_agrees_no_more_makes_room_for_another(runtimes: dict[str, int]) -> None:
    chosen = trial().choose()
    assert trial().confirmed(chosen).runtime == "right"
    wrong = RuntimeChoice(runtime="wrong", reason="", processor=processor(), speeds=chosen.speeds)
    found = trial().confirmed(wrong)
    assert found.runtime == "right"
    assert found.reason.startswith("wrong does not agree on 20 images")
    assert runtimes == {"right": 3, "wrong": 2}  # what was refused is not looked at again
    del choosing.RUNTIMES["right"]
    trial().speeds.unlink()
    assert trial().confirmed(wrong).runtime == NETWORK


@pytest.mark.parametrize("has", [True, False])
def test_where_bfloat16_does_not_agree_the_same_is_tried_in_float32(
    has: bool, runtimes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = replace(choosing.RUNTIMES["right"], fits=lambda: False)
    monkeypatch.setattr(choosing, "RUNTIMES", {**choosing.RUNTIMES, "right": twin})
    monkeypatch.setattr(choosing, "TWINS", {"wrong": "right"})
    monkeypatch.setattr(choosing, "has_bfloat16", lambda: has)
    for refused in (None, {"wrong": "It does not agree"}):
        found = trial().choose(refused)
        assert found.runtime == ("right" if has else NETWORK)
        assert {*found.speeds} == {NETWORK, "wrong", *(["right"] if has else [])}
    assert runtimes["right"] == 2 * has  # timed once and kept, then built to be looked at
    assert {*(trial().known() or {})} == {*found.speeds}


def test_a_runtime_that_fails_without_a_word_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> Compute:
        raise MemoryError

    monkeypatch.setattr(choosing, "RUNTIMES", {"big": Runtime("big", build)})
    chosen = RuntimeChoice(runtime="big", reason="", processor=processor())
    assert trial().confirmed(chosen).reason == "big failed: MemoryError; nothing was faster"
    for _ in range(2):  # measured, and from the cache
        assert trial().choose().reason == "big cannot compute this network; nothing was faster"


@pytest.mark.parametrize(
    ("has", "gain", "expected"),
    [
        (True, 2.0, {"folded", "openvino"}),
        (True, 0.7, {"folded_float32", "openvino_float32"}),
        (False, 0.7, {"folded", "openvino"}),
    ],
)
def test_formats_that_are_slow_here_are_not_tried(
    has: bool, gain: float, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitreous.training.processor.has_bfloat16", lambda: has)
    monkeypatch.setattr("vitreous.training.processor.bfloat16_gain", lambda: gain)
    offered = {name for name, each in RUNTIMES.items() if each.fits()}
    assert offered == expected | {"onnxruntime"}


def test_each_processor_has_its_entry(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    assert recorded(path) is None
    other = RuntimeChoice(runtime=NETWORK, reason="slow", processor="another", speeds={})
    mine = RuntimeChoice(
        runtime="onnxruntime", reason="fast", processor=processor(), speeds={NETWORK: 2.0}
    )
    for choice in (other, mine, mine):
        record(path, choice)
    assert choosing.entries(path) == [other, mine]
    assert recorded(path) == mine


@pytest.mark.parametrize("told", ["", "{}", "[1]", '[{"runtime": "rm -rf", "reason": ""}]', "[["])
def test_a_damaged_entry_says_nothing(told: str, tmp_path: Path) -> None:
    (tmp_path / "runtime.json").write_text(told)
    assert recorded(tmp_path / "runtime.json") is None


def test_agreement_is_about_probabilities_and_answers() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.001, -5.0]])
    assert agreement(logits, logits, TASK).holds
    shifted = agreement(logits + 3, logits, TASK)  # probabilities do not see it
    assert shifted.difference == pytest.approx(0, abs=1e-6)
    flipped = logits.clone()
    flipped[1, :2] = torch.tensor([0.001, 0.0])
    found = agreement(flipped, logits, TASK)
    assert found.difference < 1e-3
    assert found.same == 0.5
    assert not found.holds
    features = agreement(logits * 1.005, logits, None)
    assert features.difference == pytest.approx(0.005, rel=1e-3)
    assert not agreement(logits * float("nan"), logits, None).holds


def test_a_runtime_may_be_as_far_off_as_the_network_s_own_number_format() -> None:
    exact = torch.linspace(-1, 1, 40).reshape(4, 10)
    found = exact * 1.04
    assert not agreement(found, exact, None).holds
    assert not agreement(found, exact, None, lambda: exact).holds  # float32 itself
    assert not agreement(found, exact, None, lambda: exact * 1.02).holds
    close = agreement(found, exact, None, lambda: exact * 0.97)
    assert close.holds
    assert close.text == "features differ by 0.04 of the largest, 0.045 allowed"
    for bad in (float("nan"), float("inf")):
        assert not agreement(exact * 2, exact, None, lambda bad=bad: exact * bad).holds

    logits = torch.tensor([[2.0, 0.0, -2.0], [0.0, 3.0, 0.0]])
    far = logits * 1.2
    assert not agreement(far, logits, TASK).holds
    told = agreement(far, logits, TASK, lambda: logits * 0.85)
    assert told.holds
    assert told.difference > 0.02
    flipped = logits.clone()
    flipped[0, 1] = 2.5
    assert not agreement(flipped, logits, TASK, lambda: logits * 0.85).holds  # another answer
    assert not agreement(flipped, logits, TASK, lambda: flipped).holds  # and too far
    near = torch.tensor([[2.0, 1.99, -2.0], [0.0, 3.0, 0.0]])
    other = torch.tensor([[1.99, 2.0, -2.0], [0.0, 3.0, 0.0]])
    assert agreement(other, near, TASK, lambda: other).holds  # as bfloat16 itself
    assert not agreement(other, near, TASK, lambda: near).holds


def test_the_names_are_those_of_the_table() -> None:
    assert NETWORK not in RUNTIMES
    for name in RUNTIMES:
        told = {"runtime": name, "reason": "", "processor": "p", "speeds": {}}
        assert RuntimeChoice.from_json(told) is not None
