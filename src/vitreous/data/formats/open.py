"""Open data of any form, told from what lies there: `vt.open`.

Folders (class folders, images and masks, IDX, CIFAR), manifests, shards (tar archives, Parquet),
`.npz` files, arrays, torch data sets, and names: `digits` and `scattered` come along, `scenes` and
`crowds` are rendered, every other name is looked for below the folder that VITREOUS_DATA names.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.data.dataset import Dataset
from vitreous.data.doubt import Doubt
from vitreous.data.formats import arrays, cifar, coco, idx, joints, masks, voc, yolo, yolo_yaml
from vitreous.data.formats.class_folders import open_folder
from vitreous.data.formats.coco_json import looks_like_coco
from vitreous.data.formats.foreign_layouts import refuse_foreign
from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.formats.manifest import BadImages, open_manifest
from vitreous.data.formats.scattered import scattered
from vitreous.data.formats.shard_names import (
    is_pattern,
    is_shards,
    open_file,
    open_folder_of_shards,
    open_pattern,
)
from vitreous.data.formats.shards import is_shard
from vitreous.data.formats.table_rows import refuse_other_kinds
from vitreous.data.formats.torch_dataset import TorchDataset
from vitreous.data.images.file_type import recognize
from vitreous.data.images.read_file import printable
from vitreous.data.remote.address import is_address
from vitreous.data.remote.places import resolved
from vitreous.data.rendered import RENDERED
from vitreous.errors import DataError, UsageError

MNIST_5000 = "mnist-5000"  # MNIST with the first 5,000 test images only
TABLES = {".csv", ".tsv"}
SHEETS = {".xlsx", ".xlsm", ".xls", ".txt", ".tab", ".dat"}  # of other programs
NPZ = ".npz"
ALONG: Mapping[str, Callable[[], Dataset]] = {
    "digits": arrays.digits,
    "scattered": scattered,
    **RENDERED,
}
"""The data sets that come along, by name."""


@dataclass(frozen=True)
class FileFormat:
    """A row of `FILES`: of these files, `open` makes a data set."""

    recognizes: Callable[[Path], bool]
    open: Callable[[Path, BadImages], Dataset]


@dataclass(frozen=True)
class FolderFormat:
    """A row of `FOLDERS`: `recognizes` is told the folder and the visible names in it.

    name  of annotations that may lie in one folder with others, "" for layouts of images alone
    """

    recognizes: Callable[[Path, set[str]], bool]
    open: Callable[[Path], Dataset]
    name: str = ""


def open(source: Any, *, bad_images: BadImages = "skip") -> Dataset:
    """A data set from a path, an address, a name, a pair (images, labels), or a torch `Dataset`.

    Labels may be None: images without labels are data, too.

    bad_images  what to do about files that a manifest lists and that are missing: `skip` keeps and
                names them later, `raise` is an error now

    Raises UsageError for a name that is not known, DataError for data that cannot be used.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str) and is_address(source):
        found = resolved(source)
        return found if isinstance(found, Dataset) else _open_path(found, bad_images)
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source), bad_images)
    if isinstance(source, tuple) and len(source) == 2:
        return arrays.from_arrays(*source)
    if isinstance(source, np.ndarray):
        return arrays.from_arrays(source)
    if isinstance(source, Mapping):
        raise DataError(
            f"is a mapping with the keys {', '.join(map(str, source))[:80]}",
            where=type(source).__name__,
            remedy="Give a pair (images, labels), such as (data['images'], data['labels']).",
        )
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return TorchDataset(source)
    raise UsageError(
        f"{type(source).__name__} is nothing that data can be opened from",
        remedy="Use a path, a name, images, a pair (images, labels), or a data set with a length.",
    )


def located(data: str | Path) -> str:
    """Data of this path, address, pattern or name as they can be found again from any folder."""
    text = str(data)
    if is_address(text):
        return text
    if is_pattern(text):
        return os.path.abspath(text)
    return os.path.realpath(text) if os.path.exists(text) else text


