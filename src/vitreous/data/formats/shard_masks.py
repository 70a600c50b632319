"""Masks in shards: members such as 0001.seg.png, which belong to the image 0001.jpg.

They are a second data set of the same shards, whose images are the masks. Where images have labels,
masks are not looked at before a task asks for them: whoever learns classes has no need of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import partial
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import SIZE
from vitreous.data.doubt import Doubt
from vitreous.data.formats.mask_files import MaskRows
from vitreous.data.formats.mask_values import check_shades, meaning
from vitreous.data.formats.shards import ShardDataset, Stored, open_shards
from vitreous.data.formats.webdataset import MASKS, index
from vitreous.data.images.mask import read_mask
from vitreous.data.images.read_file import printable
from vitreous.data.maps import Maps
from vitreous.errors import DataError

Ids = NDArray[np.int64]


class ShardMasks(MaskRows):
    """One mask an image.

    masks  the data set of all masks; order: (N,) which of them each image has
    """

    def __init__(self, masks: ShardDataset, order: Ids, table: NDArray[np.uint8] | None = None):
        self.root, self.name, self.table = masks.root, f"masks of {masks.name}", table
        self.masks, self.order = masks, order.tolist()

    def __len__(self) -> int:
        return len(self.order)

    def id(self, index: int) -> str:
        return self.masks.id(self.order[index])

    def stored(self, index: int) -> NDArray[np.uint8]:
        place = self.order[index]
        return read_mask(self.masks.encoded(place), where=self.masks.place(place))

    def stamp(self, index: int) -> bytes:
        return self.masks.digest(self.order[index])

    def digest(self, index: int) -> bytes:
        return blake2b(self.stamp(index) + self.rules(), digest_size=SIZE).digest()


def open_with_masks(
    root: str, name: str, files: Sequence[Stored], class_names: Sequence[str] = ()
) -> ShardDataset:
    """The data set that these shards are, as `open_shards` opens it; with masks as its targets
    where it has no others, or for a task that asks for them.
    """
    made = open_shards(root, name, files, class_names)
    if made.masks:
        made.alternatives = {"mask": partial(with_masks, made, class_names)}
    if made.masks and not made.targets:
        try:
            return with_masks(made, class_names)
        except DataError as error:
            told = f"masks are not used: {error.message}"
            made.notes += (Doubt(told, kind="left out", remedy=error.remedy),)
    return made


def with_masks(images: ShardDataset, class_names: Sequence[str] = ()) -> ShardDataset:
    """The same images with masks in place of labels.

    class_names  of the numbers in the masks, where a file beside the shards gives them

    Raises DataError where an image has no mask, or the masks hold no numbers of classes.
    """
    where = printable(images.root)
    if not images.masks.startswith("."):
        raise DataError(
            f"masks ({images.masks}) are not read from tables",
            where=where,
            remedy="Write them as files, into images/ and masks/; or into tar shards, as 0001.jpg "
            "and 0001.seg.png.",
        )
    masks = open_shards(images.root, images.name, images.shards, index=partial(index, kinds=MASKS))
    by_sample = np.argsort(masks.samples)
    place = np.searchsorted(masks.samples, images.samples, sorter=by_sample)
    order = by_sample[np.minimum(place, len(masks) - 1)]
    if len(lacking := np.flatnonzero(masks.samples[order] != images.samples)):
        raise DataError(
            f"{len(lacking):,} of {len(images):,} images have no mask, such as "
            f"{images.id(int(lacking[0]))}",
            where=where,
            remedy="Put a mask beside each image, 0001.seg.png beside 0001.jpg.",
        )
    rows = ShardMasks(masks, order)
    counts = rows.scan()["counts"].sum(axis=0, dtype=np.int64)
    if not counts.any():
        rows.read(0)  # says why it cannot be read
    check_shades(counts, where)
    means = meaning(np.asarray(counts > 0), [*class_names] or None, where)
    made = copy(images)
    made.targets = {"mask": Maps(ShardMasks(masks, order, means.table), means.classes)}
    made.notes = (*(note for note in images.notes if isinstance(note, Doubt)), means.note)
    made.notes = tuple(filter(None, made.notes))
    return made
