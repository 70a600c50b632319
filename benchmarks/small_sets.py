"""Small data sets to choose defaults by: photos, blood cells, street, joints, membranes, CIFAR-10.

Each lies in a folder with one folder a class, as a user would have it; what is cut out of larger
pictures is written once into a working folder. Pieces of one picture never lie on both sides:
what is drawn to learn from comes from other pictures than what is tested on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vitreous as vt
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.arrays import ArrayDataset

DATA = Path(os.environ.get("VITREOUS_DATA", "."))
MOST = 120  # pieces of a class to learn from that are cut out of larger pictures
SOME = 80  # of a class to test on
STREET = {1: "building", 5: "tree", 6: "sign", 7: "fence", 8: "car", 9: "pedestrian"}
JOINTS = {"ankle": (0, 5), "knee": (1, 4), "hip": (2, 3), "wrist": (6, 11), "head": (13,)}
Small = Callable[[int], tuple[Dataset, NDArray[np.int8]]]
Piece = tuple[str, str, Image.Image]  # part, class, picture


@dataclass(frozen=True)
class SmallSet:
    """What is drawn from a pool of images, anew with each seed.

    pool    a key of POOLS
    images  to learn from and to choose the epoch by, of each class; the classes are drawn, too
    chosen  the defaults were chosen on it; otherwise they were only confirmed there
    """

    pool: str
    images: tuple[int, ...]
    chosen: bool

    def draw(
        self, labels: NDArray[np.int64], train: NDArray[np.int64], seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows to learn from, rows to choose by (15 %, one of each class at least), and classes.

        labels  (N,) of the pool; train: the rows that may be drawn
        """
        random = np.random.default_rng((seed, len(self.images), sum(self.images)))
        classes = random.permutation(int(labels.max()) + 1)[: len(self.images)]
        learned, held = [], []
        for number, count in zip(classes, self.images, strict=True):
            mine = random.permutation(train[labels[train] == number])[:count]
            cut = max(round(0.15 * len(mine)), 1)
            held.append(mine[:cut])
            learned.append(mine[cut:])
        return np.concatenate(learned), np.concatenate(held), classes


def cells() -> Iterable[Piece]:
    """Red cells, white cells and platelets, cut out of the photos of BCCD by their boxes."""
    root = DATA / "bccd"
    for part, names in (("train", "trainval"), ("test", "test")):
        for name in (root / "ImageSets/Main" / f"{names}.txt").read_text().split():
            picture = Image.open(root / "JPEGImages" / f"{name}.jpg").convert("RGB")
            given = 0
            for thing in ElementTree.parse(root / "Annotations" / f"{name}.xml").iter("object"):
                kind = thing.findtext("name") or ""
                box = [int(float(thing.findtext(f"bndbox/{side}") or 0)) for side in BOX]
                large = min(box[2] - box[0], box[3] - box[1]) > 12
                if large and (kind != "RBC" or given < 2):  # there are too many of these
                    given += kind == "RBC"
                    yield part, kind, picture.crop((box[0], box[1], box[2], box[3]))


BOX = ("xmin", "ymin", "xmax", "ymax")


def street() -> Iterable[Piece]:
    """72 × 72 pixels of CamVid round a place of a class, one of each class a picture."""
    random = np.random.default_rng(0)
    for part, source in (("train", "train"), ("test", "test")):
        for path in sorted((DATA / "camvid" / source).iterdir()):
            picture = Image.open(path).convert("RGB")
            mask = np.asarray(
                Image.open(path.parent.with_name(f"{source}annot") / f"{path.stem}.png")
            )
            for number, kind in STREET.items():
                places = np.argwhere(mask == number)
                if len(places) > 150:
                    y, x = places[random.integers(len(places))]
                    left = int(np.clip(x - 36, 0, mask.shape[1] - 72))
                    top = int(np.clip(y - 36, 0, mask.shape[0] - 72))
                    yield part, kind, picture.crop((left, top, left + 72, top + 72))


def joints() -> Iterable[Piece]:
    """Squares of the athletes of Leeds round their joints, a third of their height wide."""
    table = np.load(DATA / "leeds/joints.npy")
    for number, body in enumerate(table):
        part = "train" if number < 300 else "test"
        picture = Image.open(DATA / f"leeds/images/im{number + 1:05}.jpg").convert("RGB")
        seen = body[body[:, 2] > 0, :2]
        reach = max(float(np.ptp(seen, axis=0).max()) / 6, 12.0)
        for kind, places in JOINTS.items():
            x, y, visible = body[places[number % len(places)]]
            if visible > 0:
                yield (
                    part,
                    kind,
                    picture.crop(
                        tuple(int(v) for v in (x - reach, y - reach, x + reach, y + reach))
                    ),
                )


