"""The pack: every image decoded once, as rows of bytes in files that are mapped into memory.

The first epoch pays for decoding, every later one and every later run gathers rows. A pack's name
is a hash of all that its content depends on; it appears under that name only when it is complete,
so a killed build leaves nothing that could be mistaken for one. Nothing is written for images that
lie in memory already; where the disk has no room, images are decoded each time they are needed.
Targets that lie in the images are fitted like them; maps are further rows of the same file.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray

from vitreous.data.batches import pack_files as files
from vitreous.data.batches.decoding import Decoding, damaged
from vitreous.data.batches.fitted import Frames, fitted, moving
from vitreous.data.batches.pack_files import Block
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.batches.streaming import Streaming
from vitreous.data.cache import cache_folder as caches
from vitreous.data.cache.file_cache import is_cacheable, sample_digest, settled
from vitreous.data.columns import Column
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.images.unreadable import BadImage
from vitreous.data.maps import MapRows, maps_of
from vitreous.data.outside import cut_off
from vitreous.data.parted_rows import PartedRows
from vitreous.errors import DataError, ImageError, StorageError

VERSION = 4  # of the file's layout and of the rules by which rows are made

Rows: TypeAlias = NDArray[np.uint8] | Streaming | PartedRows


@dataclass(frozen=True)
class Pack:
    """The rows of a whole data set, ready to be gathered into batches.

    rows     (N, H, W, C) uint8, read-only where it is a file; zero where an image is damaged
    bad      the damaged images, and those with a damaged mask
    path     the file behind the rows, if there is one
    note     why there is none, in words, if that costs time
    remarks  what was lost when the images were read and fitted, in words
    targets  the data set's columns; those that lie in the image in the pixels of the rows
    frames   how each image became its row; None where no target asked for it
    """

    rows: Rows
    bad: tuple[BadImage, ...] = ()
    path: Path | None = None
    note: str | None = None
    targets: Mapping[str, Column] = field(default_factory=dict)
    frames: Frames | None = None
    remarks: tuple[str, ...] = ()

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
    targets: Mapping[str, Column] | None = None,
    cache: Path | None = None,
    threads: int = 2,
    bad_images: Literal["skip", "raise"] = "skip",
    progress: Progress | None = None,
) -> Pack:
    """Decode every image once, or find the pack of an earlier run.

    targets     columns to fit into the window; default: all that the data set has
    cache       folder for packs; default: `cache.folder()`
    threads     that decode; the data set's `read` is called from all of them
    bad_images  skip: list damaged images in `bad`; raise: ImageError at the first
    progress    called with (images done, images in all), if images have to be decoded

    Raises ImageError, and DataError if no image at all can be decoded, or all become one color.
    """
    columns = dataset.targets if targets is None else targets
    moved, maps = moving(columns, contract), maps_of(columns).values()
    pixels, size = dataset.pixels, (contract.height, contract.width)
    fits = all(column.size == size for column in maps)
    if pixels is not None and pixels.shape[1:] == contract.shape and fits:
        frames = Frames(contract, np.full((len(pixels), 2), size)) if moved else None
        return Pack(pixels, targets=columns, frames=frames)
    if not len(dataset):
        return Pack(np.zeros((0, *contract.shape), np.uint8), targets=columns)
    path = (cache or caches.folder()) / "packs" / f"{key(dataset, contract, columns)}.rows"
    decoding = Decoding(dataset, columns, contract, threads, bad_images, progress)
    made = _find(path, decoding)
    if made is None:
        needed = sum(block.size for block in _blocks(decoding))
        note = caches.no_room(path.parent, needed, "a pack")
        if note is None:
            try:
                with caches.room_for(path.parent, needed, "a pack"):
                    made = _write(path, decoding)
            except StorageError as error:
                note = f"{error.where}: {error.message}"
        if made is None:
            for _ in decoding.pieces():
                pass
            note = f"{note}; images are decoded each time they are needed"
            rows, bad = Streaming(dataset, contract, decoding.good, threads), tuple(decoding.bad)
            made = Pack(rows, bad, None, note, columns, remarks=decoding.remarks)
            if moved:
                placed = fitted(columns, decoding.frames, decoding.maps())
                made = replace(made, targets=placed, frames=decoding.frames)
    if made.frames is not None:
        told = cut_off(columns, made.targets, made.frames.sizes, made.good, dataset.id)
        made = replace(made, remarks=(*made.remarks, *told))
    if made.bad and bad_images == "raise":
        raise damaged(made.bad[0])
    if len(made.bad) == len(dataset):
        raise DataError(
            f"none of the {len(dataset):,} images can be decoded; {made.bad[0].reason}",
            where=made.bad[0].id,
            remedy=f"{made.bad[0].remedy or ''} Look at the files with `vitreous check`.".lstrip(),
        )
    return made


def key(
    dataset: Dataset, contract: PixelContract, targets: Mapping[str, Column] | None = None
) -> str:
    """A hash of everything that the rows depend on: names, sizes, times and numbers of files, rules
    and contract; of files that were just written the content, because the next write may not change
    their times, and of some where all were written at one time.

    targets  whose maps are in the same file, and by default all of the data set's
    """
    columns = dataset.targets if targets is None else targets
    state = blake2b(digest_size=20)
    rules = [VERSION, cv2.__version__, PIL.__version__, contract.to_json()]
    # Unpacking can give other files the same names, sizes and times, in another folder.
    place = settled(dataset.root) if dataset.root else ""
    state.update(json.dumps([type(dataset).__name__, place, len(dataset), *rules]).encode())
    maps = maps_of(columns)
    if moving(columns, contract):
        kinds = [
            [name, kind.dtype.name, len(kind.classes), kind.ignore, kind.rows.rules().hex()]
            + ([kind.channels] if kind.channels else [])
            for name, kind in maps.items()
        ]
        state.update(json.dumps(["sizes", *kinds]).encode())
    sources: list[Dataset | MapRows] = [dataset, *(column.rows for column in maps.values())]
    for images in sources:
        stamps = [_stamp(images, index) for index in range(len(dataset))]
        state.update(sample_digest(images, stamps))
        for index, stamp in enumerate(stamps):
            name = dataset.id(index).encode("utf-8", "surrogateescape")
            state.update(struct.pack("<QQ", len(name), len(stamp)) + name + stamp)
    return state.hexdigest()


def _stamp(images: Dataset | MapRows, index: int) -> bytes:
    """The stamp of an image or a map, and the content of a file that was just written."""
    try:
        stamp = images.stamp(index)
        if images.source(index) is not None and not is_cacheable(stamp):
            stamp += images.digest(index)
    except ImageError as error:
        return error.message.encode("utf-8", "surrogateescape")
    return stamp


def _blocks(decoding: Decoding) -> list[Block]:
    """What the file holds: images, maps, and where targets move, the sizes of the images."""
    count, shape = len(decoding.dataset), decoding.contract.shape
    blocks = [Block(np.dtype(np.uint8), (count, *shape))]
    for column in maps_of(decoding.targets).values():
        blocks.append(Block(column.dtype, (count, *column.shape(*shape[:2]))))
    if decoding.moved:
        blocks.append(Block(decoding.sizes.dtype, decoding.sizes.shape))
    return blocks


def _write(path: Path, decoding: Decoding) -> Pack:
    """The rows of all images, and then what was found while they were decoded."""
    blocks = _blocks(decoding)

    def footer() -> dict[str, Any]:
        return {
            "shape": blocks[0].shape,
            "bad": [astuple(image) for image in decoding.bad],
            "remarks": decoding.remarks,
        }

    with contextlib.closing(decoding.pieces()) as pieces:
        files.write(path, blocks, pieces, footer)
    made = _find(path, decoding)
    if made is None:
        raise StorageError("disappeared right after it was written", where=str(path))
    return made


def _find(path: Path, decoding: Decoding) -> Pack | None:
    """The pack in this file, if it is there and whole."""
    blocks = _blocks(decoding)

    def read(path: Path) -> Pack:
        footer, mapped = files.read(path, blocks)
        bad = tuple(BadImage(*image) for image in footer["bad"])
        made = Pack(mapped[0], bad, path, remarks=tuple(footer["remarks"]))
        if not decoding.moved:
            return replace(made, targets=decoding.targets)
        frames = Frames(decoding.contract, np.asarray(mapped[-1]))
        maps = dict(zip(maps_of(decoding.targets), mapped[1:-1], strict=True))
        return replace(made, targets=fitted(decoding.targets, frames, maps), frames=frames)

    return caches.find(path, read)
