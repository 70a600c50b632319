"""Does a search beat the defaults? `vitreous tune` on three data sets, the test part held back.

    python benchmarks/tune.py --data $VITREOUS_DATA --trials 30 --out runs/tune

A search of each set sees its training and validation images alone. What it found and the usual
settings are then trained with some further seeds, and both answer the same test images: a margin
counts where Student's interval of it over the seeds leaves out 0. A search that was stopped goes
on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vitreous as vt
from pretrain import few, spent
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.metrics.interval import spread
from vitreous.run_folder import RunFolder
from vitreous.runs.run import Run, train
from vitreous.select.tune import in_words

SETS = {  # name: its folder, images to learn from, network
    "MNIST, 1,000 images": ("mnist", 1000, "convnet"),
    "CIFAR-10, 5,000 images": ("cifar-10-batches-bin", 5000, "convnet"),
    "digits": ("digits", None, "linear"),
}


def opened(folder: str, images: int | None, data: Path) -> Dataset:
    """So many images of the training part, as many of each class, and all of the test part."""
    whole = vt.open("digits" if folder == "digits" else str(data / folder))
    if images is None:
        return whole
    column = whole.targets["class"]
    assert isinstance(column, ClassNumbers)
    numbers = column.gather(np.arange(len(whole)))
    known, asked = (np.flatnonzero(whole.parts == part) for part in (Part.TRAIN, Part.TEST))
    chosen = few(numbers[known], images / len(known), len(column.classes), seed=0)
    rows = np.sort(np.concatenate([known[chosen], asked]))
    return ArrayDataset(
        folder,
        np.stack([whole.read(int(row)) for row in rows]),
        {"class": ClassNumbers(numbers[rows], column.classes)},
        parts=np.where(np.isin(rows, asked), Part.TEST, Part.UNASSIGNED).astype(np.int8),
    )


def trained(out: Path, data: Dataset, seeds: Sequence[int], **recipe: Any) -> NDArray[np.float64]:
    """(S,) accuracy on the test images of each seed."""
    found = []
    for seed in seeds:
        folder = RunFolder(out / f"{seed}")
        done = folder.finished
        run = Run.read(folder) if done else train(data, out=folder.path, seed=seed, **recipe)
        found.append(run.scores["test"].headline.value)
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VITREOUS_DATA", ".")))
    parser.add_argument("--out", type=Path, default=Path("runs/tune"))
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()

    print("| set | usual | found | margin | beats the usual? | settings found | processor, s |")
    print("|---|---|---|---|---|---|---|")
    for name, (folder, images, model) in SETS.items():
        data, out, before = opened(folder, images, arguments.data), arguments.out / folder, spent()
        tuned = vt.tune(
            data, model=model, trials=arguments.trials, out=out / "search", progress=False
        )
        searched = spent() - before
        seeds = range(1, 1 + arguments.seeds)
        shared = {"model": model, "doctor": False, "progress": False}
        usual = trained(out / "usual", data, seeds, **shared)
        best = trained(out / "best", data, seeds, **{**shared, **tuned.settings})
        gap = spread(best - usual)
        low, high = gap.interval
        settings = in_words(tuned.settings)
        verdict = "yes" if low > 0 else "no, worse" if high < 0 else "not shown"
        print(
            f"| {name} | {usual.mean():.2%} | {best.mean():.2%} | {100 * gap.mean:+.2f} "
            f"({100 * low:+.2f} to {100 * high:+.2f}) | {verdict} | {settings} | {searched:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
