"""What every side of `training_peers.py` trains, and how it takes its turn; needs NumPy alone.

A side is a process of its own. It says that it is ready, trains one epoch whenever it reads a line,
and writes a line with what that took. Thus all sides of a network are started and compiled once,
and their epochs come in turns.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network, its images (N, side, side, channels), and how many of them are in a step."""

    title: str
    side: int
    channels: int
    batch: int
    images: int


CASES = {
    "mlp": Case("MLP, 784-300-100-10", 28, 1, 64, 12_800),
    "lenet5": Case("LeNet-5", 28, 1, 64, 6_400),
    "resnet18": Case("ResNet-18", 64, 3, 32, 192),
    "mobilenet_v2": Case("MobileNetV2", 64, 3, 32, 320),
    "efficientnet_lite0": Case("EfficientNet-Lite0", 64, 3, 32, 320),
    "vit_ti16": Case("ViT-Ti/16", 64, 3, 32, 320),
}


def examples(case: Case) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, H, W, C) and their classes. Each class has a coarse pattern, under noise; every
    fifth label is drawn by lot, so that no loss becomes so small that processors count it slowly.
    """
    random = np.random.default_rng(0)
    shown = np.arange(case.images) % CLASSES
    tiles = random.integers(40, 216, (CLASSES, 4, 4, case.channels))
    patterns = tiles.repeat(case.side // 4, axis=1).repeat(case.side // 4, axis=2)
    noise = random.normal(0, 30, (case.images, case.side, case.side, case.channels))
    classes = np.where(random.random(case.images) < 0.2, random.permutation(shown), shown)
    return (patterns[shown] + noise).clip(0, 255).astype(np.uint8), classes


def floats(case: Case) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same, normalized once and before training, as tutorials do it."""
    images, classes = examples(case)
    return (images.astype(np.float32) / 255 - 0.5) / 0.25, classes


class Rounds:
    """One side's end of the conversation. What its libraries print goes to stderr."""

    def __init__(self, case: Case, count: int) -> None:
        self.case, self.count, self.done = case, count, 0
        self._lines = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._began = 0.0

    def begin(self) -> None:
        """Wait until it is this side's turn; called where an epoch begins."""
        if self.done < self.count:
            self._tell(ready=self.done)
            if not sys.stdin.readline():
                raise SystemExit("nobody measures any more")
            self._began = time.perf_counter()

    def end(self, loss: float) -> None:
        """An epoch has ended, with this training loss."""
        seconds = time.perf_counter() - self._began
        if not math.isfinite(loss):
            raise SystemExit(f"the loss is {loss}")
        self.done += 1
        self._tell(seconds=seconds, rate=self.case.images / seconds, loss=loss)

    def close(self, parameters: int, **more: Any) -> None:
        """Training has ended; `parameters` are those that were trained."""
        self._tell(parameters=parameters, memory=peak_memory(), **more)

    def _tell(self, **values: Any) -> None:
        print(json.dumps(values), file=self._lines, flush=True)


def peak_memory() -> float:
    """The most memory that this process has had, MiB: of Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
