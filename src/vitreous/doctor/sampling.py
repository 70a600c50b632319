"""Sampling of steps: which steps are looked into, so that looking costs little.

Most faults are there from the start, so the first steps are looked at closely, and later ones the
more rarely the more there were: whenever their number has doubled, half of the looks fall away. So
what looking costs, as a share of the training, tends to zero.
"""

from __future__ import annotations

EARLY = (1, 2, 4, 8)
DENSE, SPARSE, TURN = 16, 40, 250  # steps from one sample to the next, before and after step TURN
OFTEN, SELDOM, SETTLED = 20, 100, 200  # the same from one survey to the next
FOLLOWED = 250  # half of the steps of which all outputs are kept
LATE = 500  # half of the steps after which looks become rarer
THUMBNAILS = 4  # steps from one batch of which small images are kept to the next


def rarer(step: int, since: int) -> int:
    """How much more rarely to look: 1 up to twice the step `since`, 2 up to four times it, ..."""
    return 1 << max(0, (step // since).bit_length() - 1)


def sampled(step: int) -> bool:
    """Is this step, from 1, looked into layer by layer?"""
    every = DENSE if step <= TURN else SPARSE * rarer(step, LATE)
    return step in EARLY or step % every == 0


def surveyed(step: int) -> bool:
    """Is what was collected read after this step, and a diagnosis made?"""
    return step % (OFTEN if step <= SETTLED else SELDOM * rarer(step, LATE)) == 0


def followed(step: int) -> bool:
    """Are the outputs of this step kept, for its loss and its labels?"""
    return step % rarer(step, FOLLOWED) == 0
