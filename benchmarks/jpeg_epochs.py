"""JPEG epochs: a folder of photos read by vitreous, torchvision, fastai and Keras, in turns.

    python benchmarks/jpeg_epochs.py [--cores 1 2] [--rounds 3] [--data FOLDER]

All read the same class folders and give batches of augmented float images of one size, which no
network consumes; `jpeg_sides.py` says how. A round has new processes, whose start and imports do
not count. The first epoch begins with opening the folder and, for vitreous, with an empty cache;
later epochs follow in turns, so that a busy machine slows all. Ratios are taken between epochs of
one turn; given are their median and, in brackets, the least and the largest.

The bound is what decoding alone would allow: OpenCV on bytes in memory, one thread, times the
cores; nothing is resized or written.

`make bench` makes the peers' environments, .venv-peers and .venv-keras. A peer that cannot be
started is left out, and said to be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from jpeg_sides import BATCH, SIDES, SIZE
from training_peers import Absent, Side, processor, spread
from vitreous.heap import keep_freed

HERE = Path(__file__).parent
WIDTH, HEIGHT, QUALITY = 500, 375, 90  # of the photos: the middle of ImageNet's
Rates = dict[str, list[list[float]]]  # images a second by side: of each round, of each epoch


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


def decoding(folder: Path) -> float:
    """Photos that one thread decodes in a second."""
    cv2.setNumThreads(1)
    keep_freed()  # else the system finds and zeroes each photo's pages: as long again
    files = [np.fromfile(path, np.uint8) for path in folder.rglob("*.jpg")]
    start = time.perf_counter()
    for file in files:
        cv2.imdecode(file, cv2.IMREAD_COLOR)
    return len(files) / (time.perf_counter() - start)


class Reader(Side):
    """A process that reads the folder once whenever it is told to."""

    def __init__(self, title: str, folder: Path, cores: int, python: str) -> None:
        self.title = title
        self.rounds = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by __exit__)
        self._process = subprocess.Popen(
            [python, str(HERE / "jpeg_sides.py"), title, str(folder), str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __exit__(self, *error: object) -> None:
        self._process.communicate()  # no more lines: it ends, and removes its cache
        self._errors.close()


def measure(folder: Path, cores: int, options: argparse.Namespace) -> tuple[Rates, list[float]]:
    """What all sides, and decoding alone, have reached on so many cores."""
    pythons = {"fastai": options.peers, "Keras": options.keras}
    rates: Rates = {title: [] for title in SIDES}
    bounds = []
    for number in range(options.rounds):
        sides = []
        with ExitStack() as stack:
            for title in [*rates]:
                side = Reader(title, folder, cores, pythons.get(title, sys.executable))
                stack.enter_context(side)
                try:
                    side.read()
                    sides.append(side)
                except Absent as reason:
                    if title == "vitreous":
                        raise SystemExit(str(reason)) from None
                    print(f"{reason}\n", flush=True)
                    del rates[title]
            bounds.append(cores * decoding(folder))  # beside the first epochs
            for _ in range(1 + options.epochs):
                for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                    side.turn()
        for side in sides:
            if any(epoch["images"] != options.count for epoch in side.rounds):
                raise SystemExit(f"{side.title} has not read all {options.count} photos")
            rates[side.title].append([epoch["rate"] for epoch in side.rounds])
    return rates, bounds


def row(title: str, rates: Rates, part: slice) -> str:
    """The table's row about these epochs of each round."""
    flat = {side: [rate for one in found for rate in one[part]] for side, found in rates.items()}
    shown = [f"{median(flat[side]):,.0f}" if side in flat else "–" for side in SIDES]
    ours = flat.pop("vitreous")
    best = max(flat.values(), key=median, default=None)
    ratio = spread([a / b for a, b in zip(ours, best, strict=True)]) if best else "–"
    return f"| {title} | {' | '.join(shown)} | {ratio} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kept = Path(os.environ.get("VITREOUS_DATA", ".")) / "imagenette/train"
    parser.add_argument(
        "--data",
        type=Path,
        default=kept if kept.is_dir() else None,
        help="folder of JPEGs to enlarge; default: imagenette/train in $VITREOUS_DATA, or textures",
    )
    parser.add_argument("--scratch", type=Path, help="where photos and packs are written")
    parser.add_argument("--count", type=int, default=1000, help="photos")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=3, help="later epochs in each round")
    parser.add_argument("--rounds", type=int, default=3)
    for peer, place in (("peers", ".venv-peers"), ("keras", ".venv-keras")):
        beside = HERE.parent / place / "bin/python"
        default = str(beside) if beside.exists() else sys.executable
        parser.add_argument(f"--{peer}", default=default, help="the Python that has them")
    options = parser.parse_args()
    rows, bounds = [], []
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = Path(name) / "photos"
        photos(folder, options.data, options.count)
        for cores in options.cores:
            rates, bound = measure(folder, cores, options)
            rows.append(row(f"{cores}, first", rates, slice(1)))
            rows.append(row(f"{cores}, later", rates, slice(1, None)))
            shares = [one[0] / most for one, most in zip(rates["vitreous"], bound, strict=True)]
            bounds.append(f"| {cores} | {median(bound):,.0f} | {spread(shares)} |")
    kind = "photos" if options.data else "textures"
    print(f"{options.count} JPEGs ({kind}) of {WIDTH} × {HEIGHT} to batches of {BATCH} images of")
    print(f"{SIZE}², a worker a core; images per second, medians. {processor()}\n")
    print(f"| cores, epoch | {' | '.join(SIDES)} | vitreous ÷ best peer |")
    print("|---" * (len(SIDES) + 2) + "|")
    print("\n".join(rows))
    print("\n| cores | decoding alone | of that, vitreous' first epoch |\n|---|---|---|")
    print("\n".join(bounds))


if __name__ == "__main__":
    main()
