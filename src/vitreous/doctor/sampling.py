"""Sampling of steps: which steps are looked into, so that looking costs little."""

from __future__ import annotations

EARLY = (1, 2, 4, 8)
DENSE, SPARSE, TURN = 16, 40, 250  # steps from one sample to the next, before and after step TURN
THUMBNAILS = 4  # steps from one batch of which small images are kept to the next


def sampled(step: int) -> bool:
    """Is this step, from 1, looked into layer by layer? Often at first, since most faults are
    there from the start.
    """
    return step in EARLY or step % (DENSE if step <= TURN else SPARSE) == 0
