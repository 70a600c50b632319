"""Processor: its name, its instructions, and whether it is faster in bfloat16."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch.nn.functional import conv2d

from vitreous.data.cache import cache_folder as caches

FASTER = 1.2  # times as fast as float32, which bfloat16 has to be
ROUNDS = 7  # of the comparison, which takes less than a tenth of a second

WITHOUT_BFLOAT16 = (
    *("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"),
    *("AVX512_CORE", "AVX512_CORE_VNNI"),
)
"""Limits of oneDNN's instructions, by its own names."""


@cache
def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, and the instructions that torch uses on it."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    half = ", bfloat16" if has_bfloat16() else ""
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}{half}"


@cache
def has_bfloat16(told: Path = Path("/proc/cpuinfo")) -> bool:
    """Does the processor multiply bfloat16 natively, and may oneDNN do so, by which torch and
    OpenVINO compute? Limited to less, OpenVINO breaks down where it is asked for bfloat16. False
    where the system does not say.
    """
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16:
        return False
    try:
        words = set(told.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def fast_bfloat16() -> bool:
    """Has the processor bfloat16, and is it faster so?

    Instructions alone do not tell: an Intel Xeon whose matrix unit (AMX) is hidden from a virtual
    machine takes up to 1.4 times as long for a training step in bfloat16 as in float32, an AMD EPYC
    half as long (benchmarks/precision.py).
    """
    return has_bfloat16() and bfloat16_gain() >= FASTER


def slow_bfloat16() -> bool:
    """Has the processor bfloat16, but is float32 as fast?"""
    return has_bfloat16() and not fast_bfloat16()


@cache
def bfloat16_gain() -> float:
    """How many times as fast a convolution is in bfloat16, measured once and kept in the cache, by
    processor, version and threads, so that all runs on a machine choose alike.
    """
    depends_on = (processor(), torch.__version__, torch.get_num_threads())
    name = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:40]
    path = caches.folder() / "speeds" / f"{name}.txt"
    known = caches.find(path, lambda path: float(path.read_bytes()))
    if known is not None:
        return known
    # Not random: whether this was measured before must not show in what a caller draws afterwards.
    images = torch.ones(4, 64, 28, 28).contiguous(memory_format=torch.channels_last)
    kernel = torch.ones(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    least = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    sides = {dtype: (images.to(dtype), kernel.to(dtype)) for dtype in least}
    with torch.inference_mode():
        for number in range(ROUNDS):
            for dtype, given in sides.items():
                began = time.perf_counter()
                conv2d(*given, padding=1)
                if number:  # the first round prepares
                    least[dtype] = min(least[dtype], time.perf_counter() - began)
    gain = least[torch.float32] / least[torch.bfloat16]
    caches.save_bytes(path, str(gain).encode(), "speeds")
    return gain
