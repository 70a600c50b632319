"""Images that lie in memory: NumPy arrays, `.npz` files, the digits that come along."""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import ClassNumbers, Column
from vitreous.data.dataset import Dataset, Part, Pixels
from vitreous.data.doubt import Doubt
from vitreous.data.formats.labels import encode
from vitreous.data.images.pixels import as_bytes, check_channel_axis
from vitreous.data.images.read_file import printable
from vitreous.data.images.remarks import WORDS, Remark, listening
from vitreous.data.maps import Maps
from vitreous.errors import DataError, ImageError
from vitreous.formats import counted

MAX_ARRAY_BYTES = 16 << 30  # that an archive may unfold to
DENSEST = 1032  # no deflate stream unfolds to more than this many times its length
# What reading a damaged, encrypted or foreign archive may raise.
DAMAGED = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)

# Names of arrays in an archive: Keras' own sets, MedMNIST's, and the plain ones.
ARCHIVE = {
    ("x_train", "y_train"): Part.TRAIN,
    ("x_val", "y_val"): Part.VALIDATION,
    ("x_test", "y_test"): Part.TEST,
    ("train_images", "train_labels"): Part.TRAIN,
    ("val_images", "val_labels"): Part.VALIDATION,
    ("test_images", "test_labels"): Part.TEST,
    ("images", "labels"): Part.UNASSIGNED,
    ("x", "y"): Part.UNASSIGNED,
}
CLASSES = ("classes", "class_names")
ID: dict[int, str] = {
    Part.UNASSIGNED: "image",
    Part.TRAIN: "train",
    Part.VALIDATION: "validation",
    Part.TEST: "test",
}


class ArrayDataset(Dataset):
    """Images (N, H, W, C) uint8 with their targets; an id is "part/number" within that part."""

    pixels: NDArray[np.uint8]

    def __init__(
        self,
        name: str,
        images: NDArray[np.uint8],
        targets: Mapping[str, Column],
        *,
        parts: NDArray[np.int8] | None = None,
        notes: Sequence[str] = (),
    ):
        self.name, self.notes = name, tuple(notes)
        self.pixels, self.targets = images, targets
        self.parts = np.full(len(images), Part.UNASSIGNED, np.int8) if parts is None else parts
        self.channels = images.shape[3]
        self._ranks = np.zeros(len(images), np.int32)  # within the part
        for part in Part:
            mine = self.parts == part
            self._ranks[mine] = np.arange(np.count_nonzero(mine))

    def id(self, index: int) -> str:
        return f"{ID[self.parts.item(index)]}/{self._ranks.item(index)}"

    def read(self, index: int, at_least: int = 0) -> Pixels:
        return np.asarray(self.pixels[index])

    def digest(self, index: int) -> bytes:
        return digest(self.pixels[index])


def digest(image: Pixels) -> bytes:
    """16 bytes that identify pixels, together with their height, width and channels."""
    content = b"%d %d %d " % image.shape + image.tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def from_arrays(images: Any, labels: Any = None, *, name: str = "arrays") -> ArrayDataset:
    """Images (N, H, W) or (N, H, W, C) with labels as `encode` takes them, or without any.

    Images are uint8, uint16, or floats in [0, 1]; a torch tensor is (N, C, H, W). Raises DataError.
    """
    return _join(name, [(Part.UNASSIGNED, images, labels)], None)


def open_npz(path: Path) -> ArrayDataset:
    """An `.npz` file with x_train, y_train, x_test, y_test, or images, labels; without any labels
    the images are unlabeled. Raises DataError.
    """
    where = printable(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            _check_headers(archive)
        if size > MAX_ARRAY_BYTES:
            raise DataError(
                f"unfolds to {size / 2**30:,.0f} GiB; {MAX_ARRAY_BYTES >> 30} GiB are allowed",
                where=where,
                remedy="Write the images as files in class folders instead.",
            )
        with np.load(path, allow_pickle=False) as arrays:
            found = [
                (part, arrays[images], arrays[labels])
                for (images, labels), part in ARCHIVE.items()
                if images in arrays and labels in arrays
            ] or [
                (part, arrays[images], None)
                for (images, _), part in ARCHIVE.items()
                if images in arrays
            ]
            classes = next((arrays[key].ravel().tolist() for key in CLASSES if key in arrays), None)
            names = sorted(arrays.files)
    except DAMAGED as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"is no .npz file that can be read: {error}",
            where=where,
            remedy="Save it again with np.savez; arrays of objects are never loaded.",
        ) from error
    if not found:
        raise DataError(
            f"holds the arrays {', '.join(names) or 'none'}",
            where=where,
            remedy="Expected x_train, y_train, x_test, y_test, or images, labels.",
        )
    return _join(path.stem, found, classes)


def _check_headers(archive: zipfile.ZipFile) -> None:
    """Raises ValueError for an array that promises more than the archive holds: its memory would be
    reserved before a byte is read.
    """
    for member in archive.infolist():
        if member.file_size > DENSEST * max(member.compress_size, 1):
            raise ValueError(f"{member.filename} promises more than the file can hold")
        if not member.filename.endswith(".npy"):
            continue
        with archive.open(member) as file:
            if np.lib.format.read_magic(file) == (1, 0):
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
            else:
                shape, _, kind = np.lib.format.read_array_header_2_0(file)
        needed = math.prod(shape) * kind.itemsize
        if needed > member.file_size and not kind.hasobject:
            raise ValueError(
                f"{member.filename} promises {needed:,} bytes and holds {member.file_size:,}"
            )


