"""Reproducibility: seeds for every generator, and torch's deterministic algorithms.

Generators that belong to the whole process are seeded for a block, and afterwards are as they were:
whoever calls vitreous in a loop goes on drawing numbers of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import threading
from collections.abc import Iterator

import numpy as np
import torch

RANDOMNESS = threading.RLock()
"""Held while first weights or dropout are drawn: torch has one generator for all threads, and
networks that are trained in several of them would take each other's numbers.
"""


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """After the block torch's generators, on every device, are as they were; other threads wait."""
    with RANDOMNESS:
        before = torch.default_generator.get_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
        try:
            yield
        finally:
            torch.default_generator.set_state(before)
            if cuda:
                torch.cuda.set_rng_state_all(cuda)
            if mps is not None:
                torch.mps.set_rng_state(mps)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Python's, NumPy's global and torch's generators seeded alike, on every device, for a block.

    vitreous itself passes its randomness in; this is for what draws without being asked, such as
    the first weights of a layer of torch.
    """
    with undrawn():
        before, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            seed_everything(seed)
            yield
        finally:
            random.setstate(before)
            np.random.set_state(legacy)  # noqa: NPY002


@contextlib.contextmanager
def step_seeded(seed: int, number: int, rank: int = 0) -> Iterator[None]:
    """Torch's generators seeded for one step of training, for a block; see `seed_step`."""
    with undrawn():
        seed_step(seed, number, rank)
        yield


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's global and torch's generators, on every device, for good."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (the global generator is the point)
    torch.manual_seed(seed)


def seed_step(seed: int, number: int, rank: int = 0) -> None:
    """Seed torch's generators for one step, so that dropout depends on (seed, step) alone, and on
    the process where each draws for examples of its own.

    A resumed run then needs no stored state of a generator.
    """
    digest = hashlib.blake2b(
        (f"{seed}/{number}" + f"/{rank}" * (rank > 0)).encode(), digest_size=8
    ).digest()
    value = int.from_bytes(digest, "little") >> 1
    torch.default_generator.manual_seed(value)  # 80 times faster than torch.manual_seed
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(value)
    elif torch.backends.mps.is_available():
        torch.mps.manual_seed(value)


@contextlib.contextmanager
def deterministic(enabled: bool = True) -> Iterator[None]:
    """Let torch use deterministic algorithms only, within the block.

    An operation that has none raises RuntimeError and names itself. On a CPU the usual algorithms
    are deterministic already; on a GPU this costs some speed.
    """
    if not enabled:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    # Read by cuBLAS at its start, which may come later: it stays.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
