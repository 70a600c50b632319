"""What images without labels are worth where labels are few: CIFAR-10 with 1 % of them.

    python benchmarks/pretrain.py --data $VITREOUS_DATA/cifar-10-batches-bin --out runs/pretrain

A network learns from the 50,000 training images without labels (`--task pretrain`). Then its last
layer learns from 500 labels, 50 a class, on features that stay as they are. The same network learns
from the same 500 labels from scratch, with the augmentation of the defaults and for several numbers
of epochs, of which the best on the test images counts: that favors it. All 10,000 test images; an
interval for each difference. A run that was stopped goes on, and what has ended is not done again.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import vitreous as vt
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.files import read_table
from vitreous.metrics.interval import paired
from vitreous.run_folder import RunFolder
from vitreous.runs.run import Run, resume, train


def trained(out: Path, data: Dataset, **recipe: Any) -> Run:
    """The run in this folder: read, gone on with, or begun."""
    folder = RunFolder(out)
    if folder.finished:
        return Run.read(folder)
    start, before = time.monotonic(), spent()
    run = resume(out, data) if folder.recipe.is_file() else train(data, out=out, **recipe)
    print(f"{out.name}: {time.monotonic() - start:.0f} s, {spent() - before:.0f} s of processors")
    return run


def spent() -> float:
    """Seconds of the processors that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def few(targets: np.ndarray, share: float, classes: int, seed: int) -> np.ndarray:
    """As many rows of each class, at random: this share of all."""
    random = np.random.default_rng(seed)
    each = round(share * len(targets) / classes)
    chosen = [random.permutation(np.flatnonzero(targets == c))[:each] for c in range(classes)]
    return np.sort(np.concatenate(chosen))


def right(run: Run) -> np.ndarray:
    """(N,) was each test image answered rightly?"""
    rows = [row for row in read_table(run.folder.predictions) if row["part"] == "test"]
    return type(run.model.task).of_images(rows) > 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "cifar-10-batches-bin"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--out", type=Path, default=Path("runs/pretrain"))
    parser.add_argument("--model", default="convnet_medium")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--probe-epochs", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--scratch-epochs", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()

    data = vt.open(arguments.data)
    column = data.targets["class"]
    assert isinstance(column, ClassNumbers)
    known, asked = (np.flatnonzero(data.parts == part) for part in (Part.TRAIN, Part.TEST))
    numbers = column.gather(np.arange(len(data)))
    pixels = np.stack([data.read(int(row)) for row in range(len(data))])
    arguments.out.mkdir(parents=True, exist_ok=True)

    images = ArrayDataset("cifar10", pixels[known[: arguments.images]], {})
    seen = trained(
        arguments.out / "seen", images, task="pretrain", model=arguments.model,
        epochs=arguments.epochs, validation=0.02, test=0,
    )  # fmt: skip
    found = seen.scores["validation"]
    print(f"other views found {found.found:.1%} of {found.among}, spread {found.spread:.3f}")

    print("| labels | way | epochs | accuracy | interval |\n|---|---|---|---|---|")
    for seed in range(arguments.seeds):
        rows = known[few(numbers[known], arguments.share, len(column.classes), seed)]
        both = np.concatenate([rows, asked])
        parts = np.repeat([Part.TRAIN, Part.TEST], [len(rows), len(asked)]).astype(np.int8)
        labeled = ArrayDataset(
            "cifar10", pixels[both], {"class": ClassNumbers(numbers[both], column.classes)},
            parts=parts,
        )  # fmt: skip
        answered: dict[str, list[np.ndarray]] = {"probe": [], "scratch": []}
        ways = {
            "probe": (arguments.probe_epochs, {"pretrained": str(seen.folder.path)}),
            "scratch": (arguments.scratch_epochs, {"pretrained": "no"}),
        }
        for way, (lengths, recipe) in ways.items():
            for epochs in lengths:
                run = trained(
                    arguments.out / f"{way}-{epochs}-{seed}", labeled, model=arguments.model,
                    epochs=epochs, seed=seed, validation=0, doctor=False, **recipe,
                )  # fmt: skip
                score = run.scores["test"].headline
                low, high = score.bounds or (score.value, score.value)
                told = f"| {len(rows)} | {way} | {epochs} | {score.value:.2%} "
                print(f"{told}| {low:.2%} to {high:.2%} |", flush=True)
                answered[way].append(right(run))
        # The probe by the first of its lengths, not by the best of them; scratch by the best.
        best = max(answered["scratch"], key=np.mean)
        gap = paired(answered["probe"][0], best)
        low, high = gap.interval
        print(
            f"difference {100 * gap.difference:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"
        )


if __name__ == "__main__":
    main()
