"""Answers for places: CamVid's streets, the membranes of ISBI, blood cells and the joints of Leeds,
by whole commands.

    python benchmarks/dense.py [NAME ...] [--time 20m] [--runs DIR]

CamVid is `camvid/` as SegNet published it (240 × 180; 367 images to learn from, 233 to test on),
with defaults. Of the 30 slices of ISBI (`membrane/`), the last six are held out. Scores of
membranes are those of the whole slices, in their own pixels. BCCD is `bccd/` with its own
parts (205 images to learn from, 72 to test on), with defaults. Of the 400 people of `leeds/` the
last 100 are held out, with defaults. `peer` is the U-Net of segmentation_models.pytorch on CamVid,
where it is installed, with the same encoder weights, for as many epochs or as much time; `speed`
compares training examples a second. `scenes` (depth) and `crowds` (counts) are rendered; `cells`
counts those of `bccd/` by a density each. `denoise` learns from the training photos of
`imagenette/` at σ = 25 and is held against BM3D (`pip install bm3d`) on 50 photos of its
validation part, both on the same noisy pictures. Prints a table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
import segmentation_peer
import vitreous as vt
from vitreous.data.images.mask import read_mask
from vitreous.data.noise import Noise
from vitreous.metrics.rand import foreground_rand
from vitreous.metrics.similarity import psnr
from vitreous.recipes.recipe import seconds

HELD = 6  # slices
PHOTOS = 50  # that are denoised
LEARNED = 300  # people
JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle"),
    *("right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist"),
    *("neck", "head"),
)
EPOCHS = 44  # of CamVid, as our defaults have them


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
        row, folder = ROWS[name]
        print(row(Path(options.data) / folder, place / name, options.time), flush=True)


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
    spent = perf_counter() - began
    errors, rands = [], []
    for answer, truth in answers(run, names[-HELD:], data / "label"):
        errors.append((answer != truth).mean())
        rands.append(foreground_rand(answer, truth))
    told = f"pixel error {np.mean(errors):.3f}, foreground Rand {np.mean(rands):.3f}"
    return f"| membranes, {run.summary()['model']} | {told} | {spent:.0f} |"


def peer(data: Path, out: Path, time: str | None) -> str:
    smp = segmentation_peer.load()
    if isinstance(smp, str):
        return f"| CamVid, segmentation_models.pytorch | skipped: {smp} | |"
    limit = None if time is None else seconds(time)
    scores, spent = segmentation_peer.camvid(smp, data, EPOCHS, limit)
    told = f"pixel accuracy {scores.accuracy:.3f}, mean IoU {scores.mean_iou:.3f}"
    return f"| CamVid, segmentation_models.pytorch {smp.__version__} | {told} | {spent:.0f} |"


def speed(data: Path, out: Path, time: str | None) -> str:
    ours, plain = segmentation_peer.speed(data)
    told = f"{ours:.1f} examples/s; a plain loop {plain:.1f}; × {ours / plain:.2f}"
    return f"| CamVid, training of unet_efficientnet_lite0 | {told} | |"


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


def scenes(data: Path, out: Path, time: str | None) -> str:
    return told_by(vt.train("scenes", out=str(out), time=time), "depth of rendered scenes")


def crowds(data: Path, out: Path, time: str | None) -> str:
    return told_by(vt.train("crowds", out=str(out), time=time), "counts of rendered crowds")


def cells(data: Path, out: Path, time: str | None) -> str:
    run = vt.train(str(data), task="count", out=str(out), time=time)
    kinds = "; ".join(
        f"{row.name}: mean error {row.mae:.2f}, {row.relative_error:.1%} of the mean count"
        for row in run.scores["test"].per_class
    )
    return f"| BCCD, {run.summary()['model']} | {kinds} | {seconds_of(run):.0f} |"


def denoise(data: Path, out: Path, time: str | None) -> str:
    from bm3d import bm3d_rgb

    run = vt.train(str(data), task="denoise", noise="gaussian:25", out=str(out), time=time)
    noise = Noise.of("gaussian:25")
    held = vt.open(str(data / "val"))
    found: dict[str, list[float]] = {"noisy": [], "BM3D": [], "network": []}
    for index in np.linspace(0, len(held) - 1, PHOTOS).astype(int).tolist():
        clean = held.read(index)
        noisy = noise.held(clean)
        restored = bm3d_rgb(noisy / 255, 25 / 255)
        pictures = {"noisy": noisy / 255, "BM3D": np.clip(restored, 0, 1)}
        pictures["network"] = run.model.predict(noisy).pixels / 255
        truth = torch.from_numpy(clean / 255).permute(2, 0, 1)
        for name, picture in pictures.items():
            found[name].append(psnr(torch.from_numpy(picture).permute(2, 0, 1), truth))
    told = ", ".join(f"{name} {np.mean(values):.2f} dB" for name, values in found.items())
    return f"| {PHOTOS} photos, {run.summary()['model']} | {told} | {seconds_of(run):.0f} |"


def told_by(run: vt.Run, title: str) -> str:
    scores = run.scores["test"]
    told = ", ".join(f"{score.title} {score.text}" for score in scores.all)
    rule = scores.baselines[0]
    scale = rule.score(scores.headline.name)
    assert scale is not None
    words = f"{told}; for scale, {rule.title}: {scale.text}"
    return f"| {title}, {run.summary()['model']} | {words} | {seconds_of(run):.0f} |"


def seconds_of(run: vt.Run) -> float:
    return float(run.summary()["seconds"])


ROWS: dict[str, tuple[Callable[[Path, Path, str | None], str], str]] = {
    "camvid": (camvid, "camvid"),
    "membrane": (membrane, "membrane"),
    "bccd": (bccd, "bccd"),
    "leeds": (leeds, "leeds"),
    "scenes": (scenes, "scenes"),
    "crowds": (crowds, "crowds"),
    "cells": (cells, "bccd"),
    "denoise": (denoise, "imagenette"),
    "peer": (peer, "camvid"),
    "speed": (speed, "camvid"),
}
"""By name: the row of the table, and the folder of its data."""


if __name__ == "__main__":
    main()
