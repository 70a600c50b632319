"""Layouts of other programs and other tasks (JSON of unknown forms, pickled CIFAR): named, not
guessed.

Such folders hold images, and would otherwise be opened as classes that they are not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vitreous.data.formats.part_words import likely_part
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

LOOKED = 200  # entries of a folder that are looked at
BOXES = (
    "Export them in COCO's format. Or, for boxes, write a CSV file with the columns path,box, a "
    "box as left, top, right, bottom in pixels and its class; for one label an image, make a "
    "folder for each class."
)


@dataclass(frozen=True)
class Layout:
    """What such a folder is, how it is told (by the folder and the names in it), what to do."""

    name: str
    recognizes: Callable[[Path, set[str]], bool]
    remedy: str


def refuse_foreign(root: Path, names: set[str]) -> None:
    """Raises DataError for a folder of another program's layout."""
    for layout in LAYOUTS:
        if layout.recognizes(root, names):
            raise DataError(f"is {layout.name}", where=printable(root), remedy=layout.remedy)


def _has_json(root: Path, names: set[str]) -> bool:
    """Pictures of all classes in one folder for each part, and annotations as JSON of some form."""
    mixed = [name for name in names if name == "images" or likely_part(name)]
    return any((root / name / "_annotations.coco.json").is_file() for name in names) or (
        _some_suffix(root / "annotations", ".json")
        and any(_some_suffix(root / name, ".jpg", ".png", deeper=False) for name in mixed)
    )


def _is_pickled_cifar(root: Path, names: set[str]) -> bool:
    return {"data_batch_1", "batches.meta"} <= names or (
        {"train", "test", "meta"} <= names and (root / "meta").is_file()
    )


LAYOUTS = (
    Layout("images with annotations in JSON that is not COCO's", _has_json, BOXES),
    Layout(
        "the Python version of CIFAR: pickles, which can run code and are never loaded",
        _is_pickled_cifar,
        "Take the binary version: cifar-10-binary.tar.gz or cifar-100-binary.tar.gz.",
    ),
)


def _some_suffix(folder: Path, *suffixes: str, deeper: bool = True) -> bool:
    """Is one of the first files in a folder, or right below it, called so?"""
    return any(name.endswith(suffixes) for name in islice(_names(folder, deeper), LOOKED))


def _names(folder: Path, deeper: bool) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    yield entry.name
                elif deeper and entry.is_dir():
                    yield from islice(_names(Path(entry.path), False), LOOKED // 10)
    except OSError:
        return
