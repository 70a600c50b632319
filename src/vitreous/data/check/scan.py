"""Scan of all images in one pass: which can be decoded, how large they are, how each one looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import Ledger, file_keys, is_stored
from vitreous.data.check import perceptual_hash as likeness
from vitreous.data.dataset import Dataset, Pixels, Progress
from vitreous.data.images import png
from vitreous.data.images.decode import decode, header
from vitreous.data.images.map_images import map_images
from vitreous.data.images.pixels import one_color
from vitreous.data.images.remarks import Remark, listening, merged, tell
from vitreous.data.images.unreadable import BadImage

TASK = 64  # images that one thread takes at a time
AT_LEAST = 64  # pixels of the shorter side that are enough to look at an image
VERSION = 2  # of the rules by which images are looked at

# What is known of one image; as in `Survey`.
ROW = np.dtype(
    [
        ("size", "<i4", 2),
        ("stored", "<i8"),
        ("prints", "<u8", likeness.FRAMES),
        ("mode", "S24"),
        ("flat", "?"),
        ("told", "u1"),
    ]
)


@dataclass(frozen=True)
class Survey:
    """What is known of each image; rows of images that cannot be read are zero.

    bad      the images that cannot be decoded
    good     (N,) bool
    sizes    (N, 2) height and width, as stored
    kinds    (N,) positions in `modes`
    modes    kinds of pixels, such as "JPEG RGB" or "PNG I;16"
    stored   (N,) bytes on disk, or in memory for arrays
    flat     (N,) bool: all pixels are equal
    prints   (N, frames) fingerprints for likeness
    told     (N,) remarks, such as that few shades are left
    """

    bad: tuple[BadImage, ...]
    good: NDArray[np.bool_]
    sizes: NDArray[np.int32]
    kinds: NDArray[np.int16]
    modes: tuple[str, ...]
    stored: NDArray[np.int64]
    flat: NDArray[np.bool_]
    prints: NDArray[np.uint64]
    told: NDArray[np.uint8]

    @classmethod
    def unseen(cls, good: NDArray[np.bool_]) -> Survey:
        """Of images of which only is known which can be read."""
        rows = np.zeros(len(good), ROW)
        kinds = np.zeros(len(good), np.int16)
        columns = (rows[name] for name in ("stored", "flat", "prints", "told"))
        return cls((), good, rows["size"], kinds, ("",), *columns)


def survey(
    dataset: Dataset,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Decode every image once, by several threads; what is known of files is kept in a ledger.

    Files that cannot be read are tried again each time: what hindered may be gone, and it is quick.
    """
    count = len(dataset)
    rows = np.zeros(count, ROW)
    good = np.zeros(count, bool)
    ledger, salt = None, rules(dataset)
    if is_stored(dataset):
        ledger, (keys, cacheable) = Ledger("surveys", dataset), file_keys(dataset, salt)
        good |= ledger.recall(keys, as_bytes(rows))
    unknown = np.flatnonzero(~good)

    def look(index: int) -> tuple[Any, ...]:
        with listening() as remarks:
            image, size, mode, stored = _read(dataset, index)
        looks = likeness.fingerprint(likeness.thumbnail(image))
        return size, stored, looks, mode.encode(), one_color(image), merged(remarks)

    bad: list[BadImage] = []
    passing = map_images(
        dataset, look, ROW, unknown, chunk=TASK, threads=threads, progress=progress
    )
    good[unknown] = True
    for indices, found, damaged in passing:
        rows[indices] = found
        good[[image.index for image in damaged]] = False
        bad += damaged
    if ledger and len(unknown) > len(bad):
        ledger.keep(keys[good & cacheable], as_bytes(rows)[good & cacheable])
    modes, kinds = np.unique(rows["mode"], return_inverse=True)
    return Survey(
        tuple(bad),
        good,
        rows["size"],
        kinds.astype(np.int16),
        tuple(mode.decode() for mode in modes.tolist()),
        rows["stored"],
        rows["flat"],
        rows["prints"],
        rows["told"],
    )


def rules(dataset: Dataset) -> bytes:
    """What the looks of an image depend on beside its file."""
    return f"{VERSION} {cv2.__version__} {PIL.__version__} {dataset.channels}".encode()


def as_bytes(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    """(N, width) bytes that share the memory of N records."""
    return rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)


def _read(dataset: Dataset, index: int) -> tuple[Pixels, tuple[int, int], str, int]:
    """The image, its size as stored, its mode, its bytes."""
    data, where = dataset.encoded(index), dataset.place(index)
    if data is None:
        image = dataset.read(index)
        return image, image.shape[:2], f"array of {image.shape[2]} channels", image.nbytes
    head = header(data, where=where)
    if head.format == "PNG" and not png.is_whole(data):  # which decoding does not look at
        tell(Remark.SKIPPED)
    image = decode(data, channels=dataset.channels, at_least=AT_LEAST, where=where)
    return image, (head.height, head.width), f"{head.format} {head.mode}", len(data)
