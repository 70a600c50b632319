"""Growth: is the cost a straight line in the number of images, of classes and of pixels?

    python benchmarks/growth.py [--rounds 3] [--axes images classes pixels] [--picture FILE.svg]

Whole runs of `vt.train`, one epoch each, with nothing in the cache, on made-up images in memory, in
turns: LeNet-5 on 28² with 1, 4 and 16 times as many images; the same on as many images of 10 to
10,000 classes; a fully convolutional network on as many images of 32² to 512². Medians of the
rounds. The line is fitted by relative least squares, so that each point counts alike; `off` is how
far a point lies from it. What one more costs is the slope between two neighbors.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import vitreous as vt
from training_peers import processor

STAGES = ("reading", "training", "measuring")


@dataclass(frozen=True)
class Axis:
    """What grows, by so many values, and what stays: images, classes and side where it does not."""

    title: str
    values: tuple[int, ...]
    model: str
    batch: int
    images: int
    classes: int = 10
    side: int = 28
    channels: int = 1

    def run(self, value: int) -> dict[str, float]:
        """Seconds of each stage of a run at this value, and of all of it."""
        grown = {"images": self.images, "classes": self.classes, "side": self.side}
        grown[KEYS[self.title]] = value
        random = np.random.default_rng(0)
        shape = grown["images"], grown["side"], grown["side"], self.channels
        classes = np.arange(grown["images"]) % grown["classes"]
        # Noise around a gray level of its own for each class: something to learn, and no copies.
        levels = random.integers(64, 192, (grown["classes"], 1, 1, 1), np.uint8)
        pixels = random.integers(0, 64, shape, np.uint8) + levels[classes]
        names = [f"{number:05}" for number in classes]
        with tempfile.TemporaryDirectory() as place:
            os.environ["VITREOUS_CACHE"] = f"{place}/cache"
            began = time.perf_counter()
            run = vt.train(
                (pixels, names),
                model=self.model,
                epochs=1,
                batch_size=self.batch,
                size=grown["side"],
                precision="float32",  # so that all points are computed alike
                out=f"{place}/run",
                progress=False,
            )
            whole = time.perf_counter() - began
            timings = json.loads(run.folder.scores.read_text("utf-8"))["timings"]
        return {stage: timings[stage] for stage in STAGES} | {"whole": whole}


KEYS = {"images": "images", "classes": "classes", "pixels": "side"}
AXES = {
    "images": Axis("images", (2_000, 8_000, 32_000), "lenet5", 64, 0),
    "classes": Axis("classes", (10, 100, 1_000, 10_000), "lenet5", 64, 40_000),
    "pixels": Axis("pixels", (32, 64, 128, 256, 512), "mobilenet_v2_050", 16, 128, channels=3),
}


def along(axis: Axis) -> list[int]:
    """What the cost is a line of: a side counts as its pixels."""
    return [value**2 if axis.title == "pixels" else value for value in axis.values]


def line(x: list[int], y: list[float]) -> tuple[float, float]:
    """a and b of a + b x."""
    weights = 1 / np.array(y)
    columns = np.stack([weights, np.array(x) * weights], 1)
    (constant, slope), *_ = np.linalg.lstsq(columns, np.ones(len(y)), rcond=None)
    return float(constant), float(slope)


def table(axis: Axis, found: dict[int, dict[str, float]]) -> None:
    x, whole = along(axis), [found[value]["whole"] for value in axis.values]
    constant, slope = line(x, whole)
    print(
        f"\n| {axis.title} | {' | '.join(STAGES)} | whole run, s | the line | off | one more, µs |"
    )
    print("|---" * (len(STAGES) + 5) + "|")
    steps = [(b - a) / (v - u) for (u, v), (a, b) in zip(pairwise(x), pairwise(whole), strict=True)]
    for value, place, seconds, step in zip(axis.values, x, whole, ["", *steps], strict=True):
        shown = f"{value}²" if axis.title == "pixels" else f"{value:,}"
        stages = " | ".join(f"{found[value][stage]:.2f}" for stage in STAGES)
        fitted = constant + slope * place
        more = f"{step * 1e6:.3g}" if isinstance(step, float) else ""
        off = f"{seconds / fitted - 1:+.0%}"
        print(f"| {shown} | {stages} | {seconds:.2f} | {fitted:.2f} | {off} | {more} |")
    print(f"\n{constant:.2f} s and {slope * 1e6:.3g} µs for each.", flush=True)


def picture(found: dict[str, dict[int, dict[str, float]]], path: Path) -> None:
    """Each axis with its points and its line."""
    from matplotlib import pyplot

    figure, places = pyplot.subplots(1, len(found), figsize=(4 * len(found), 3.2), squeeze=False)
    for axes, (name, points) in zip(places[0], found.items(), strict=True):
        x = along(AXES[name])
        y = [points[value]["whole"] for value in AXES[name].values]
        constant, slope = line(x, y)
        ends = [0, x[-1]]
        axes.plot(ends, [constant + slope * end for end in ends], color="0.6")
        axes.plot(x, y, "o")
        axes.set(xlabel=name, ylabel="seconds", xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=[*AXES])
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    AXES["images"].run(500)  # what is loaded and compiled once is no growth
    print(processor())
    results: dict[str, dict[int, dict[str, float]]] = {}
    for name in options.axes:
        axis = AXES[name]
        seen: dict[int, list[dict[str, Any]]] = {value: [] for value in axis.values}
        for _ in range(options.rounds):
            for value, runs in seen.items():
                runs.append(axis.run(value))
        results[name] = {
            value: {key: median(run[key] for run in runs) for key in runs[0]}
            for value, runs in seen.items()
        }
        table(axis, results[name])
    if options.picture:
        picture(results, options.picture)


if __name__ == "__main__":
    main()
