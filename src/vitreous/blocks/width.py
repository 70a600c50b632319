"""How many channels a scaled network has: the rounding rule of the MobileNet papers."""

from __future__ import annotations


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, but never less than nine tenths of it.

    >>> make_divisible(32 * 1.4), make_divisible(16 * 0.5)
    (48, 8)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
