"""What it costs to ask: help, an answer about one image, a small training, beside importing torch.

    python benchmarks/startup.py

Eleven rounds, in each of which every command runs once, the training in every other round. Prints
the medians of the wall time and of the processor's time, all threads together.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image

from vitreous.data.formats.open import open as opened
from vitreous.training.processor import processor

ROUNDS = 11
PYTHON = sys.executable
VITREOUS = str(Path(PYTHON).parent / "vitreous")
TRAINING = "vitreous train digits"


def commands(place: Path) -> dict[str, list[str]]:
    """What is timed, by name; a run, its ONNX file and an image are put into the folder."""
    run, image = str(place / "run"), str(place / "one.png")
    Image.fromarray(opened("digits").read(0)[..., 0]).save(image)
    quietly([VITREOUS, "train", "digits", "--out", run, "--quiet"])
    found = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "import vitreous": [PYTHON, "-c", "import vitreous"],
        "vitreous --help": [VITREOUS, "--help"],
        "import torch": [PYTHON, "-c", "import torch"],
        "vitreous predict RUN one.png": [VITREOUS, "predict", run, image],
    }
    if all(map(importlib.util.find_spec, ("onnx", "onnxruntime", "onnxscript"))):
        quietly([VITREOUS, "export", run, "--quiet"])
        graph = str(place / "run" / "export" / "model.onnx")
        found["vitreous predict model.onnx one.png"] = [VITREOUS, "predict", graph, image]
    found[TRAINING] = [VITREOUS, "train", "digits", "--out", str(place / "again"), "--quiet"]
    return found


def quietly(command: list[str]) -> tuple[float, float]:
    """Wall time and processor's time of a command, in seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    own = after.children_user + after.children_system
    return wall, own - before.children_user - before.children_system


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        place = Path(folder)
        asked = commands(place)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
        for number in range(ROUNDS):
            for name, command in asked.items():
                if name == TRAINING and number % 2:
                    continue
                times[name].append(quietly(command))
                shutil.rmtree(place / "again", ignore_errors=True)
    print(f"{processor()}\n\n| | seconds, median | of the processor |\n|---|---|---|")
    for name, found in times.items():
        wall, own = (median(each) for each in zip(*found, strict=True))
        print(f"| `{name}` | {wall:.2f} | {own:.2f} |")


if __name__ == "__main__":
    main()
