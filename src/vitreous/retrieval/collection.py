"""Images to search: any data set, and also a folder of images that nobody has sorted yet."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.image_files import SUFFIXES, FileDataset
from vitreous.data.formats.open import open as open_data
from vitreous.data.names import Names
from vitreous.errors import DataError


def collection(data: object) -> Dataset:
    """Whatever `vt.open` takes, or a folder of loose images. Raises DataError, UsageError."""
    try:
        return open_data(data)
    except DataError:
        names = loose(Path(data)) if isinstance(data, str | Path) else []
        if not names:
            raise
    parts = np.full(len(names), Part.UNASSIGNED, np.int8)
    return FileDataset(Path(str(data)), Names(names), {}, parts=parts)


def loose(folder: Path) -> list[bytes]:
    """The visible image files right in a folder, sorted by name."""
    if not folder.is_dir():
        return []
    with os.scandir(os.fsencode(folder)) as entries:
        return sorted(
            entry.name
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in SUFFIXES
            and not entry.name.startswith(b".")
            and entry.is_file()
        )
