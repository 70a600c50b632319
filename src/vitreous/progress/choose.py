"""Which progress is shown: one live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Literal, TextIO

from vitreous.progress.meter import Pace
from vitreous.progress.progress import PlainProgress, Progress, silent

Style = Literal["auto", "live", "plain", "none"]


def progress(
    *,
    stream: TextIO | None = None,
    style: Style = "auto",
    total_steps: int | None = None,
    epochs: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Progress of a run.

    stream  where it is written, the error stream by default
    style   live: one line that changes; plain: one line an epoch, without control characters;
            none: nothing; auto: live on a terminal that can move its cursor, else plain
    total_steps, epochs  of the run, where they are known; `begin` may tell the steps later
    """
    stream = sys.stderr if stream is None else stream
    if style == "auto":
        capable = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
        style = "live" if capable else "plain"
    if style == "none":
        return silent()
    pace = Pace(total_steps, epochs, clock)
    if style == "plain":
        return PlainProgress(pace, stream)
    from vitreous.progress.live import LiveProgress  # rich is slow to import

    return LiveProgress(pace, stream)
