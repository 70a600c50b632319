"""Pages in the style of the report: their frame, and how they write numbers of bytes."""

from __future__ import annotations

import pytest

from vitreous.experiment.page import binary


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (28, "28 B"),
        (1024, "1.00 KiB"),
        (60_948_480, "58.1 MiB"),
        (1_048_575, "1.00 MiB"),
        (1 << 30, "1.00 GiB"),
        (1000 * (1 << 20), "1000 MiB"),
    ],
)
def test_bytes_in_words(count: int, text: str) -> None:
    assert binary(count) == text.replace(" ", "\u202f")
