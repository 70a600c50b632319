"""The pictures that experiments leave: checked before the work, and written whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.atomic import REMEDIES, replacing
from vitreous.errors import StorageError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWINGS = (".pdf", ".png", ".svg")  # that a figure can be written as; a film is a GIF


def check(path: Path, usual: str) -> None:
    """Can a picture be written under this name?

    usual  the name that it has by default: a film stays one

    Raises UsageError for another ending, StorageError where there is no such folder.
    """
    kinds = (".gif",) if usual.endswith(".gif") else DRAWINGS
    if path.suffix.lower() not in kinds:
        endings = " or ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))
        raise UsageError(
            f"this picture cannot be written as '{path.suffix or path.name}'",
            where="--out",
            remedy=f"Name a file that ends in {endings}.",
        )
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
