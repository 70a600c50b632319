"""Images without labels: any data set, and also a folder of images that nobody has sorted yet."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Dataset, Part
from vitreous.data.doubt import Doubt
from vitreous.data.formats.folder_walk import images_below, kinds_of
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.manifest import BadImages
from vitreous.data.formats.open import open as open_data
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError


def collection(data: object, *, bad_images: BadImages = "skip") -> Dataset:
    """Whatever `vt.open` takes, or a folder of images in any order, which then have no classes.

    Raises DataError, UsageError.
    """
    try:
        return open_data(data, bad_images=bad_images)
    except DataError as error:
        if not (isinstance(data, str | Path) and os.path.isdir(data)):
            raise
        names, left = images_below(os.fsencode(data))
        if not names:
            raise
        notes = [*left.words(), f"read without classes: {printable(data)} {error.message}"]
    if left.unread:
        lost, kinds = left.unread.total(), kinds_of(left.unread)
        notes.append(Doubt(f"{lost:,} images are left out: {kinds}", kind="left out"))
    notes += (f"{folder.where} {folder.message}" for folder in left.refused)
    parts = np.full(len(names), Part.UNASSIGNED, np.int8)
    return FileDataset(Path(data), Names(names), {}, parts=parts, notes=notes)
