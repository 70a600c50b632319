"""Reproducibility: seeds for every generator, and torch's deterministic algorithms."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Iterator

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's global and torch's generators, on every device.

    vitreous itself passes its randomness in; this is for code of the user's own, such as a data
    set that draws from `numpy.random`.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (the global generator is the point)
    torch.manual_seed(seed)


def seed_step(seed: int, number: int) -> None:
    """Seed torch's generators for one step, so that dropout depends on (seed, step) alone.

    A resumed run then needs no stored state of a generator.
    """
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=8).digest()
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
    before = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    if enabled:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS at its start
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
