"""Noisy images made of any data set, each with the clean one as its target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Pixels
from vitreous.data.maps import MapRows, Maps
from vitreous.data.noise import Noise

CLEAN = "clean"  # the column of clean pictures


class Noisy(Dataset):
    """The images of another data set made worse; what they were is their only target, `clean`.

    The noise of an image depends on its pixels alone. In training other noise takes its place, see
    `Fresh`.
    """

    def __init__(self, dataset: Dataset, noise: Noise):
        self.clean, self.noise = dataset, str(noise)
        self._noise = noise
        self.name, self.channels = dataset.name, dataset.channels
        self.parts, self.groups, self.weights = dataset.parts, dataset.groups, dataset.weights
        self.notes = (*dataset.notes, f"noise is added to clean images: {noise}")
        rows = CleanImages(dataset, noise)
        self.targets = {CLEAN: Maps(rows, interpolation="linear", channels=dataset.channels)}

    def id(self, index: int) -> str:
        return self.clean.id(index)

    def read(self, index: int, at_least: int = 0) -> Pixels:
        return self._noise.held(self.clean.read(index))  # before anything averages it away

    def digest(self, index: int) -> bytes:
        return self.clean.digest(index)

    def stamp(self, index: int) -> bytes:
        return self.clean.stamp(index) + self.noise.encode()


class CleanImages(MapRows):
    """The images of a data set as maps of real numbers in [0, 1]."""

    def __init__(self, dataset: Dataset, noise: Noise):
        self.dataset, self.noise = dataset, noise

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, index: int) -> NDArray[np.float32]:
        return np.divide(self.dataset.read(index), 255, dtype=np.float32)

    def stamp(self, index: int) -> bytes:
        return self.dataset.stamp(index)

    def digest(self, index: int) -> bytes:
        return self.dataset.digest(index) + str(self.noise).encode()

    def rules(self) -> bytes:
        return str(self.noise).encode()
