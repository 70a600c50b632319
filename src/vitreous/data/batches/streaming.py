"""Rows that are decoded each time they are asked for, where there is no room for a pack."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.images.decode import decode


class Streaming:
    """Rows that are decoded each time they are asked for; indexed like an array of rows.

    shape  (N, H, W, C)
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self, dataset: Dataset, contract: PixelContract, good: NDArray[np.bool_], threads: int
    ):
        self.shape = (len(dataset), *contract.shape)
        self._dataset, self._contract, self._good = dataset, contract, good
        self._executor = ThreadPoolExecutor(threads, "decode")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, ids: int | slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The row of one id, or the rows of a slice or an array of ids, (B, H, W, C).

        Raises ImageError if a file that could be decoded before no longer can.
        """
        chosen = np.arange(len(self))[ids]
        rows = np.zeros((chosen.size, *self.shape[1:]), np.uint8)

        def fill(position: int) -> None:
            index = int(chosen.flat[position])
            if self._good[index]:
                image = decoded(self._dataset, self._contract, index)
                rows[position] = self._contract.row(image)

        for _ in self._executor.map(fill, range(chosen.size)):
            pass
        return rows.reshape(*chosen.shape, *self.shape[1:])


def decoded(dataset: Dataset, contract: PixelContract, index: int) -> Pixels:
    """One decoded image, as the contract wants to have it before it makes a row of it."""
    stored = dataset.encoded(index)
    if stored is None:
        return dataset.read(index, contract.at_least)
    # As prediction does it: the number of channels that `read` gives was told from a sample.
    return decode(
        stored,
        channels=contract.channels,
        at_least=contract.at_least,
        where=dataset.place(index),
    )
