"""Threads that wait: OpenMP's let others compute, instead of watching the clock in a loop.

Torch shares the work of a layer among threads, and whoever is done first waits for the rest. By
default such a thread waits awake, for milliseconds. Alone on a machine that costs nothing; beside
another program it takes the very core that the others need to go on, and training has been seen at
a twentieth of its speed (`benchmarks/contention.py`). Libraries of OpenMP read the environment when
they are loaded, so this has to come before torch.
"""

from __future__ import annotations

import os

CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Any of these says how threads wait; who has set one wants it so."""


def wait_asleep() -> None:
    """Let threads of libraries that are not loaded yet sleep while they wait, unless the user has
    chosen.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
