"""One pass over all images: which can be decoded, how large they are, and how each one looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.data import likeness
from vitreous.data.content import printable, read_bytes
from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.decode import decode, header
from vitreous.data.files import FileDataset
from vitreous.data.quarantine import BadImage
from vitreous.errors import ImageError

TASK = 64  # images that one thread takes at a time
AT_LEAST = 64  # pixels of the shorter side that are enough to look at an image


@dataclass(frozen=True)
class Survey:
    """What is known of each image; rows of images that cannot be read are zero.

    bad      the images that cannot be decoded
    good     (N,) bool
    sizes    (N, 2) height and width, as stored
    kinds    (N,) positions in `modes`
    modes    kinds of pixels, such as "JPEG RGB" or "PNG I;16"
    stored   (N,) bytes on disk, or in memory for arrays
    peaks    (N,) brightest value, 0 to 255
    flat     (N,) bool: all pixels are equal
    prints   (N,) fingerprints for likeness
    """

    bad: tuple[BadImage, ...]
    good: NDArray[np.bool_]
    sizes: NDArray[np.int32]
    kinds: NDArray[np.int16]
    modes: tuple[str, ...]
    stored: NDArray[np.int64]
    peaks: NDArray[np.uint8]
    flat: NDArray[np.bool_]
    prints: NDArray[np.uint64]


def survey(
    dataset: Dataset,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Decode every image once, by several threads."""
    count = len(dataset)
    sizes = np.zeros((count, 2), np.int32)
    kinds = np.zeros(count, np.int16)
    stored = np.zeros(count, np.int64)
    peaks = np.zeros(count, np.uint8)
    flat = np.zeros(count, bool)
    prints = np.zeros(count, np.uint64)
    good = np.zeros(count, bool)
    modes: dict[str, int] = {}

    def look(start: int) -> list[BadImage]:
        bad = []
        for index in range(start, min(start + TASK, count)):
            try:
                image, sizes[index], mode, stored[index] = _read(dataset, index)
            except ImageError as error:
                bad.append(BadImage(index, dataset.id(index), error.message))
                continue
            kinds[index] = modes.setdefault(mode, len(modes))
            peaks[index] = image.max()
            flat[index] = image.min() == peaks[index] if image.shape[2] == 1 else _is_flat(image)
            prints[index] = likeness.fingerprint(likeness.thumbnail(image))
            good[index] = True
        return bad

    bad: list[BadImage] = []
    starts = range(0, count, TASK)
    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1), "survey") as executor:
        for start, damaged in zip(starts, executor.map(look, starts), strict=True):
            bad += damaged
            if progress:
                progress(min(start + TASK, count), count)
    return Survey(tuple(bad), good, sizes, kinds, tuple(modes), stored, peaks, flat, prints)


def _read(dataset: Dataset, index: int) -> tuple[Pixels, tuple[int, int], str, int]:
    """The image, its size as stored, its mode, its bytes."""
    if not isinstance(dataset, FileDataset):
        image = dataset.read(index)
        return image, image.shape[:2], f"array of {image.shape[2]} channels", image.nbytes
    path = dataset.path(index)
    data, where = read_bytes(path), printable(path)
    head = header(data, where=where)
    image = decode(data, channels=dataset.channels, at_least=AT_LEAST, where=where)
    return image, (head.height, head.width), f"{head.format} {head.mode}", len(data)


def _is_flat(image: Pixels) -> bool:
    return bool((image == image[0, 0]).all())
