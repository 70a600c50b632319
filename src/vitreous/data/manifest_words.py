"""Words of a manifest: what its columns are called, and quotes for names that look like such words.

A name in quotes stands for itself, in a header as in a label: `"group"` is a label of that name and
no group, `"red|green"` is one label and not two, `"1.5"` is a class and not a quantity.
"""

from __future__ import annotations

import difflib
import math
from functools import lru_cache

from vitreous.errors import DataError

COLUMNS = ("path", "label", "split", "group", "weight")
OTHERS = ("path", "split", "group", "weight")  # that hold no targets
FILES = ("mask", "depth", "clean")  # targets that are paths
TARGETS = ("label", *FILES, "box", "dot")
POINT = "point "  # what the names of the columns of points begin with
SYNONYMS = {
    **dict.fromkeys(("file", "filename", "file_name", "image", "img", "image_path"), "path"),
    **dict.fromkeys(("class", "target", "category", "class_name", "y", "labels"), "label"),
    **dict.fromkeys(("masks", "mask_path", "segmentation"), "mask"),
    **dict.fromkeys(("depth_path", "depths"), "depth"),
    **dict.fromkeys(("clean_path", "clean_image"), "clean"),
    **dict.fromkeys(("boxes", "bbox", "bboxes"), "box"),
    **dict.fromkeys(("dots",), "dot"),
    **dict.fromkeys(("part", "fold", "set", "subset"), "split"),
    **dict.fromkeys(("patient", "patient_id", "subject", "group_id"), "group"),
}
ALIKE = {"height"}  # words that look like one of ours and mean something else
FLAGS = ("is_valid", "is_validation", "is_val", "is_test", "is_train", "is_training")
SEPARATORS = ";|"  # between several labels in a cell


def meant(name: str) -> str | None:
    """The column of ours that a name was probably written for, such as path for filename."""
    low = name.lower()
    if low in {*COLUMNS, *TARGETS} | ALIKE:
        return None
    return SYNONYMS.get(low) or next(iter(difflib.get_close_matches(low, COLUMNS, 1, 0.75)), None)


def is_index(name: str) -> bool:
    """The column of row numbers that pandas writes, without a name or as "Unnamed: 0"."""
    return not name or name.lower().startswith("unnamed:")


def number(cell: str) -> float | None:
    """The finite number that a cell holds, if it does."""
    if "_" in cell:  # which Python reads as a separator
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def bare(cell: str) -> str | None:
    """What stands in quotes, or None where a cell is not quoted."""
    cell = cell.strip()
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else None


def header_cell(name: str) -> str:
    """The name of a label or a quantity as a header has to hold it."""
    low = name.lower()
    ours = {*COLUMNS, *TARGETS, *FLAGS}
    if low in ours or low.startswith(POINT) or meant(name) or is_index(name):
        return f'"{name}"'
    return _kept(name)


@lru_cache(4096)  # classes are few, and examples many
def label_cell(name: str) -> str:
    """A label as a cell has to hold it."""
    value = number(name)
    quantity = value is not None and not value.is_integer()
    if quantity or any(separator in name for separator in SEPARATORS):
        return f'"{name}"'
    return _kept(name)


def box_word(name: str) -> str:
    """A class behind the four numbers of a box, among others that ";" divides. Raises DataError for
    the one kind of name that nobody could take apart again.
    """
    if '";' in name:
        raise DataError(
            f"the class '{name}' cannot be written behind a box",
            remedy='Rename it: quotes and ";" that follow each other would end the box.',
        )
    return f'"{name}"' if ";" in name or name.startswith('"') else _kept(name)


def box_pieces(cell: str) -> list[str]:
    """The boxes of a cell: ";" divides them, but for those in quotes around a class."""
    pieces: list[str] = []
    for part in cell.split(";"):
        if pieces and _is_open(pieces[-1]):
            pieces[-1] += f";{part}"
        else:
            pieces.append(part)
    if pieces and _is_open(pieces[-1]):  # a quote that never ends is part of a name
        pieces = cell.split(";")
    return [piece.strip() for piece in pieces if piece.strip()]


def _is_open(piece: str) -> bool:
    """Does its class begin with a quote that has not ended yet?"""
    before = 4 if number(piece.split(None, 1)[0] if piece.strip() else "") is not None else 5
    word = [*piece.split(None, before), *[""] * 6][before].rstrip()
    return word.startswith('"') and (len(word) < 2 or not word.endswith('"'))


def _kept(name: str) -> str:
    """In quotes where blanks around it, or quotes of its own, would be lost."""
    return f'"{name}"' if name != name.strip() or bare(name) is not None else name
