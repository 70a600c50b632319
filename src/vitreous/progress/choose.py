"""Which progress is shown: live lines on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

from vitreous.progress.progress import PlainProgress, Progress, silent

Style = Literal["auto", "live", "plain", "none"]


def progress(
    *,
    stream: TextIO | None = None,
    style: Style = "auto",
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Progress of a run.

    stream  where it is written, the error stream by default
    style   live: lines that change; plain: one line an epoch, without control characters;
            none: nothing; auto: live on a terminal that can move its cursor, else plain
    """
    stream = sys.stderr if stream is None else stream
    if style == "auto":
        capable = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
        style = "live" if capable else "plain"
    if style == "none":
        return silent()
    if style == "plain":
        return PlainProgress(stream, clock)
    from vitreous.progress.live import LiveProgress  # rich is slow to import

    return LiveProgress(stream, clock)


@contextmanager
def following(asked: Progress | bool | None) -> Iterator[Progress]:
    """Progress of a call from Python.

    asked  progress that the caller has begun, and ends; True shows it and False does not; None
           shows it where somebody looks: on a terminal and in a notebook
    """
    if isinstance(asked, Progress):
        yield asked
        return
    seen = sys.stderr.isatty() or "ipykernel" in sys.modules if asked is None else asked
    with progress(style="auto" if seen else "none") as shown:
        yield shown
