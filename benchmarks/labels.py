"""`vitreous check --deep` against what was planted: wrong labels, and near duplicates.

Labels: 5 % of the labels of digits and of subsets of MNIST are flipped to another class. What the
deep check suspects is compared with what was flipped, and cleanlab is asked about the very same
out-of-fold probabilities (`pip install cleanlab`; without it its columns are empty).

Duplicates: each of some photos and pictures is stored again, resized, saved as JPEG, mirrored,
cropped by 4 % at each side, brighter or darker, and several of these at once. False pairs are those
between images that have nothing to do with each other.

python benchmarks/labels.py [labels] [duplicates]
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.splits.folds import folds
from vitreous.doctor.deep.label_errors import suspicious
from vitreous.doctor.deep.near_copies import near_copies, thumbnails
from vitreous.doctor.deep.out_of_fold import out_of_fold
from vitreous.doctor.deep.witness import SmallNet

FLIPPED = 0.05
SEEDS = (0, 1, 2)


def subset(name: str, count: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a named set, of MNIST's some at random."""
    data = vt.open(name)
    labels = data.targets["class"].array
    ids = np.arange(len(labels))
    if count is not None:
        ids = np.sort(np.random.default_rng(seed).permutation(len(labels))[:count])
    return data.pixels[ids], labels[ids]


def flipped(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels with 5 % changed to another class, and where."""
    draw = np.random.default_rng(100 + seed)
    where = draw.permutation(len(labels))[: round(FLIPPED * len(labels))]
    changed = labels.copy()
    changed[where] = (labels[where] + draw.integers(1, 10, len(where))) % 10
    return changed, where


def quality(found: np.ndarray, planted: np.ndarray) -> dict[str, float]:
    right = len(np.intersect1d(found, planted))
    return {"precision": right / max(len(found), 1), "recall": right / len(planted)}


def labels(names: tuple[tuple[str, int | None], ...]) -> list[dict[str, Any]]:
    table = []
    for name, count in names:
        for seed in SEEDS:
            images, true = subset(name, count, seed)
            given, planted = flipped(true, seed)
            data = ArrayDataset(name, images, {"class": ClassNumbers(given, "0123456789")})
            side = max(images.shape[1], 16)
            contract = PixelContract(height=side, width=side, channels=images.shape[3])
            rows = np.stack([contract.row(image) for image in images])
            start, cpu = time.perf_counter(), time.process_time()
            told = out_of_fold(SmallNet(rows, contract), folds(data, 5), given, 10, seed=seed)
            found = suspicious(told.probabilities, told.labels)
            row = {
                "data": name,
                "images": len(given),
                "seed": seed,
                "accuracy": float((told.answers == true[told.ids]).mean()),
                **quality(told.ids[found.rows], planted),
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
            }
            for method in ("prune_by_noise_rate", "confident_learning"):
                try:
                    from cleanlab.filter import find_label_issues
                except ImportError:
                    continue
                theirs = find_label_issues(
                    told.labels, told.probabilities, filter_by=method, n_jobs=1,
                    return_indices_ranked_by="normalized_margin",
                )  # fmt: skip
                peer = quality(told.ids[theirs], planted)
                row |= {f"cleanlab {method} {key}": value for key, value in peer.items()}
            print(json.dumps(row), flush=True)
            table.append(row)
    return table


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
    found = np.asarray(Image.open(file))
    return found if found.ndim == 3 else found[..., None]


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    size = (max(8, round(image.shape[1] * factor)), max(8, round(image.shape[0] * factor)))
    found = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return found if found.ndim == 3 else found[..., None]


def cropped(image: np.ndarray, share: float) -> np.ndarray:
    down, right = (round(share * side) for side in image.shape[:2])
    return image[down : image.shape[0] - down, right : image.shape[1] - right]


def brighter(image: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(image * factor, 0, 255).astype(np.uint8)


AGAIN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "half the size": lambda image: scaled(image, 0.5),
    "JPEG of quality 40": lambda image: jpeg(image, 40),
    "mirrored": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "cropped by 4 % a side": lambda image: cropped(image, 0.04),
    "brighter by 25 %": lambda image: brighter(image, 1.25),
    "darker by 30 %": lambda image: brighter(image, 0.7),
    "mirrored, cropped by 3 %, JPEG 60": lambda image: jpeg(cropped(image[:, ::-1], 0.03), 60),
}


def duplicates(name: str, count: int, planted: int) -> list[dict[str, Any]]:
    """Each way of AGAIN, planted among the images of a set."""
    data = vt.open(name)
    draw = np.random.default_rng(0)
    ids = draw.permutation(len(data))[:count]
    images = [data.read(int(index)) for index in ids]
    strict = min(min(image.shape[:2]) for image in images) < 32
    table = []
    for way, change in AGAIN.items():
        if strict and "crop" in way:
            continue
        start, cpu = time.perf_counter(), time.process_time()
        several = [*images, *(np.ascontiguousarray(change(image)) for image in images[:planted])]
        contract = PixelContract(height=64, width=64, channels=data.channels, fit="squash")
        rows = np.stack([contract.row(image) for image in several])
        sides = np.array([min(image.shape[:2]) for image in several]) if strict else None
        found = near_copies(thumbnails(rows, np.arange(len(rows))), sides=sides)
        pairs = {(pair.one, pair.other) for pair in found}
        right = sum((place, len(images) + place) in pairs for place in range(planted))
        # A planted image that looks like another one of the set is so because its original does.
        false = {(one, other) for one, other in pairs if other < len(images)}
        row = {
            "data": name,
            "images": len(several),
            "way": way,
            "found": right / planted,
            "pairs of other images": len(false),
            "images in these": len({place for pair in false for place in pair}) / len(images),
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - cpu,
        }
        print(json.dumps(row), flush=True)
        table.append(row | {"examples": sorted(false)[:10]})
    return table


def printed(table: list[dict[str, Any]]) -> None:
    """As a table of Markdown."""
    names = [name for name in table[0] if name != "examples"]
    print("\n| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in table:
        cells = (row.get(name, "") for name in names)
        told = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
        print("| " + " | ".join(told) + " |")


def main(asked: list[str]) -> None:
    if not asked or "labels" in asked:
        printed(labels((("digits", None), ("mnist", 2000), ("mnist", 5000))))
    if not asked or "duplicates" in asked:
        printed(duplicates("imagenette", 1000, 200))
        printed(duplicates("mnist", 1000, 100))


if __name__ == "__main__":
    main(sys.argv[1:])
