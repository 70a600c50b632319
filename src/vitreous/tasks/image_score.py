"""Image score: the one number an image by which the answers of two models are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitreous.formats import percent, plain


@dataclass(frozen=True)
class ImageScore:
    """A column of predictions.csv whose mean over images is told.

    column  its name
    title   what its mean is, in a few words
    better  which direction is an improvement
    share   is it a fraction in [0, 1], which is written in percent?
    """

    column: str
    title: str
    better: Literal["higher", "lower"] = "higher"
    share: bool = True

    def values(self, rows: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """(N,) of the rows of predictions.csv; NaN where an image has none."""
        return np.array([float(row[self.column] or "nan") for row in rows], np.float64)

    def text(self, value: float) -> str:
        """A mean in its unit."""
        return percent(value, 2) if self.share else plain(value)

    def gap(self, value: float, unit: bool = True) -> str:
        """A difference with its sign: points of a percentage, or the number."""
        sign = "−" if value < 0 else "+" if value > 0 else ""
        if not self.share:
            return sign + plain(abs(value))
        return f"{sign}{100 * abs(value):.2f}{' points' if unit else ''}"

    def improves(self, difference: float) -> bool:
        """Does the first of two win by this difference, first minus second?"""
        return difference > 0 if self.better == "higher" else difference < 0
