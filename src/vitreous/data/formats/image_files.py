"""Data sets of image files below one folder: what class folders and manifests open to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import stamp
from vitreous.data.columns import Column
from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.images.decode import decode, header
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.data.names import Names
from vitreous.errors import ImageError

SNIFFED = 64  # files whose headers decide the number of channels

SUFFIXES = frozenset(
    b".jpg .jpeg .jpe .jfif .png .gif .webp .bmp .dib .tif .tiff".split()
    + b".ppm .pgm .pbm .pnm .avif .jp2 .j2k .jpx .npy".split()
)


class FileDataset(Dataset):
    """One file an image.

    root      the folder to which ids are relative
    names     ids, in order
    channels  None: told from the headers of some files
    notes     what was left out or looks odd, in words
    """

    root: str

    def __init__(
        self,
        root: Path,
        names: Names,
        targets: Mapping[str, Column],
        *,
        parts: NDArray[np.int8],
        name: str | None = None,
        channels: int | None = None,
        groups: NDArray[np.int64] | None = None,
        weights: NDArray[np.float32] | None = None,
        notes: Sequence[str] = (),
    ):
        self.root = os.fspath(root)
        self.name = name or printable(Path(root).resolve().name) or "data"
        self.names = names
        self.targets, self.parts = targets, parts
        self.groups, self.weights, self.notes = groups, weights, tuple(notes)
        self.channels = channels or self._sniff_channels()

    def id(self, index: int) -> str:
        return self.names[index]

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.names[index])

    def source(self, index: int) -> str:
        return self.path(index)

    def read(self, index: int, at_least: int = 0) -> Pixels:
        return decode(self.path(index), channels=self.channels, at_least=at_least)

    def digest(self, index: int) -> bytes:
        return hashlib.blake2b(read_bytes(self.path(index)), digest_size=16).digest()

    def stamp(self, index: int) -> bytes:
        return stamp(self.path(index))

    def _sniff_channels(self) -> int:
        """1 if all of a sample are gray, C if all have the same many channels, else 3."""
        sample = np.unique(np.linspace(0, len(self) - 1, min(SNIFFED, len(self))).astype(np.int64))
        found = set()
        for index in sample.tolist():
            try:
                found.add(header(self.path(index)).channels)
            except ImageError:
                continue  # named later, when it is to be decoded
        return found.pop() if len(found) == 1 else 3
