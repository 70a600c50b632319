"""IDX, the format of MNIST and its relatives: four files, plain or gzip-compressed.

A big-endian number 0x0000TTDD (TT the type, 0x08 for bytes; DD the number of axes), one 32-bit size
for each axis, then the values, row by row.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits", yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import DENSEST, ArrayDataset, join
from vitreous.data.formats.labels import numbered
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

NAME = re.compile(r"(?:.*-)?(train|t10k|test)-(images|labels)[-.]idx([134])-ubyte(\.gz)?")
PARTS = {"train": Part.TRAIN, "t10k": Part.TEST, "test": Part.TEST}
MAX_VALUES = 1 << 33

# BLAKE2b of MNIST's own 60,000 training labels: then the last 10,000 images are the validation
# part, the customary 50,000 + 10,000 + 10,000.
MNIST_LABELS = "c142f118bb9591d78225d991fff0988b"


def is_idx(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def open_idx(folder: Path, *, test: int | None = None) -> ArrayDataset:
    """The pairs of image and label files in `folder`; one pair is enough.

    test  keep only so many test images, the first ones; None keeps all. The 5,000 of some lectures
          are these; published figures use all 10,000.

    Raises DataError with the file concerned.
    """
    files = _files(folder)
    found = []
    for part in sorted({part for part, _ in files}):
        for kind in ("images", "labels"):
            if (part, kind) not in files:
                there = files[part, "labels" if kind == "images" else "images"]
                raise DataError(
                    f"lies there without its {kind}",
                    where=printable(there),
                    remedy=f"Put the file of the {kind} beside it.",
                )
        images, labels = (_read(files[part, kind], kind) for kind in ("images", "labels"))
        if len(images) != len(labels):
            raise DataError(
                f"has {len(images):,} images, but there are {len(labels):,} labels",
                where=printable(files[part, "images"]),
                remedy="Take both files from the same set.",
            )
        limit = test if part == Part.TEST else None
        found.append((part, images[:limit], labels[:limit].astype(np.int64)))
    numbers = np.concatenate([labels for _, _, labels in found])
    names, notes = numbered(numbers)
    first = int(names[0])
    shifted = [(part, images, labels - first) for part, images, labels in found]
    dataset = join(printable(folder.resolve().name), shifted, names, notes)
    if found[0][0] == Part.TRAIN and _is_mnist(found[0][2]):
        dataset = _canonical(dataset)
    return dataset


def _canonical(dataset: ArrayDataset) -> ArrayDataset:
    parts = dataset.parts.copy()
    parts[50_000:60_000] = Part.VALIDATION
    return ArrayDataset(dataset.name, dataset.pixels, dataset.targets, parts=parts)


def _is_mnist(labels: NDArray[np.int64]) -> bool:
    return (
        len(labels) == 60_000
        and hashlib.blake2b(labels.astype(np.uint8).tobytes(), digest_size=16).hexdigest()
        == MNIST_LABELS
    )


def _files(folder: Path) -> dict[tuple[Part, str], Path]:
    files: dict[tuple[Part, str], Path] = {}
    for path in sorted(folder.iterdir()):
        match = NAME.fullmatch(path.name)
        if match is None:
            continue
        key = PARTS[match[1]], match[2]
        if key in files and files[key].name != path.name.removesuffix(".gz"):
            raise DataError(
                f"and {files[key].name} are both {match[2]} of the {key[0].name.lower()} part",
                where=printable(path),
                remedy="Keep the files of one set in a folder.",
            )
        files.setdefault(key, path)  # of a file and its .gz, the plain one
    return files


def _read(path: Path, kind: str) -> NDArray[np.uint8]:
    """(N, H, W, C) for images, (N,) for labels."""
    axes = (3, 4) if kind == "images" else (1,)
    where = printable(path)
    remedy = "Fetch the file again."
    try:
        packed = _is_packed(path)
        with gzip.open(path) if packed else open(path, "rb") as file:
            sizes = _sizes(file, axes, kind)
            count = int(np.prod(sizes, dtype=np.float64))
            dense = DENSEST if packed else 1
            if count > min(MAX_VALUES, dense * path.stat().st_size):
                raise ValueError(f"promises {count:,} bytes, more than the file can hold")
            content = file.read(count)
            if len(content) < count:
                raise ValueError(f"is cut off: {len(content):,} bytes of {count:,}")
            if file.read(1):
                raise ValueError("goes on after the last value that its header names")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{error}".rstrip("."), where=where, remedy=remedy) from error
    array = np.frombuffer(content, np.uint8).reshape(sizes)
    if 0 in sizes:
        raise DataError(f"holds nothing: its shape is {sizes}", where=where, remedy=remedy)
    return array[..., None] if len(sizes) == 3 else array


def _is_packed(path: Path) -> bool:
    """By its bytes: browsers unpack what they fetch, and keep the name."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _sizes(file: BinaryIO | gzip.GzipFile, axes: tuple[int, ...], kind: str) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:3] != b"\0\0\x08" or magic[3] not in axes:
        expected = " or ".join(f"0x0000080{number}" for number in axes)
        raise ValueError(f"begins with 0x{magic.hex()}; {kind} begin with {expected}")
    head = file.read(4 * magic[3])
    if len(head) < 4 * magic[3]:
        raise ValueError("is cut off in its header")
    return struct.unpack(f">{magic[3]}I", head)
