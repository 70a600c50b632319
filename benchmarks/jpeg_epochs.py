"""Epochs over a folder of JPEGs: vitreous against torchvision's ImageFolder and DataLoader.

Both read the same class folders and give batches of augmented float images of one size. torchvision
does what its users do (RandomResizedCrop, RandomHorizontalFlip, ToTensor; two workers that are kept
between epochs); vitreous uses its `standard` recipe, which changes colors as well. The first epoch
begins with opening the folder and, for vitreous, with an empty cache. Turns alternate, so that a
busy machine slows both. No network consumes the batches.

    python benchmarks/jpeg_epochs.py --data $VITREOUS_DATA/imagenette/train
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import peers
from vitreous.augment import named_policy
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats.open import open as open_data

WIDTH, HEIGHT, QUALITY = 500, 375, 90  # of the photos: the middle of ImageNet's


def photos(folder: Path, source: Path | None, count: int, classes: int = 10) -> None:
    """Class folders of JPEGs of 500 × 375, enlarged from `source` or made of smooth noise."""
    found = sorted(source.rglob("*.[jJ]*")) if source else []
    for number in range(count):
        if found:
            image = cv2.imread(str(found[number * len(found) // count]))
        else:
            image = np.random.default_rng(number).integers(0, 256, (94, 125, 3), np.uint8)
        image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        path = folder / f"class{number % classes}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


class Vitreous:
    """One run: a fresh cache, then epochs."""

    def __init__(self, folder: Path, options: argparse.Namespace):
        data = open_data(folder)
        contract = PixelContract(height=options.size, width=options.size, channels=3)
        self.cache = tempfile.TemporaryDirectory(dir=options.scratch)
        packed = pack(data, contract, cache=Path(self.cache.name), threads=options.workers)
        self.batches = Batches(
            packed.rows,
            packed.targets,
            np.flatnonzero(packed.good),
            contract,
            batch_size=options.batch_size,
            augment=named_policy("standard", contract=contract, classes=data.classes),
            threads=options.workers,
        )
        self.done = 0

    def epoch(self) -> int:
        self.done += 1
        return sum(len(batch) for batch in self.batches.epoch(self.done - 1))


class Torchvision:
    """One run: fresh workers, then epochs."""

    def __init__(self, folder: Path, options: argparse.Namespace):
        from torch.utils.data import DataLoader

        torchvision = peers.torchvision()
        transforms = torchvision.transforms
        data = torchvision.datasets.ImageFolder(
            folder,
            transforms.Compose(
                [
                    transforms.RandomResizedCrop(options.size),
                    transforms.RandomHorizontalFlip(),
                    transforms.ToTensor(),
                ]
            ),
        )
        self.loader = DataLoader(
            data,
            options.batch_size,
            shuffle=True,
            num_workers=options.workers,
            persistent_workers=True,
        )

    def epoch(self) -> int:
        return sum(len(images) for images, _ in self.loader)


def measure(folder: Path, options: argparse.Namespace) -> dict[tuple[str, str], list[float]]:
    """Images per second by (contestant, first or later), over all rounds."""
    rates: dict[tuple[str, str], list[float]] = {}

    def clock(name: str, when: str, work: Callable[[], int]) -> None:
        start = time.perf_counter()
        images = work()
        rates.setdefault((name, when), []).append(images / (time.perf_counter() - start))

    for _ in range(options.rounds):
        runs: dict[str, Vitreous | Torchvision] = {}

        def begin(kind: type[Vitreous] | type[Torchvision], runs: dict[str, Any] = runs) -> int:
            runs[kind.__name__] = kind(folder, options)
            return runs[kind.__name__].epoch()

        for kind in (Vitreous, Torchvision):
            clock(kind.__name__, "first", partial(begin, kind))
        for _ in range(options.epochs):
            for name, run in runs.items():
                clock(name, "later", run.epoch)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of JPEGs to enlarge; default: textures")
    parser.add_argument("--scratch", type=Path, help="where photos and packs are written")
    parser.add_argument("--count", type=int, default=1000, help="photos")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3, help="later epochs in each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    peers.torchvision()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = Path(name) / "photos"
        photos(folder, options.data, options.count)
        rates = measure(folder, options)
    print(f"{options.count} JPEGs of {WIDTH} × {HEIGHT} to batches of {options.batch_size} images")
    print(f"of {options.size}², {options.workers} workers; images per second, medians")
    print("\n| epoch | torchvision | vitreous | ratio | lowest – highest ratio |")
    print("|---|---|---|---|---|")
    for when in ("first", "later"):
        theirs, ours = rates["Torchvision", when], rates["Vitreous", when]
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        print(
            f"| {when} | {statistics.median(theirs):,.0f} | {statistics.median(ours):,.0f} "
            f"| {statistics.median(ratios):.1f} | {min(ratios):.1f} – {max(ratios):.1f} |"
        )


if __name__ == "__main__":
    main()
