"""Pages that the system has to find for tensors, counted in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vitreous.heap import glibc

pytestmark = pytest.mark.skipif(glibc() is None, reason="the allocator is not glibc's, or is told")

PROGRAM = """
import resource, sys, torch
from pathlib import Path
from vitreous import heap

PAGE = resource.getpagesize()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

if sys.argv[1] == "kept":
    heap.keep_freed()
for _ in range(20):
    torch.ones(1 << 24)  # 64 MiB
before = faults()
for _ in range(10):
    torch.ones(1 << 24)
found, held = faults() - before, resident()
heap.give_back()
print(found * PAGE >> 20, held - resident() >> 20)
"""


def measured(how: str) -> tuple[int, int]:
    """MiB that were found for ten tensors of 64 MiB; those that were given back afterwards."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    found, returned = map(int, told.stdout.split())
    return found, returned


def test_a_tensor_takes_the_memory_of_the_one_before() -> None:
    found, returned = measured("kept")
    assert found < 16
    assert returned >= 60


def test_otherwise_its_pages_are_found_anew() -> None:
    """What the first test would say if nothing were done."""
    found, returned = measured("as it is")
    assert found >= 640
    assert returned < 60
