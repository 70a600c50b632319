"""Maps of real numbers in files, one for each image: depths, and clean pictures."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import stamp
from vitreous.data.images.decode import decode, header
from vitreous.data.images.depth_map import read_depth
from vitreous.data.images.read_file import read_bytes
from vitreous.data.maps import MapRows, Maps
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError

SAMPLE = 16  # files that are looked at to say what they hold


class MapFiles(MapRows):
    """One file a map.

    root   the folder to which names are relative
    names  of the files, in order
    """

    kind: ClassVar[bytes]  # of reading, by which packs differ

    def __init__(self, root: Path, names: Names):
        self.root, self.names = os.fspath(root), names

    def __len__(self) -> int:
        return len(self.names)

    def source(self, index: int) -> str:
        return os.path.join(self.root, self.names[index])

    def stamp(self, index: int) -> bytes:
        return stamp(self.source(index))

    def digest(self, index: int) -> bytes:
        try:
            content = read_bytes(self.source(index)) + self.kind
        except ImageError:
            return b"unreadable"
        return hashlib.blake2b(content, digest_size=16).digest()

    def rules(self) -> bytes:
        return self.kind

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]: ...


class DepthFiles(MapFiles):
    """Depths, (h, w) float32 in the unit of the files; NaN where nothing was measured."""

    kind = b"depth 1"

    def read(self, index: int) -> NDArray[np.float32]:
        return read_depth(self.source(index))


class PictureFiles(MapFiles):
    """Pictures as targets, (h, w, K) float32 in [0, 1]."""

    kind = b"picture 1"

    def __init__(self, root: Path, names: Names, channels: int):
        super().__init__(root, names)
        self.channels = channels

    def rules(self) -> bytes:
        return self.kind + str(self.channels).encode()

    def read(self, index: int) -> NDArray[np.float32]:
        picture = decode(self.source(index), channels=self.channels)
        return np.divide(picture, 255, dtype=np.float32)


def depths_in_files(root: Path, names: Names) -> tuple[Maps, str]:
    """The column of these depth maps, and what they hold, in words. Raises DataError if none of a
    few can be read, or none tells a distance.
    """
    files = DepthFiles(root, names)
    found, reason = list[NDArray[np.float32]](), ImageError("shows no distance above 0")
    for index in _few(len(names)):
        try:
            depths = files.read(index)
            found.append(depths[np.isfinite(depths)])
        except ImageError as error:  # it is named when it is packed
            reason = error
    known = np.concatenate([*found, np.zeros(0, np.float32)])
    if not len(known):
        raise DataError(
            f"no depth map can be used: one {reason.message}",
            where=reason.where or files.source(0),
            remedy=reason.remedy or "Store distances above 0; 0 means that nothing was measured.",
        )
    note = (
        f"depths are taken in the unit of their files, from {known.min():.4g} to "
        f"{known.max():.4g} in {len(found)} of them; 0 and NaN were not measured and are ignored"
    )
    return Maps(files, interpolation="linear"), note


def pictures_in_files(root: Path, names: Names) -> tuple[Maps, str]:
    """The column of these pictures: all gray, or in colors."""
    channels = set()
    for index in _few(len(names)):
        try:
            channels.add(header(os.path.join(root, names[index])).channels)
        except ImageError:
            continue  # it is named when it is packed
    number = channels.pop() if len(channels) == 1 else 3
    files = PictureFiles(root, names, number)
    return Maps(files, interpolation="linear", channels=number), ""


def _few(count: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, SAMPLE).astype(int)).tolist() if count else []