def digits() -> ArrayDataset:
    """UCI's 1,797 handwritten digits of 8 × 8 pixels; values 0 to 16 become 0 to 255."""
    path = files("vitreous.data.formats") / "digits" / "digits.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
        images, labels = found["images"], found["labels"]
    images = np.rint(images * (255 / 16)).astype(np.uint8)[..., None]
    return ArrayDataset("digits", images, {"class": ClassNumbers(labels, [*"0123456789"])})


def join(
    name: str,
    found: Sequence[tuple[Part, NDArray[np.uint8], NDArray[np.int64]]],
    classes: Sequence[str],
    notes: Sequence[str] = (),
) -> ArrayDataset:
    """Parts that are uint8 (N, H, W, C) with class numbers already. Raises DataError."""
    images = joined(name, [part[1] for part in found])
    parts = np.repeat([part for part, _, _ in found], [len(part[2]) for part in found])
    labels = np.concatenate([labels for _, _, labels in found])
    targets = {"class": ClassNumbers(labels, classes)}
    return ArrayDataset(name, images, targets, parts=parts.astype(np.int8), notes=notes)


def joined(name: str, pieces: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images (N, H, W, C) of all parts, one after the other; DataError where H, W or C differ."""
    if len({piece.shape[1:] for piece in pieces}) > 1:
        raise DataError(
            f"parts differ in shape: {', '.join(str(piece.shape) for piece in pieces)}",
            where=name,
            remedy="Bring all images to one height, width and number of channels.",
        )
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _join(
    name: str, found: Sequence[tuple[Part, Any, Any]], classes: Sequence[str] | None
) -> ArrayDataset:
    read = [_images(images, f"{name}, {ID[part]}") for part, images, _ in found]
    pieces, lost = [images for images, _ in read], [note for _, notes in read for note in notes]
    parts = np.repeat([part for part, _, _ in found], [len(piece) for piece in pieces])
    parts = parts.astype(np.int8)
    if all(labels is None for _, _, labels in found):
        return ArrayDataset(name, joined(name, pieces), {}, parts=parts, notes=lost)
    labels = [_array(each, f"labels of {name}, {ID[part]}") for part, _, each in found]
    for (part, _, _), images, targets in zip(found, pieces, labels, strict=True):
        if targets.ndim and len(images) != len(targets):
            raise DataError(
                f"has {counted(len(images), 'image')} and {counted(len(targets), 'label')}",
                where=f"{name}, {ID[part]}",
                remedy="Give one label for each image.",
            )
    images = joined(name, pieces)
    columns, notes = encode(labels, classes, name)
    masks = columns.get("mask")
    if isinstance(masks, Maps) and masks.size != images.shape[1:3]:
        raise DataError(
            f"has images of {images.shape[1:3]} and masks of {masks.size} (height, width)",
            where=name,
            remedy="Bring both to one size.",
        )
    return ArrayDataset(name, images, columns, parts=parts, notes=[*notes, *lost])


def _images(source: Any, where: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Images (N, H, W, C), and what is lost, in words. Raises DataError."""
    images = _array(source, where)
    tensor = hasattr(source, "detach")
    if images.ndim == 4:
        with _in_array(where):
            check_channel_axis(images.shape, first=tensor)
    if tensor and images.ndim == 4:
        images = np.moveaxis(images, 1, 3)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise DataError(
            f"images have the shape {np.shape(source)}",
            where=where,
            remedy="Use the shape (number, height, width) or (number, height, width, channels).",
        )
    if not len(images):
        _refuse_empty(where)
    with listening() as told, _in_array(where):
        made = as_bytes(images)
    words = [WORDS[remark] for remark in told]
    if Remark.LOST in told:
        raise DataError(
            f"each image {words[0].one}: all are {made.flat[0]} of 255",
            where=where,
            remedy=words[0].remedy,
        )
    notes: list[str] = [f"{where}: the array {each.one}. {each.remedy}" for each in words]
    if images.dtype == np.uint8 and images.max() == 1:
        notes.append(
            Doubt(
                f"{where}: the images hold 0 and 1 alone, of 255: nearly black",
                kind="dim",
                remedy="If they were fractions, they were cut off: multiply by 255 before they "
                "become uint8.",
            )
        )
    return made, tuple(notes)


@contextmanager
def _in_array(where: str) -> Iterator[None]:
    """What is wrong with one image is wrong with the array."""
    try:
        yield
    except ImageError as error:
        raise DataError(f"images: {error.message}", where=where, remedy=error.remedy) from error


def _array(source: Any, where: str) -> NDArray[Any]:
    try:
        return np.asarray(source.detach().cpu() if hasattr(source, "detach") else source)
    except ValueError as error:
        raise DataError(
            "has rows of different lengths", where=where, remedy="Make all of one shape."
        ) from error


def _refuse_empty(where: str) -> Any:
    raise DataError("holds no images", where=where, remedy="Add at least one.")
