"""Loading: imports during which Python looks for no garbage, and objects that it leaves alone.

What torch and the modules above it bring are half a million objects that stay. To look through
them again and again as they come takes a seventh of the time of an answer, and to look through them
once more in the end, when all is let go of anyway, a quarter.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Within the block no garbage is collected, and later none is looked for in what is there."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()
            gc.enable()
