"""YOLO's `data.yaml`: the names of the classes, and where the images of each part lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import images_below
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError, RunError
from vitreous.files import read_yaml

KEYS = {"train": Part.TRAIN, "val": Part.VALIDATION, "valid": Part.VALIDATION, "test": Part.TEST}
NAMES = "names"
LARGEST = 1 << 20  # bytes
MOST = 100_000  # classes


@dataclass
class YoloData:
    """What such a file says.

    classes  names by number; None where it names none
    images   their paths by part
    notes    what was taken for what, in words
    """

    classes: list[str] | None = None
    images: dict[Part, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_yolo_yaml(path: Path) -> bool:
    """Does a file look like such one? It has the names of classes, and a part."""
    try:
        if path.suffix.lower() not in (".yaml", ".yml") or path.stat().st_size > LARGEST:
            return False
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    keys = {line.split(":")[0].strip() for line in lines if line[:1].isalpha() and ":" in line}
    return bool(keys & {NAMES, "nc"}) and bool(keys & KEYS.keys())


def read_yolo_yaml(path: Path) -> YoloData:
    """Raises DataError with what is wrong, and for a part whose images are nowhere."""
    where = printable(path)
    try:
        told = read_yaml(path)
    except RunError as error:
        remedy = "Write names, train and val, each once."
        raise DataError(error.message, where=where, remedy=remedy) from error
    if not isinstance(told, dict):
        raise DataError("is no mapping", where=where, remedy="Write names, train and val.")
    if told.get("kpt_shape"):
        raise DataError(
            "is about key points, which are not read from YOLO's layout",
            where=where,
            remedy="Export them in COCO's format, or write a CSV file with columns `point …`.",
        )
    found = YoloData(_names(told, where))
    count = told.get("nc")
    if found.classes is not None and count is not None and count != len(found.classes):
        raise DataError(
            f"says nc: {count!r:.20} and names {len(found.classes)} classes",
            where=where,
            remedy="Delete nc, or name all classes.",
        )
    base = told.get("path")
    for key, part in KEYS.items():
        entries = told.get(key)
        for entry in entries if isinstance(entries, list) else [entries] if entries else []:
            if not isinstance(entry, str):
                raise DataError(f"has {key}: {entry!r:.40}", where=where, remedy="Write a path.")
            place = _place(path.parent, base if isinstance(base, str) else "", entry)
            if place is None and key == "test":
                found.notes.append(f"the test part is nowhere: {printable(entry)}")
            elif place is None:
                raise DataError(
                    f"has {key}: {printable(entry)}, which is not there",
                    where=where,
                    remedy=f"Write a path relative to {printable(path.parent)}/.",
                )
            else:
                found.images.setdefault(part, []).extend(_images(place, path.parent))
    return found


def _names(told: Mapping[str, Any], where: str) -> list[str] | None:
    names = told.get(NAMES)
    if names is None:
        return None
    if isinstance(names, dict):
        numbers = [key for key in names if type(key) is int and 0 <= key < MOST]
        if len(numbers) < len(names):
            raise DataError(
                "has names whose keys are no numbers",
                where=where,
                remedy="Write `0: cat`, `1: dog`, …",
            )
        names = [names.get(number) for number in range(max(numbers, default=-1) + 1)]
    if not isinstance(names, list) or not names:
        raise DataError(f"has the names {names!r:.40}", where=where, remedy="Write a list.")
    words = [name if type(name) in (str, int, float) else "" for name in names]
    texts = [str(word).strip() for word in words]
    if "" in texts or len(set(texts)) < len(texts):
        raise DataError(
            f"has a class without a name, or a name twice: {', '.join(texts)[:60]}",
            where=where,
            remedy="Give each number from 0 on a name of its own; words such as yes or null in "
            "quotes.",
        )
    return texts


def _place(beside: Path, base: str, entry: str) -> Path | None:
    """Where a path in the file leads. Such files travel: a path of another machine is looked for
    by its end, as are those of Roboflow, which begin with `../` and lie beside the file.
    """
    parts = [part for part in Path(entry).parts if part not in ("..", ".", os.sep)]
    ends = [Path(*parts[first:]) for first in range(len(parts))]
    tried = [beside / base / entry, beside / entry, *(beside / end for end in ends)]
    return next((place for place in tried if os.path.exists(place)), None)


def _images(place: Path, beside: Path) -> list[Path]:
    """The images of a folder, or of a list of paths in a file."""
    if place.is_dir():
        return [place / os.fsdecode(name) for name in images_below(os.fsencode(place))[0]]
    found = []
    for line, text in enumerate(read_text_lines(place), 1):
        if not text.strip():
            continue
        image = _place(place.parent, "", text.strip()) or _place(beside, "", text.strip())
        if image is None:
            raise DataError(
                f"lists {printable(text.strip())}, which is not there",
                where=f"{printable(place)}, line {line}",
                remedy=f"Write paths relative to {printable(place.parent)}/, or delete the line.",
            )
        found.append(image)
    return found
