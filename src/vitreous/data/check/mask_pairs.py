"""Masks among classes: a folder of masks beside one of images is opened as two classes."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import permutations

import numpy as np

from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import View, these
from vitreous.data.columns import ClassNumbers
from vitreous.data.formats.image_files import FileDataset
from vitreous.errors import ImageError

MARK = re.compile(r"[-_ ](masks?|seg|segmentation|gt|annotations?)$", re.IGNORECASE)
CLASSES = 10  # with more, names such as 1.png are the same everywhere
SAME = 0.5  # share of names in one class that are in the other, too
LEAST = 5  # such names
LOOKED = 4  # images of each of the two that are opened
SMALLER = 2  # times the bytes of masks are in images, or they need not be opened
VALUES = 8  # that a mask shows at most
MARKED = 0.1  # share of images from which names with a mark are no chance


def masks_among_classes(view: View) -> Iterator[Finding]:
    """Told by equal file names in two classes of which one shows few values, and by names such as
    1_mask.png beside 1.png.
    """
    data = view.dataset
    labels = data.targets.get("class")
    if not isinstance(data, FileDataset) or not isinstance(labels, ClassNumbers):
        return
    if len(data.classes) > CLASSES:
        return
    stems: dict[int, dict[str, int]] = defaultdict(dict)
    for index, label in enumerate(labels.array.tolist()):
        stems[label][os.path.splitext(os.path.basename(data.id(index)))[0]] = index
    marked = [
        index
        for names in stems.values()
        for stem, index in names.items()
        if MARK.search(stem) and MARK.sub("", stem) in names
    ]
    if marked and len(marked) >= MARKED * len(data):
        yield Finding(
            "warning",
            "masks among images",
            f"{these(len(marked), 'image', 'is', 'are')} called masks of others in their class",
            view.names(np.array(sorted(marked))),
            "If they are masks, move them out of the class folders.",
        )
    for one, other in permutations(sorted(stems), 2):
        both = [stem for stem in stems[one] if stem in stems[other]]
        if len(both) < max(LEAST, SAME * min(len(stems[one]), len(stems[other]))):
            continue
        few = both[:: max(1, len(both) // LOOKED)][:LOOKED]
        photos, drawn = ([stems[label][stem] for stem in few] for label in (one, other))
        if _bytes(data, photos) < SMALLER * _bytes(data, drawn):
            continue
        images, masks = _values(data, photos), _values(data, drawn)
        if 0 < masks <= VALUES and images > 4 * masks:
            image, mask = data.classes[one], data.classes[other]
            yield Finding(
                "warning",
                "masks among images",
                f"the classes '{image}' and '{mask}' hold files of the same names, and "
                f"those of '{mask}' show {masks} values at most: are they masks?",
                (),
                "If so, call the two folders images/ and masks/: then the classes of pixels are "
                "learned.",
            )


def _bytes(data: FileDataset, indices: list[int]) -> int:
    """The size of these files together; what is missing counts nothing."""
    sizes = 0
    for index in indices:
        with suppress(OSError):
            sizes += os.stat(data.path(index)).st_size
    return sizes


def _values(data: FileDataset, indices: list[int]) -> int:
    """The most different values that any of these images shows; 0 where none can be read."""
    most = 0
    for index in indices:
        try:
            most = max(most, len(np.unique(data.read(index))))
        except ImageError:
            continue
    return most