def membranes() -> Iterable[Piece]:
    """65 × 65 gray pixels of a brain under the microscope: is a membrane in the middle, or not?"""
    random = np.random.default_rng(0)
    for number in range(30):
        picture = Image.open(DATA / f"membrane/image/{number}.png").convert("L")
        label = np.asarray(Image.open(DATA / f"membrane/label/{number}.png"))
        part = "train" if number < 24 else "test"
        for kind, value in (("membrane", 0), ("inside", 255)):
            places = np.argwhere(label[32:-32, 32:-32] == value)
            for y, x in places[random.permutation(len(places))[: 8 if number < 24 else 40]]:
                yield part, kind, picture.crop((x, y, x + 65, y + 65))


def cifar() -> Iterable[Piece]:
    """Some images of CIFAR-10, which are enlarged."""
    data = vt.open(DATA / "cifar-10-batches-bin")
    labels, parts = data.targets["class"].array, data.parts
    for part, value in (("train", Part.TRAIN), ("test", Part.TEST)):
        for number, kind in enumerate(data.classes):
            for row in np.flatnonzero((parts == value) & (labels == number))[:SOME]:
                yield part, kind, Image.fromarray(data.pixels[row])


POOLS: dict[str, Callable[[], Iterable[Piece]] | None] = {
    "imagenette": None,  # is a folder of classes already
    "bccd": cells,
    "camvid": street,
    "leeds": joints,
    "membrane": membranes,
    "cifar": cifar,
}

SETS = {
    "photos, 10 × 100": SmallSet("imagenette", (100,) * 10, True),
    "photos, 10 × 10": SmallSet("imagenette", (10,) * 10, True),
    "photos, 2 × 60": SmallSet("imagenette", (60,) * 2, True),
    "photos, 5, 60 to 6": SmallSet("imagenette", (60, 34, 19, 11, 6), True),
    "cells, 3 × 60": SmallSet("bccd", (60,) * 3, True),
    "street, 6 × 30": SmallSet("camvid", (30,) * 6, True),
    "photos, 10 × 30": SmallSet("imagenette", (30,) * 10, False),
    "photos, 5 × 100": SmallSet("imagenette", (100,) * 5, False),
    "joints, 5 × 100": SmallSet("leeds", (100,) * 5, False),
    "joints, 5, 100 to 10": SmallSet("leeds", (100, 56, 32, 18, 10), False),
    "membranes, 2 × 100": SmallSet("membrane", (100,) * 2, False),
    "CIFAR-10, 10 × 50": SmallSet("cifar", (50,) * 10, False),
    "CIFAR-10, 2 × 30": SmallSet("cifar", (30,) * 2, False),
}
"""By name: number of classes × images of each, or from most to fewest."""


def drawn_parts(labels: NDArray[np.int64], images: int, test: int, seed: int) -> NDArray[np.int8]:
    """The part of each row: so many of each class to learn from and choose by, and to test on."""
    random = np.random.default_rng(seed)
    parts = np.full(len(labels), Part.UNASSIGNED, np.int8)
    held = max(round(0.15 * images), 1)
    for number in np.unique(labels):
        mine = random.permutation(np.flatnonzero(labels == number))
        parts[mine[:held]] = Part.VALIDATION
        parts[mine[held:images]] = Part.TRAIN
        parts[mine[images : images + test]] = Part.TEST
    return parts


def small(name: str, images: int, test: int, classes: int = 10) -> Small:
    """Some images of a set that is learned from scratch; a seed draws them."""

    def draw(seed: int) -> tuple[Dataset, NDArray[np.int8]]:
        data = vt.open(name)
        labels = data.targets["class"].array
        wanted = np.random.default_rng((seed, classes)).permutation(len(data.classes))[:classes]
        rows = np.flatnonzero(np.isin(labels, wanted))
        parts = drawn_parts(labels[rows], images, test, seed)
        rows, parts = rows[parts != Part.UNASSIGNED], parts[parts != Part.UNASSIGNED]
        names = [data.classes[number] for number in np.sort(wanted)]
        column = ClassNumbers(np.searchsorted(np.sort(wanted), labels[rows]), names)
        return ArrayDataset(data.name, data.pixels[rows], {"class": column}), parts

    return draw


SMALL_IMAGES: dict[str, Small] = {
    "digits, 10 × 60": small("digits", 60, 60),
    "scattered, 10 × 100": small("scattered", 100, 60),
    "MNIST, 10 × 50": small("mnist", 50, 60),
    "CIFAR-10, 10 × 50": small("cifar-10-batches-bin", 50, 60),
    "CIFAR-10, 2 × 100": small("cifar-10-batches-bin", 100, 300, 2),
}
"""By name: number of classes × images of each."""


def folder(pool: str, work: Path) -> Path:
    """The folder of a pool, with train/ and another part; it is written where it is not yet."""
    cut = POOLS[pool]
    if cut is None:
        return DATA / pool
    root = work / pool
    done = root / "whole"
    if not done.exists():
        counts: dict[tuple[str, str], int] = {}
        for part, kind, picture in cut():
            number = counts.get((part, kind), 0)
            if number < (MOST if part == "train" else SOME):
                place = root / part / kind
                place.mkdir(parents=True, exist_ok=True)
                picture.save(place / f"{number:04}.png")
                counts[part, kind] = number + 1
        done.touch()
    return root