def named() -> dict[str, Path | None]:
    """Names that can be opened and where they lie; None for what comes along."""
    names: dict[str, Path | None] = dict.fromkeys(ALONG)
    place = os.environ.get("VITREOUS_DATA")
    if place and os.path.isdir(place):
        for path in sorted(Path(place).iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                names[path.name] = path
            elif path.suffix.lower() in TABLES | {".npz"}:
                names.setdefault(path.stem, path)
    if "mnist" in names:
        names[MNIST_5000] = names["mnist"]
    return names


def _open_path(path: Path, bad_images: BadImages) -> Dataset:
    if not os.path.lexists(path):
        if is_pattern(str(path)):
            return open_pattern(str(path))
        return _open_name(path, bad_images)
    if path.is_dir():
        return _open_folder(path)
    for row in FILES:
        if row.recognizes(path):
            return row.open(path, bad_images)
    raise _no_data(path)


def _open_folder(path: Path) -> Dataset:
    try:
        names = _visible(path)
    except OSError as error:
        raise DataError(
            f"cannot be listed: {error.strerror}",
            where=printable(path),
            remedy="Check the folder and its permissions.",
        ) from error
    row, *more = (row for row in FOLDERS if row.recognizes(path, names))
    data = row.open(path)
    if unread := [other.name for other in more if other.name] if row.name else []:
        data.notes += (
            Doubt(
                f"holds annotations of several kinds: {row.name} are read, "
                f"{' and '.join(unread)} are not",
                kind="several annotations",
                remedy="Move those away that are not meant; a JSON file or a data.yaml can also be "
                "opened by its own path.",
            ),
        )
    return data


def _visible(path: Path) -> set[str]:
    with os.scandir(path) as entries:
        return {entry.name for entry in entries if not entry.name.startswith(".")}


def _archive(path: Path, names: set[str]) -> str | None:
    """The one archive of arrays in a folder without folders."""
    archives = [name for name in names if name.lower().endswith(NPZ)]
    alone = len(archives) == 1 and not any((path / name).is_dir() for name in names)
    return archives[0] if alone else None


def _open_archive(path: Path) -> Dataset:
    return arrays.open_npz(path / (_archive(path, _visible(path)) or ""))


def _open_classes(path: Path) -> Dataset:
    refuse_foreign(path, _visible(path))
    return open_folder(path)


def _is_array_beside_images(path: Path) -> bool:
    return path.name in joints.FILES and joints.is_joints(path.parent, _visible(path.parent))


FILES = (
    FileFormat(
        lambda path: path.suffix.lower() in TABLES,
        lambda path, bad_images: open_manifest(path, bad_images=bad_images),
    ),
    FileFormat(lambda path: path.suffix.lower() == NPZ, lambda path, _: arrays.open_npz(path)),
    FileFormat(
        lambda path: path.suffix.lower() == ".json" and looks_like_coco(path),
        lambda path, _: coco.open_coco(path),
    ),
    FileFormat(_is_array_beside_images, lambda path, _: joints.open_joints(path.parent)),
    FileFormat(yolo_yaml.is_yolo_yaml, lambda path, _: yolo.open_yolo(path)),
    FileFormat(lambda path: idx.is_idx(path.name), lambda path, _: idx.open_idx(path.parent)),
    FileFormat(lambda path: is_shard(path.name), lambda path, _: open_file(path)),
)

FOLDERS = (
    FolderFormat(lambda _, names: any(map(idx.is_idx, names)), idx.open_idx),
    FolderFormat(lambda _, names: cifar.is_cifar(names), cifar.open_cifar),
    FolderFormat(lambda path, names: bool(_archive(path, names)), _open_archive),
    FolderFormat(voc.is_voc, voc.open_voc, "Pascal's"),
    FolderFormat(coco.is_coco, coco.open_coco_folder, "COCO's"),
    FolderFormat(yolo.is_yolo, yolo.open_yolo_folder, "YOLO's"),
    FolderFormat(joints.is_joints, joints.open_joints, "points"),
    FolderFormat(masks.is_masks, masks.open_masks, "masks"),
    FolderFormat(is_shards, open_folder_of_shards),
    FolderFormat(lambda *_: True, _open_classes),
)


def _open_name(path: Path, bad_images: BadImages) -> Dataset:
    name, known = str(path), named()
    if name in known:
        place = known[name]
        if place is None:
            return ALONG[name]()
        if name == MNIST_5000:
            return idx.open_idx(place, test=5_000)
        return _open_path(place, bad_images)
    parent = path.parent
    if len(path.parts) > 1 and not parent.is_dir():
        remedy = f"The folder {printable(parent)} does not exist either."
    else:
        beside = sorted(os.listdir(parent)) if parent.is_dir() else []
        options = beside if len(path.parts) > 1 else [*known, *beside]
        nearest = [
            printable(parent / option)
            for option in difflib.get_close_matches(path.name, options, 3, 0.6)
        ]
        remedy = f"Did you mean {' or '.join(nearest)}?" if nearest else _known_names(known)
    raise UsageError(f"no file, folder or data set is called '{printable(path)}'", remedy=remedy)


def _known_names(known: dict[str, Path | None]) -> str:
    listed = f"Known names: {', '.join(known)}."
    if "VITREOUS_DATA" in os.environ:
        return listed
    return f"{listed} Others are found in the folder that the variable VITREOUS_DATA names."


def _no_data(path: Path) -> DataError:
    """The error for a single file that is no list and no archive of arrays."""
    where = printable(path)
    if not path.exists():
        return DataError("is a link that leads nowhere", where=where, remedy="Restore its target.")
    if not path.is_file():
        return DataError("is no regular file", where=where, remedy="Open a folder or a CSV file.")
    with path.open("rb") as file:
        head = file.read(512)
    if path.suffix.lower() in SHEETS:
        refuse_other_kinds(head, where)
    kind = recognize(head)
    if kind.decoder and os.fsencode(path.suffix.lower()) in SUFFIXES:
        remedy = "Open the folder that holds one folder of images for each class."
        return DataError("is a single image, no data set", where=where, remedy=remedy)
    remedy = "Open a folder of class folders, a CSV file (path,label), or an .npz file."
    if "archive" in kind.name:
        remedy = f"{kind.remedy} {remedy}"
    if kind.name == "text":
        remedy = f"If it is a table, rename it to .csv. {remedy}"
    return DataError(f"is {kind.name}", where=where, remedy=remedy)
