"""A vector as an answer: numbers that mean nothing alone, but lie near those of like images."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Embedding:
    """values  (K,) float32 of length one: the cosine of two is their product."""

    values: NDArray[np.float32]
    score: float | None = None

    @property
    def text(self) -> str:
        first = ", ".join(f"{value:+.2f}" for value in self.values[:4])
        return f"a vector of {len(self.values)} numbers: {first}, …"

    @property
    def line(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        return {"vector": [round(float(value), 6) for value in self.values]}

    def npy(self) -> bytes:
        """The numbers as an .npy file."""
        file = io.BytesIO()
        np.save(file, self.values, allow_pickle=False)
        return file.getvalue()

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image as it is: there is nothing to draw."""
        return image
