"""Quantities as an answer: real numbers about one image, by name and with their units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.formats import plain


@dataclass(frozen=True)
class Quantities:
    """Numbers about one image.

    names, values, units  (K,) each; a unit may be empty
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    units: tuple[str, ...]
    score: float | None = None

    @property
    def text(self) -> str:
        pairs = zip(self.values, self.units, strict=True)
        told = [f"{plain(value)}\u202f{unit}".rstrip() for value, unit in pairs]
        if len(told) == 1:
            return told[0]
        return ", ".join(f"{name} {value}" for name, value in zip(self.names, told, strict=True))

    @property
    def line(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        return {"values": dict(zip(self.names, self.values, strict=True))}

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image
