"""Answers for places: CamVid's streets, the membranes of ISBI, blood cells and the joints of Leeds,
by whole commands.

    python benchmarks/dense.py [camvid] [membrane] [bccd] [leeds] [--time 20m] [--runs DIR]

CamVid is `camvid/` as SegNet published it (240 × 180; 367 images to learn from, 233 to test on),
with defaults. Of the 30 slices of ISBI (`membrane/`), the last six are held out. Scores of
membranes are those of the whole slices, in their own pixels. BCCD is `bccd/` with its own
parts (205 images to learn from, 72 to test on), with defaults. Of the 400 people of `leeds/` the
last 100 are held out, with defaults. Prints a table.
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
LEARNED = 300  # people
JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle"),
    *("right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist"),
    *("neck", "head"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=[*ROWS])
    parser.add_argument("--data", default=os.environ.get("VITREOUS_DATA", "."))
    parser.add_argument("--time", default=None)
    parser.add_argument("--runs", default=None)
    options = parser.parse_args()
    place = Path(options.runs or tempfile.mkdtemp())
    print("| | scores of the test part | seconds |")
    print("|---|---|---|")
    for name in options.names:
        row = ROWS[name]
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


def bccd(data: Path, out: Path, time: str | None) -> str:
    began = perf_counter()
    run = vt.train(str(data), out=str(out), time=time)
    scores = run.scores["test"]
    (red,) = (row for row in scores.per_class if row.name == "RBC")
    told = (
        f"mean AP at 0.5 {scores.map50:.3f}, AP {scores.ap:.3f}; red cells: count off by "
        f"{red.count_error:.2f} of {red.mean_count:.1f}"
    )
    return f"| BCCD, {run.summary()['model']} | {told} | {perf_counter() - began:.0f} |"


def leeds(data: Path, out: Path, time: str | None) -> str:
    table = out.with_suffix(".csv")
    table.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(["path", "split", *(f"point {name}" for name in JOINTS)])]
    for number, joints in enumerate(np.load(data / "joints.npy").tolist()):
        path = (data / "images" / f"im{number + 1:05d}.jpg").resolve()
        cells = [f"{x} {y}" if seen else "" for x, y, seen in joints]
        lines.append(",".join([str(path), "train" if number < LEARNED else "test", *cells]))
    table.write_text("\n".join(lines) + "\n")
    began = perf_counter()
    run = vt.train(str(table), out=str(out), time=time)
    scores = run.scores["test"]
    pose = scores.baselines[0].score("pck").value
    told = f"PCK at 0.2 of the torso {scores.pck:.3f} (mean pose {pose:.3f}), OKS {scores.oks:.3f}"
    return f"| Leeds, {run.summary()['model']} | {told} | {perf_counter() - began:.0f} |"


def answers(
    run: vt.Run, names: list[Path], labels: Path
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    for path in names:
        truth = (read_mask(labels / path.name) > 127).astype(np.uint8)
        yield run.model.predict(str(path)).labels, truth


ROWS = {"camvid": camvid, "membrane": membrane, "bccd": bccd, "leeds": leeds}

if __name__ == "__main__":
    main()
