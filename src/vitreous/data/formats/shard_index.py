"""Shard index: what one pass over a shard has found, in flat arrays, kept in the cache.

A shard is one file that holds many images, a tar archive or a Parquet table. Each is read once from
end to end; from then on an image is a place in it, with a digest of its content and its label. The
index is found again by what tells of a change of the shard.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import replacing
from vitreous.data.cache import cache_folder
from vitreous.data.cache.file_cache import SIZE
from vitreous.data.images.decode import header
from vitreous.data.names import Names
from vitreous.errors import ImageError

FIRST, EVERY = 16, 16  # images whose headers are looked at
VERSION = 2  # of what is found in a shard
LARGEST = (1 << 32) - 1  # bytes: what is larger is refused when it is read
NO_IMAGE = "samples without an image"  # the kind of unread ones that are a loss
UNLABELED = -1  # the number of the word of an image without a label


@dataclass(frozen=True)
class ShardIndex:
    """The images of one shard, in order.

    names    in the shard
    starts   (N,) where each begins: bytes in an archive, rows in a table
    sizes    (N,) of what is stored, in bytes
    digests  (N, 16) of what is stored
    keys     (N,) hashes of the names of the samples, 0 where they have none
    labels   (N,) int32 positions in `words`, UNLABELED where there is none
    words    the labels that occur, as they are written
    classes  names that the shard itself gives to its numbers; none in most
    channels numbers of channels that some of the images have
    unread   what else lies there and is not read
    unread_counts  (M,) how much of each
    """

    names: Names
    starts: NDArray[np.uint64]
    sizes: NDArray[np.uint32]
    digests: NDArray[np.uint8]
    keys: NDArray[np.uint64]
    labels: NDArray[np.int32]
    words: tuple[str, ...]
    channels: NDArray[np.int64]
    classes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    unread_counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    def without(self, left_out: NDArray[np.bool_]) -> ShardIndex:
        """Without these images, (N,)."""
        kept = np.flatnonzero(~left_out)
        arrays = {name: getattr(self, name)[kept] for name in NUMBERS}
        return replace(self, names=Names(self.names[n] for n in kept.tolist()), **arrays)


@dataclass
class Gathered:
    """The images of a shard as they are found."""

    names: list[str] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    digests: bytearray = field(default_factory=bytearray)
    keys: array[int] = field(default_factory=lambda: array("Q"))
    labels: array[int] = field(default_factory=lambda: array("i"))
    words: dict[str, int] = field(default_factory=dict)
    channels: set[int] = field(default_factory=set)
    seen: int = 0

    def look(self, image: bytes) -> None:
        """At the headers of some: the first ones, and then every so many."""
        self.seen += 1
        if self.seen <= FIRST or self.seen % EVERY == 0:
            with contextlib.suppress(ImageError):  # it is named later, when it is to be decoded
                self.channels.add(header(image).channels)

    def add(
        self, name: str, start: int, size: int, digest: bytes, word: str | None, key: str = ""
    ) -> None:
        """One image.

        word  its label, as it is written
        key   the name of its sample
        """
        self.names.append(name)
        self.starts.append(start)
        self.sizes.append(min(size, LARGEST))
        self.digests += digest
        hashed = blake2b(os.fsencode(key), digest_size=8).digest() if key else b""
        self.keys.append(int.from_bytes(hashed, "little"))
        known = UNLABELED if word is None else self.words.setdefault(word, len(self.words))
        self.labels.append(known)

    def index(self, classes: Iterable[str], unread: Mapping[str, int]) -> ShardIndex:
        return ShardIndex(
            Names(self.names),
            np.frombuffer(self.starts, np.uint64),
            np.frombuffer(self.sizes, np.uint32),
            np.frombuffer(self.digests, np.uint8).reshape(-1, SIZE),
            np.frombuffer(self.keys, np.uint64),
            np.frombuffer(self.labels, np.int32),
            tuple(self.words),
            np.array(sorted(self.channels), np.int64),
            tuple(classes),
            tuple(unread),
            np.array([*unread.values()], np.int64),
        )


def recall(mark: bytes) -> ShardIndex | None:
    """The index of a shard that was read before; None if it was not, or has changed."""

    def read(path: Path) -> ShardIndex:
        with np.load(path, allow_pickle=False) as found:
            texts = {name: Names.of(*(found[f"{name} {kind}"] for kind in KINDS)) for name in TEXTS}
            numbers: dict[str, Any] = {name: found[name] for name in (*NUMBERS, *OTHERS)}
        lists: dict[str, Any] = {name: tuple(texts[name]) for name in TEXTS[1:]}
        return ShardIndex(texts["names"], **numbers, **lists)

    return cache_folder.find(_path(mark), read)


def keep(mark: bytes, index: ShardIndex) -> None:
    """Into the cache; one that cannot be written is none."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(index, name) for name in (*NUMBERS, *OTHERS)}
    for name in TEXTS:
        texts = getattr(index, name)
        texts = texts if isinstance(texts, Names) else Names(texts)
        arrays |= zip((f"{name} {kind}" for kind in KINDS), texts.arrays, strict=True)
    path = _path(mark)
    if cache_folder.no_room(path.parent, sum(a.nbytes for a in arrays.values()), "an index"):
        return
    with contextlib.suppress(OSError), replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


TEXTS = ("names", "words", "classes", "unread")
NUMBERS = ("starts", "sizes", "digests", "keys", "labels")
OTHERS = ("channels", "unread_counts")
KINDS = ("letters", "ends")


def _path(mark: bytes) -> Path:
    name = blake2b(mark + bytes([VERSION]), digest_size=SIZE).hexdigest()
    return cache_folder.folder() / "shards" / f"{name}.npz"
