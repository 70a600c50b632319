"""Answers for each pixel: CamVid's streets and the membranes of ISBI, by whole commands.

    python benchmarks/dense.py [camvid] [membrane] [--time 20m] [--runs DIR]

CamVid is `camvid/` as SegNet published it (240 × 180; 367 images to learn from, 233 to test on),
with defaults. Of the 30 slices of ISBI (`membrane/`), the last six are held out. Scores of
membranes are those of the whole slices, in their own pixels. Prints a table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import vitreous as vt
from vitreous.data.images.mask import read_mask
from vitreous.metrics.rand import foreground_rand

HELD = 6  # slices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=["camvid", "membrane"])
    parser.add_argument("--data", default=os.environ.get("VITREOUS_DATA", "."))
    parser.add_argument("--time", default=None)
    parser.add_argument("--runs", default=None)
    options = parser.parse_args()
    place = Path(options.runs or tempfile.mkdtemp())
    print("| | scores of the test part | seconds |")
    print("|---|---|---|")
    for name in options.names:
        row = {"camvid": camvid, "membrane": membrane}[name]
        print(row(Path(options.data) / name, place / name, options.time), flush=True)


def camvid(data: Path, out: Path, time: str | None) -> str:
    began = perf_counter()
    run = vt.train(str(data), out=str(out), time=time)
    scores = run.scores["test"]
    told = (
        f"pixel accuracy {scores.accuracy:.3f}, mean IoU {scores.mean_iou:.3f} "
        f"over {len(scores.classes)} classes"
    )
    return f"| CamVid, {run.summary()['model']} | {told} | {perf_counter() - began:.0f} |"


def membrane(data: Path, out: Path, time: str | None) -> str:
    table = out.with_suffix(".csv")
    table.parent.mkdir(parents=True, exist_ok=True)
    names = sorted((data / "image").glob("*.png"), key=lambda path: int(path.stem))
    lines = ["path,mask,split"]
    for number, path in enumerate(names):
        part = "test" if number >= len(names) - HELD else "train"
        lines.append(f"{path.resolve()},{(data / 'label' / path.name).resolve()},{part}")
    table.write_text("\n".join(lines) + "\n")
    began = perf_counter()
    run = vt.train(str(table), out=str(out), time=time)
    seconds = perf_counter() - began
    errors, rands = [], []
    for answer, truth in answers(run, names[-HELD:], data / "label"):
        errors.append((answer != truth).mean())
        rands.append(foreground_rand(answer, truth))
    told = f"pixel error {np.mean(errors):.3f}, foreground Rand {np.mean(rands):.3f}"
    return f"| membranes, {run.summary()['model']} | {told} | {seconds:.0f} |"


def answers(
    run: vt.Run, names: list[Path], labels: Path
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    for path in names:
        truth = (read_mask(labels / path.name) > 127).astype(np.uint8)
        yield run.model.predict(str(path)).labels, truth


if __name__ == "__main__":
    main()
