"""How long each stage of a run took."""

from __future__ import annotations

import time


class Clock:
    """Seconds of each stage of this sitting, in order."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.laps[stage] = now - self.last
        self.last = now

    @property
    def total(self) -> float:
        return time.monotonic() - self.began
