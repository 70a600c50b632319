"""What a processor can, and whether bfloat16 pays on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from vitreous.data.cache import cache_folder as caches
from vitreous.training import processor
from vitreous.training.processor import (
    FASTER,
    bfloat16_gain,
    fast_bfloat16,
    has_bfloat16,
    slow_bfloat16,
)


@pytest.fixture(autouse=True)
def _anew(place: Path) -> Iterator[None]:
    """What is remembered of this machine belongs to it, and not to the tests."""
    bfloat16_gain.cache_clear()
    yield
    bfloat16_gain.cache_clear()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu avx512f avx512_bf16 amx_tile", True),
        ("flags : fpu amx_bf16", True),
        ("Features : fp asimd bf16", True),
        ("flags : fpu avx512f avx512bw", False),
        ("model name : bf16x", False),
    ],
)
def test_the_processor_is_asked(tmp_path: Path, flags: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(flags)
    assert has_bfloat16(tmp_path / "cpuinfo") is expected
    assert not has_bfloat16(tmp_path / "missing")


def test_a_limit_of_onednn_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO 2026 ends with a segmentation fault where it is asked for more."""
    told = tmp_path / "cpuinfo"
    told.write_text("flags : avx2 avx512_bf16")
    for limit, expected in ("AVX2", False), ("avx512_core", False), ("AVX512_CORE_BF16", True):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
        has_bfloat16.cache_clear()
        assert has_bfloat16(told) is expected
    has_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("has", "gain", "fast", "slow"),
    [
        (True, 2.0, True, False),
        (True, 0.7, False, True),
        (True, 1.1, False, True),
        (True, float("nan"), False, True),
        (False, 2.0, False, False),
    ],
)
def test_instructions_are_not_enough(
    has: bool, gain: float, fast: bool, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "has_bfloat16", lambda: has)
    monkeypatch.setattr(processor, "bfloat16_gain", lambda: gain)
    assert (fast_bfloat16(), slow_bfloat16()) == (fast, slow)


def test_the_gain_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    gain = bfloat16_gain()
    assert torch.equal(torch.get_rng_state(), before)  # a first run draws what a second one does
    assert 0 < gain < 100
    bfloat16_gain.cache_clear()
    monkeypatch.setattr(processor, "conv2d", None)  # another process measures nothing
    assert bfloat16_gain() == gain


def test_a_damaged_measurement_is_made_anew() -> None:
    bfloat16_gain()
    (kept,) = (caches.folder() / "speeds").iterdir()
    kept.write_bytes(b"\x00fast")
    bfloat16_gain.cache_clear()
    assert bfloat16_gain() > 0
    assert float(kept.read_bytes()) == bfloat16_gain()


@pytest.mark.parametrize(("factor", "expected"), [(3.0, False), (0.4, True)])
def test_what_is_slower_is_seen(
    factor: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that bfloat16 turns `factor` times as far as float32 does."""
    now = 0.0

    def conv2d(images: torch.Tensor, *_: object, **__: object) -> None:
        nonlocal now
        now += factor if images.dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(processor, "conv2d", conv2d)
    monkeypatch.setattr(processor.time, "perf_counter", lambda: now)
    assert bfloat16_gain() == pytest.approx(1 / factor)
    assert (bfloat16_gain() >= FASTER) is expected
