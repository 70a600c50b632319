from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from vitreous.errors import UsageError
from vitreous.models import create
from vitreous.trace.capture.operations import trace
from vitreous.training import precision
from vitreous.training.fit import fit
from vitreous.training.precision import (
    Precision,
    choose,
    forward_context,
    strides_over_points,
)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("macs", [precision.WORTH_BFLOAT16 / 2, precision.WORTH_BFLOAT16 * 2])
def test_the_rule_on_a_cpu(monkeypatch: pytest.MonkeyPatch, fast: bool, macs: float) -> None:
    monkeypatch.setattr(precision, "fast_bfloat16", lambda: fast)
    expected = "bfloat16" if fast and macs > precision.WORTH_BFLOAT16 else "float32"
    assert choose("auto", "cpu", macs).name == expected
    assert choose("auto", torch.device("cpu"), macs) == choose("auto", "cpu", macs)


def test_without_a_clock_the_instructions_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> bool:
        raise AssertionError("a clock was read")

    monkeypatch.setattr(precision, "fast_bfloat16", measured)
    for has, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(precision, "has_bfloat16", lambda has=has: has)
        assert choose("auto", "cpu", 1e12, clock=False).name == expected
    assert choose("auto", "cpu", 1.0).name == "float32"  # nothing to gain, so nothing is timed


def test_the_rule_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("auto", "mps", 1e12).name == "float32"
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    for native, expected in ((True, "bfloat16"), (False, "float16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda _=True, n=native: n)
        chosen = choose("auto", "cuda", 1.0)
        assert chosen.name == expected
        assert chosen.scaler.is_enabled() is (expected == "float16")


def test_a_flag_decides() -> None:
    assert choose("float32", "cpu", 1e12).name == "float32"
    assert choose("bfloat16", "cpu", 1.0).name == "bfloat16"
    with pytest.raises(UsageError, match="float16"):
        choose("float16", "cpu", 1.0)
    with pytest.raises(UsageError, match="bfloat16"):
        choose("bflaot16", "cpu", 1.0)


def test_off_is_a_context_that_does_nothing() -> None:
    assert isinstance(forward_context("float32", "cpu"), contextlib.nullcontext)
    assert not Precision().scaler.is_enabled()
    with Precision("bfloat16").autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16


def test_training_in_bfloat16_learns_and_repeats_itself(net, batches) -> None:
    """Weights and loss stay in float32; the bits depend on the seed alone."""

    def run() -> tuple[nn.Module, list[float]]:
        model = net()
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        loss = nn.CrossEntropyLoss(reduction="none")
        steps = fit(
            model,
            batches([16] * 60),
            loss,
            optimizer,
            lambda _: 1.0,
            precision=Precision("bfloat16"),
        )
        losses = []
        for step in steps:
            assert step.loss.dtype == torch.float32
            losses.append(step.loss.item())
        return model, losses

    (one, losses), (other, _) = run(), run()
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("side", "expected"), [(16, True), (17, False), (32, False)])
def test_a_network_that_strides_over_points_is_told_apart(side: int, expected: bool) -> None:
    """A ResNet on 16 x 16 pixels: its last stage halves a map of one pixel."""
    model = create("resnet18", num_classes=10, size=side)
    assert strides_over_points(trace(model, (3, side, side))) is expected


def test_only_kernels_over_maps_can_stride_over_points() -> None:
    """Not what begins at a point and grows, nor what has one axis."""
    grows = nn.ConvTranspose2d(3, 4, 4, stride=2)
    assert not strides_over_points(trace(grows, (3, 1, 1)))
    row = nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 4, 3, stride=2, padding=1))
    assert not strides_over_points(trace(row, (3, 1, 1)))
    assert strides_over_points(trace(nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 1, 1)))
