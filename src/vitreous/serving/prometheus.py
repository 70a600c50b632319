"""Prometheus: what a server counts and measures, in the text format 0.0.4."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

Labels = tuple[tuple[str, str], ...]


@dataclass
class Histogram:
    """How many values lie at or below each bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: Labels) -> list[str]:
        found, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            found.append(f"{name}_bucket{worded((*labels, ('le', bound)))} {below}")
        return [
            *found,
            f"{name}_sum{worded(labels)} {self.total:.9g}",
            f"{name}_count{worded(labels)} {below}",
        ]


class Metrics:
    """What is counted: requests by route and status, images and batches by model, seconds."""

    def __init__(self) -> None:
        self.started = time.time()
        self.requests: Counter[Labels] = Counter()
        self.images: Counter[Labels] = Counter()
        self.seconds: dict[Labels, Histogram] = {}
        self.batches: dict[Labels, Histogram] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        self.requests[("route", route), ("status", str(status))] += 1
        self.seconds.setdefault((("route", route),), Histogram(SECONDS)).add(seconds)

    def batch(self, model: str, images: int) -> None:
        labels = (("model", model),)
        self.images[labels] += images
        self.batches.setdefault(labels, Histogram(IMAGES)).add(images)

    def text(self, gauges: dict[str, tuple[str, float]]) -> str:
        """All of it.

        gauges  what is so at this moment: name -> (help, value)
        """
        found: list[str] = []

        def block(name: str, kind: str, told: str, lines: list[str]) -> None:
            found.extend([f"# HELP {name} {told}", f"# TYPE {name} {kind}", *lines])

        for name, told, counted in (
            ("vitreous_requests_total", "Requests by route and status.", self.requests),
            ("vitreous_images_total", "Images that went through a network.", self.images),
        ):
            lines = [f"{name}{worded(labels)} {n}" for labels, n in sorted(counted.items())]
            block(name, "counter", told, lines)
        for name, told, measured in (
            ("vitreous_request_seconds", "Seconds from request to answer.", self.seconds),
            ("vitreous_batch_images", "Images that went through a network together.", self.batches),
        ):
            lines = [line for labels, one in sorted(measured.items(), key=lambda each: each[0])
                     for line in one.lines(name, labels)]  # fmt: skip
            block(name, "histogram", told, lines)
        resident = resident_bytes()
        process = {"process_start_time_seconds": ("Start, in seconds since 1970.", self.started)}
        if resident is not None:
            process["process_resident_memory_bytes"] = ("Resident memory.", resident)
        for name, (told, value) in (gauges | process).items():
            kind = "counter" if name.endswith("_total") else "gauge"
            block(name, kind, told, [f"{name} {value:.15g}"])
        return "\n".join(found) + "\n"


def worded(labels: Labels) -> str:
    """{name="value",...}, with quotes, backslashes and line breaks escaped."""
    if not labels:
        return ""
    inside = ",".join(
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels
    )
    return f"{{{inside}}}"


def resident_bytes() -> float | None:
    """Of this process; None where the system does not tell it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
