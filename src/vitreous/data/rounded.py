"""Real numbers rounded to float32, and what that may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError

LOST = 0.01  # of a quantity's deviation: so much may rounding change a number


def rounded(table: NDArray[Any], names: Sequence[str]) -> NDArray[np.float32]:
    """(N, K) float32 from numbers of any kind, one column for each of the names.

    Raises DataError for numbers that are not finite or too large, and for those that differ in
    digits which float32 does not have: a time in seconds since 1970 is rounded to two minutes.
    """
    exact = np.asarray(table, np.float64)
    with np.errstate(over="ignore"):
        found = exact.astype(np.float32)
    if not np.isfinite(found).all():
        row, place = np.argwhere(~np.isfinite(found))[0].tolist()
        raise DataError(
            f"example {row} has the {names[place]} {exact[row, place]:g}",
            remedy="Give every example a finite number below 3e38, or leave it out.",
        )
    if not len(exact):
        return found
    # Divided first, because squares of large numbers have no room in float64 either.
    largest = np.maximum(np.abs(exact).max(axis=0), np.finfo(np.float64).tiny)
    spread = (exact / largest).std(axis=0) * largest
    lost = np.abs(found - exact).max(axis=0) > LOST * spread
    for place in np.flatnonzero(
        lost & (spread > 0)
    ).tolist():  # of equal numbers none is told from others
        middle = float(np.median(exact[:, place]))
        raise DataError(
            f"the numbers of '{names[place]}' lie around {middle:.10g} and differ by about "
            f"{spread[place]:.2g}, which single precision (float32) rounds away",
            remedy=f"Subtract {middle:.10g} from all of them, or write them in another unit.",
        )
    return found
