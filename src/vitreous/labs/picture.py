"""Figures of the experiments, by Matplotlib: checked before the work, then written atomically."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.atomic import REMEDIES, check_ending, replacing
from vitreous.errors import StorageError, missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWINGS = (".pdf", ".png", ".svg")  # that a figure can be written as; a film is a GIF


def check(path: Path, usual: str) -> None:
    """Can a picture be written under this name?

    usual  the name that it has by default: a film stays one

    Raises UsageError for another ending or where Matplotlib is missing, StorageError where there is
    no such folder.
    """
    film = usual.endswith(".gif")
    check_ending(path, (".gif",) if film else DRAWINGS, "this picture")
    if not film and find_spec("matplotlib") is None:
        raise missing("matplotlib", "plots", "this picture")
    if not path.parent.is_dir():
        raise StorageError(
            f"there is no folder {path.parent}", where=str(path), remedy=REMEDIES[errno.ENOENT]
        )


def figure(width: float, height: float) -> Figure:
    """An empty figure, its sides in inches. Raises UsageError where Matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing("matplotlib", "plots", "a figure") from error
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | Path, dpi: int) -> Path:
    """Write a figure; the file's ending decides on its format. Raises StorageError."""
    path = Path(path)
    with replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=dpi)
    return path
