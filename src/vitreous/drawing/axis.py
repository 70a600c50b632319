"""Axes of charts: their range, and which round values are named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Axis:
    """A range of values laid on [0, 1], with the round values that are named."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values as fractions of the axis."""
        array = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.log:
            array, low, high = np.log10(array), log10(low), log10(high)
        return np.asarray((array - low) / (high - low))


def axis(values: Iterable[float], *, count: int = 5, log: bool = False, zero: bool = False) -> Axis:
    """An axis that holds all values and begins and ends at a round one.

    count  about how many ticks
    log    ticks at powers of ten, and at 2 and 5 times these where the range is short
    zero   does the axis begin at 0?
    """
    known = [float(v) for v in values if isfinite(v) and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if log:
        return _log_axis(low, high, count)
    low = min(low, 0.0) if zero else low
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple(round(k * step, 12) for k in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def _log_axis(low: float, high: float, count: int) -> Axis:
    first, last = floor(log10(low)), ceil(log10(high))
    last = max(last, first + 1)
    every = max(1, ceil((last - first) / count))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [f * 10.0**k for k in range(first, last + 1, every) for f in factors]
    below = max((t for t in ticks if t <= low), default=ticks[0])
    above = min((t for t in ticks if t >= high and t > below), default=10.0**last)
    return Axis(below, above, tuple(t for t in ticks if below <= t <= above), log=True)


def tight_axis(values: Sequence[float]) -> Axis:
    """An axis that ends where the values end, with round ticks in between; whole ones, such as
    epochs, have whole ticks.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high <= low:
        return Axis(low - 0.5, low + 0.5, (low,))
    wide = axis([low, high], count=6)
    whole = all(float(value).is_integer() for value in values)
    inside = (t for t in wide.ticks if low <= t <= high)
    return Axis(low, high, tuple(t for t in inside if not whole or t.is_integer()))
