"""Decoding: every image of a data set once, and its maps, ahead by threads.

What is lost on the way is told: see `remarks`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.fitted import FittedMaps, Frames
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.batches.streaming import decoded
from vitreous.data.columns import Column
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.images.map_images import map_images
from vitreous.data.images.remarks import WORDS, Remark, listening, merged, sentences
from vitreous.data.images.unreadable import BadImage
from vitreous.data.maps import MapRows, maps_of
from vitreous.errors import DataError, ImageError
from vitreous.formats import counted

TASK = 4 << 20  # bytes of rows that one thread decodes at a time


class Decoding:
    """One pass over a data set, and what it found: damaged images, and the sizes of all."""

    def __init__(
        self,
        dataset: Dataset,
        targets: Mapping[str, Column],
        contract: PixelContract,
        threads: int,
        bad_images: str,
        progress: Progress | None,
    ):
        self.dataset, self.targets, self.contract = dataset, targets, contract
        self.threads, self.bad_images, self.progress = threads, bad_images, progress
        self.moved = any(column.moves for column in targets.values())
        self.bad: list[BadImage] = []
        self.told = dict[str, NDArray[np.uint8]]()  # remarks on images, and on masks by column
        self.sizes = np.ones((len(dataset), 2), np.int32)
        self.frames = Frames(contract, self.sizes)

    @property
    def good(self) -> NDArray[np.bool_]:
        good = np.ones(len(self.dataset), np.bool_)
        good[[image.index for image in self.bad]] = False
        return good

    def pieces(self) -> Generator[NDArray[Any], None, None]:
        """What a pack holds, some rows at a time: images, then maps, then sizes."""
        self.bad, self.told = [], {}
        count, columns = len(self.dataset), maps_of(self.targets)
        total = count * (1 + len(columns))
        yield from self._rows("", self.contract.shape, np.dtype(np.uint8), self._image, 0, total)
        self._check_shades()
        for number, (name, column) in enumerate(columns.items(), 1):
            read = self.maps()[name].read
            shape = column.shape(*self.contract.shape[:2])
            yield from self._rows(name, shape, column.dtype, read, number * count, total)
        if self.moved:
            yield self.sizes

    def maps(self) -> dict[str, MapRows]:
        """Maps that are fitted each time; those of images that are damaged so far hold nothing."""
        return {
            name: FittedMaps(column, self.frames, self.good)
            for name, column in maps_of(self.targets).items()
        }

    def _image(self, index: int) -> NDArray[np.uint8]:
        image = decoded(self.dataset, self.contract, index)
        self.sizes[index] = image.shape[:2]
        return self.contract.row(image)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was lost, in words."""
        return tuple(
            sentence
            for name, told in self.told.items()
            for sentence in sentences(told, self.dataset.id, "mask" if name else "image")
        )

    def _check_shades(self) -> None:
        lost = (self.told[""] & Remark.LOST > 0)[self.good]
        if len(lost) and lost.all():
            words = WORDS[Remark.LOST]
            raise DataError(
                f"each of {counted(len(lost), 'image')} {words.one}",
                where=self.dataset.name,
                remedy=words.remedy,
            )

    def _rows(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: np.dtype[Any],
        make: Callable[[int], NDArray[Any]],
        before: int,
        total: int,
    ) -> Generator[NDArray[Any], None, None]:
        """All rows in order, some at a time.

        name  of the column of masks; nothing for images
        """
        row, progress = np.dtype((kind, shape)), self.progress
        told = self.told[name] = np.zeros(len(self.dataset), np.uint8)

        def heeded(index: int) -> NDArray[Any]:
            with listening() as remarks:
                made = make(index)
            told[index] = merged(remarks)
            return made

        passing = map_images(
            self.dataset,
            heeded,
            row,
            chunk=min(64, max(1, TASK // row.itemsize)),
            threads=self.threads,
            progress=progress and (lambda done, _: progress(before + done, total)),
        )
        with contextlib.closing(passing):
            for _, rows, bad in passing:
                if bad and self.bad_images == "raise":
                    raise damaged(bad[0])
                self.bad += bad
                yield rows


def damaged(image: BadImage) -> ImageError:
    remedy = image.remedy or "Repair or remove the file."
    return ImageError(
        image.reason,
        where=image.id,
        remedy=f"{remedy} Or leave it out with --bad-images skip.",
    )
