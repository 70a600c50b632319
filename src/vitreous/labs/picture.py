"""The pictures that experiments leave: checked before the work, and written whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.atomic import REMEDIES, check_ending, replacing
from vitreous.errors import StorageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWINGS = (".pdf", ".png", ".svg")  # that a figure can be written as; a film is a GIF


def check(path: Path, usual: str) -> None:
    """Can a picture be written under this name?

    usual  the name that it has by default: a film stays one

    Raises UsageError for another ending, StorageError where there is no such folder.
    """
    kinds = (".gif",) if usual.endswith(".gif") else DRAWINGS
    check_ending(path, kinds, "this picture")
    if not path.parent.is_dir():
        raise StorageError(
            f"there is no folder {path.parent}", where=str(path), remedy=REMEDIES[errno.ENOENT]
        )


def save(figure: Figure, path: str | Path, dpi: int) -> Path:
    """Write a figure; the file's ending decides on its format. Raises StorageError."""
    path = Path(path)
    with replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=dpi)
    return path
