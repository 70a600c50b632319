"""The pack, a cache of decoded images: rows of bytes in one file that is mapped into memory.

The first epoch pays for decoding, every later one and every later run gathers rows. A pack's name
is a hash of all that its content depends on; it appears under that name only when it is complete,
so a killed build leaves nothing that could be mistaken for one. Nothing is written for images that
lie in memory already; where the disk has no room, images are decoded each time they are needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray

from vitreous.atomic import replacing
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder as caches
from vitreous.data.cache.file_cache import is_settled
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.images.map_images import map_images
from vitreous.data.images.unreadable import BadImage
from vitreous.errors import DataError, ImageError, StorageError

VERSION = 3  # of the file's layout and of the rules by which rows are made
TASK = 4 << 20  # bytes of rows that one thread decodes at a time
FLUSH = 32 << 20  # bytes after which the disk has to write, while threads go on decoding
END = struct.Struct("<Q8s")  # length of the footer, and a mark that the file is complete
MARK = b"vitreous"


class Streaming:
    """Rows that are decoded each time they are asked for; indexed like an array of rows.

    shape  (N, H, W, C)
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self, dataset: Dataset, contract: PixelContract, good: NDArray[np.bool_], threads: int
    ):
        self.shape = (len(dataset), *contract.shape)
        self._dataset, self._contract, self._good = dataset, contract, good
        self._executor = ThreadPoolExecutor(threads, "decode")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, ids: int | slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The row of one id, or the rows of a slice or an array of ids, (B, H, W, C).

        Raises ImageError if a file that could be decoded before no longer can.
        """
        chosen = np.arange(len(self))[ids]
        rows = np.zeros((chosen.size, *self.shape[1:]), np.uint8)

        def fill(position: int) -> None:
            index = int(chosen.flat[position])
            if self._good[index]:
                rows[position] = _row(self._dataset, self._contract, index)

        for _ in self._executor.map(fill, range(chosen.size)):
            pass
        return rows.reshape(*chosen.shape, *self.shape[1:])


Rows: TypeAlias = NDArray[np.uint8] | Streaming


@dataclass(frozen=True)
class Pack:
    """The rows of a whole data set, ready to be gathered into batches.

    rows  (N, H, W, C) uint8, read-only where it is a file; zero where an image is damaged
    bad   the damaged images
    path  the file behind the rows, if there is one
    note  why there is none, in words, if that costs time
    """

    rows: Rows
    bad: tuple[BadImage, ...] = ()
    path: Path | None = None
    note: str | None = None

    @property
    def good(self) -> NDArray[np.bool_]:
        """(N,) False where the image is damaged."""
        good = np.ones(len(self.rows), np.bool_)
        good[[image.index for image in self.bad]] = False
        return good


def pack(
    dataset: Dataset,
    contract: PixelContract,
    *,
    cache: Path | None = None,
    threads: int = 2,
    bad_images: Literal["skip", "raise"] = "skip",
    progress: Progress | None = None,
) -> Pack:
    """Decode every image once, or find the pack of an earlier run.

    cache       folder for packs; default: `cache.folder()`
    threads     that decode; the data set's `read` is called from all of them
    bad_images  skip: list damaged images in `bad`; raise: ImageError at the first
    progress    called with (images done, images in all), if images have to be decoded

    Raises ImageError, and DataError if no image at all can be decoded.
    """
    pixels = dataset.pixels
    if pixels is not None and pixels.shape[1:] == contract.shape:
        return Pack(pixels)
    if not len(dataset):
        return Pack(np.zeros((0, *contract.shape), np.uint8))
    path = (cache or caches.folder()) / "packs" / f"{key(dataset, contract)}.rows"
    made = _find(path, len(dataset), contract)
    if made is None:
        decoded = _decoded(dataset, contract, threads, bad_images, progress)
        note = caches.no_room(path.parent, len(dataset) * int(np.prod(contract.shape)), "a pack")
        if note is None:
            try:
                made = _write(path, decoded, contract)
            except StorageError as error:
                note = f"the pack {error.message}"
                decoded = _decoded(dataset, contract, threads, bad_images, progress)
        if made is None:
            bad = tuple(image for _, damaged in decoded for image in damaged)
            good = Pack(np.zeros((len(dataset), 0), np.uint8), bad).good
            made = Pack(Streaming(dataset, contract, good, threads), bad, note=note)
    if made.bad and bad_images == "raise":
        raise _damaged(made.bad[0])
    if len(made.bad) == len(dataset):
        raise DataError(
            f"none of the {len(dataset):,} images can be decoded; {made.bad[0].reason}",
            where=made.bad[0].id,
            remedy="Look at the files with `vitreous check`.",
        )
    return made


def key(dataset: Dataset, contract: PixelContract) -> str:
    """A hash of everything that the rows depend on: files, sizes, times, rules and contract; of
    files that were just written the content, because the next write may not change their time.
    """
    state = blake2b(digest_size=20)
    rules = [VERSION, cv2.__version__, PIL.__version__, contract.to_json()]
    # Unpacking can give other files the same names, sizes and times, in another folder.
    place = os.path.abspath(getattr(dataset, "root", ""))
    state.update(json.dumps([type(dataset).__name__, place, len(dataset), *rules]).encode())
    for index in range(len(dataset)):
        try:
            stamp = dataset.stamp(index)
            if isinstance(dataset, FileDataset) and not is_settled(stamp):
                stamp += dataset.digest(index)
        except ImageError as error:
            stamp = error.message.encode("utf-8", "surrogateescape")
        name = dataset.id(index).encode("utf-8", "surrogateescape")
        state.update(struct.pack("<QQ", len(name), len(stamp)) + name + stamp)
    return state.hexdigest()


Decoded: TypeAlias = Generator[tuple[NDArray[np.uint8], list[BadImage]], None, None]


def _decoded(
    dataset: Dataset,
    contract: PixelContract,
    threads: int,
    bad_images: str,
    progress: Progress | None,
) -> Decoded:
    """All rows in order, some at a time."""
    step = min(64, max(1, TASK // int(np.prod(contract.shape))))
    read = partial(_row, dataset, contract)
    row = np.dtype((np.uint8, contract.shape))
    passing = map_images(dataset, read, row, chunk=step, threads=threads, progress=progress)
    with contextlib.closing(passing):
        for _, rows, bad in passing:
            if bad and bad_images == "raise":
                raise _damaged(bad[0])
            yield rows, bad


def _row(dataset: Dataset, contract: PixelContract, index: int) -> NDArray[np.uint8]:
    if isinstance(dataset, FileDataset):
        # As prediction does it: the number of channels that `read` gives was told from a sample.
        return contract.load(dataset.path(index))
    return contract.row(dataset.read(index, contract.at_least))


def _damaged(image: BadImage) -> ImageError:
    return ImageError(
        image.reason,
        where=image.id,
        remedy="Repair or remove the file, or leave it out with --bad-images skip.",
    )


def _write(path: Path, decoded: Decoded, contract: PixelContract) -> Pack:
    """The file: all rows, then a footer of JSON, its length and a mark."""
    bad: list[BadImage] = []
    count = flushed = 0
    with replacing(path) as file, contextlib.closing(decoded):
        for rows, damaged in decoded:
            file.write(rows.data)
            count += len(rows)
            bad += damaged
            if file.tell() - flushed >= FLUSH:
                file.flush()
                os.fsync(file.fileno())
                flushed = file.tell()
        footer = {
            "shape": [count, *contract.shape],
            "bad": [[image.index, image.id, image.reason] for image in bad],
        }
        text = json.dumps(footer).encode()
        file.write(text + END.pack(len(text), MARK))
    made = _find(path, count, contract)
    if made is None:
        raise StorageError("disappeared right after it was written", where=str(path))
    return made


def _find(path: Path, count: int, contract: PixelContract) -> Pack | None:
    """The pack in this file, if it is there and whole."""
    shape = (count, *contract.shape)

    def read(path: Path) -> Pack:
        with open(path, "rb") as file:
            size = file.seek(-END.size, os.SEEK_END) + END.size
            length, mark = END.unpack(file.read(END.size))
            if mark != MARK or size != int(np.prod(shape)) + length + END.size:
                raise ValueError("not whole")
            file.seek(-END.size - length, os.SEEK_END)
            footer = json.loads(file.read(length))
        if tuple(footer["shape"]) != shape:
            raise ValueError("of another shape")
        mapped = np.memmap(path, np.uint8, "r", shape=shape)
        bad = tuple(BadImage(*image) for image in footer["bad"])
        return Pack(mapped.view(np.ndarray), bad, path)

    return caches.find(path, read)
