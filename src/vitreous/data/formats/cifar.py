"""CIFAR-10 and CIFAR-100 in their binary form: rows of label bytes and 32 × 32 × 3 pixel bytes.

CIFAR-10: data_batch_1.bin to data_batch_5.bin, test_batch.bin, names in batches.meta.txt.
CIFAR-100: train.bin, test.bin with a coarse and a fine label, names in fine_label_names.txt.

Krizhevsky (2009), "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset, join
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

SIDE = 32


@dataclass(frozen=True)
class Kind:
    """Files by part; a row is `labels` bytes, the last of which counts, and then the pixels."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    labels: int
    classes: int


KINDS = (
    Kind(
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        ("test_batch.bin",),
        "batches.meta.txt",
        labels=1,
        classes=10,
    ),
    Kind(("train.bin",), ("test.bin",), "fine_label_names.txt", labels=2, classes=100),
)


def is_cifar(names: set[str]) -> bool:
    return any(_fits(kind, names) for kind in KINDS)


def open_cifar(folder: Path) -> ArrayDataset:
    """The binary batches in `folder`; the test part may be missing, single training batches not.

    Raises DataError with the file concerned.
    """
    names = {path.name for path in folder.iterdir()}
    kind = next(kind for kind in KINDS if _fits(kind, names))
    missing = [name for name in kind.train if name not in names]
    if missing and len(missing) < len(kind.train):
        raise DataError(
            f"has no {', '.join(missing)}",
            where=printable(folder),
            remedy="Unpack the archive again.",
        )
    found = []
    for part, files in ((Part.TRAIN, kind.train), (Part.TEST, kind.test)):
        for name in files:
            if name in names:
                found.append((part, *_read(folder / name, kind)))
    classes = _names(folder / kind.names, kind.classes)
    return join(printable(folder.resolve().name), found, classes)


def _fits(kind: Kind, names: set[str]) -> bool:
    files = {*kind.train, *kind.test}
    return bool(files & names) and (kind.labels == 1 or kind.names in names)


def _read(path: Path, kind: Kind) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 32, 32, 3) and labels (N,)."""
    width = kind.labels + 3 * SIDE * SIDE
    size = path.stat().st_size
    if size == 0 or size % width:
        raise DataError(
            f"has {size:,} bytes, which is no multiple of {width:,}",
            where=printable(path),
            remedy="The file is cut off or another one: unpack the archive again.",
        )
    rows = np.fromfile(path, np.uint8).reshape(-1, width)
    labels = rows[:, kind.labels - 1].astype(np.int64)
    if labels.max() >= kind.classes:
        row = int(labels.argmax())
        raise DataError(
            f"row {row} has the label {labels[row]} of {kind.classes} classes",
            where=printable(path),
            remedy="The file is damaged: unpack the archive again.",
        )
    planes = rows[:, kind.labels :].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _names(path: Path, count: int) -> list[str]:
    """Class names, one a line; numbers where the file is missing."""
    if not path.is_file():
        return [str(number) for number in range(count)]
    names = [name for line in read_text_lines(path) for name in line.split()]
    if len(names) != count:
        raise DataError(
            f"names {len(names)} classes, not {count}",
            where=printable(path),
            remedy="Unpack the archive again.",
        )
    return names
