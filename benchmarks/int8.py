"""Eight bits: what `vitreous export --quantize int8` costs in accuracy, and what it saves in time.

    VITREOUS_DATA=... python benchmarks/int8.py

Each run is trained with defaults (CIFAR-10 in so many seconds), exported in float32 and in int8,
and measured as a run and as both files on the same images. Then all three answer the same batches
in turns: both files in onnxruntime, the run in the number format that it chose. Onnxruntime has no
bfloat16 on processors, so that column is torch's. Tables of accuracy and of images a second.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vitreous as vt
from vitreous.export.exporting import export
from vitreous.inference.model_file import Bundle

ROUNDS = int(os.environ.get("ROUNDS", 7))
SECONDS = float(os.environ.get("SECONDS_CIFAR", 180))
SETS: dict[str, dict[str, Any]] = {
    "mnist": {},
    "cifar-10-batches-bin": {"time": f"{SECONDS:.0f}s"},
    "imagenette": {},
}
BATCHES = (1, 32)
INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8")


def told(scores: Any) -> str:
    one = scores.headline
    return f"{one.value:.2%} ({one.bounds[0]:.2%} – {one.bounds[1]:.2%})"


def each_second(work: Callable[[], Any], images: int) -> float:
    """Images a second of what takes a moment, repeated for a quarter of a second."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() < start + 0.25:
        work()
        count += images
    return count / (time.perf_counter() - start)


def speeds(run: Bundle, full: Bundle, small: Bundle, rows: Any) -> list[dict[str, float]]:
    """Images a second of each in each round, in turns."""
    images = run.contract.images(rows)
    sides: dict[str, Callable[[], Any]] = {
        "float32": lambda: full.model.session.run(None, {"pixels": rows}),
        "int8": lambda: small.model.session.run(None, {"pixels": rows}),
        "run": lambda: run.outputs(images),
    }
    for work in sides.values():
        work()
    return [{name: each_second(work, len(rows)) for name, work in sides.items()}
            for _ in range(ROUNDS)]  # fmt: skip


def main() -> None:
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    here = [name for name in INSTRUCTIONS if name in flags]
    print(f"Instructions for eight bits: {', '.join(here) or 'none known'}.\n")
    quality, speed = [], []
    for name, fields in SETS.items():
        data = Path(os.environ["VITREOUS_DATA"]) / name
        with tempfile.TemporaryDirectory() as place:
            run = vt.train(data, out=Path(place) / "run", progress=False, **fields)
            files = [
                export(run.folder.path, quantize=kind, most_lost=1).path
                     for kind in ("", "int8")]  # fmt: skip
            models = [run.model, *map(vt.load, files)]
            sizes = [path.stat().st_size / 2**20 for path in files]
            part = "test" if "test" in run.scores else "validation"
            found = [vt.evaluate(each, data, split=part).scores[part] for each in models]
            lost = 100 * (found[1].headline.value - found[2].headline.value)
            quality.append(
                f"| {name}, {run.model.architecture}, {found[0].count:,} | "
                f"{' | '.join(map(told, found))} | {lost:+.2f} | {sizes[0]:.2f} → {sizes[1]:.2f} |"
            )
            pixels = np.random.default_rng(0)
            for batch in BATCHES:
                shape = (batch, *run.model.contract.shape)
                rows = pixels.integers(0, 256, shape, dtype=np.uint8)
                rounds = speeds(*models, rows)
                middle = {side: statistics.median(each[side] for each in rounds)
                          for side in rounds[0]}  # fmt: skip
                ratios = sorted(each["int8"] / each["float32"] for each in rounds)
                rates = " | ".join(f"{rate:,.0f}" for rate in middle.values())
                rates += f" ({run.model.precision})"
                speed.append(
                    f"| {name}, {batch} | {rates} | {statistics.median(ratios):.2f} "
                    f"({ratios[0]:.2f} – {ratios[-1]:.2f}) |"
                )
    print("| data, network, images | run | file in float32 | file in int8 | points lost | MiB |")
    print("|---|---|---|---|---|---|", *quality, sep="\n")
    print(
        "\n| data, batch | float32, images a second | int8 | the run, in torch | int8 ÷ float32 |"
    )
    print("|---|---|---|---|---|", *speed, sep="\n")
    print(f"\n{torch.get_num_threads()} threads.")


if __name__ == "__main__":
    main()
