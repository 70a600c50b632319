"""A count as an answer: how many things an image shows, and where they are, as a density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.color_scale import shades
from vitreous.drawing.markers import colored, dots
from vitreous.formats import plain

STRONGEST = 0.75  # share of the color where the density is highest


@dataclass(frozen=True, eq=False)
class Count:
    """How many things of each class one image shows.

    names    of the classes; none where all things are of one kind
    counts   (L,) numbers from 0 on, which need not be whole
    density  (h, w) float32 in the image's own pixels, whose sum is that of the counts; or
    places   (n, 2) x and y of each thing, where these are known
    """

    names: tuple[str, ...]
    counts: tuple[float, ...]
    density: NDArray[np.float32] | None = None
    places: NDArray[np.float64] | None = None
    score: float | None = None

    @property
    def text(self) -> str:
        return self._told(lambda number: f"{number:.0f}")

    @property
    def line(self) -> str:
        return self._told(lambda number: plain(round(number, 1)))

    def _told(self, write: Any) -> str:
        if not self.names:
            return str(write(self.counts[0]))
        pairs = zip(self.names, self.counts, strict=True)
        return ", ".join(f"{name} {write(number)}" for name, number in pairs)

    def to_json(self) -> dict[str, Any]:
        """`count` is the number of all things; with classes, `counts` has those of each."""
        found: dict[str, Any] = {"count": sum(self.counts)}
        if self.names:
            found["counts"] = dict(zip(self.names, self.counts, strict=True))
        return found

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The density over the image, the clearer the less there is; or a dot at each place."""
        if self.density is None:
            found = np.zeros((0, 2)) if self.places is None else self.places
            return dots(image, np.column_stack([found, np.ones(len(found))]), one_color=True)
        base = colored(image)
        highest = float(self.density.max(initial=0))
        if highest <= 0:
            return base
        share = STRONGEST * np.clip(self.density / highest, 0, 1)[..., None]
        mixed = base + share * (shades(self.density, 0, highest).astype(np.float32) - base)
        return np.asarray(np.rint(mixed), np.uint8)
