"""Counts as a person would say them: of things, and of bytes."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """1 image, 5 images, 2 classes."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def binary(count: float) -> str:
    """A number of bytes: 28 B, 3.10 KiB, 58.1 MiB, 1.21 GiB."""
    for power, prefix in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if count >= 0.9995 * 2**power:
            value = count / 2**power
            return f"{value:.{2 if value < 10 else 1 if value < 1000 else 0}f}\u202f{prefix}B"
    return f"{count:g}\u202fB"
