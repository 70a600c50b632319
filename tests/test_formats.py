"""Counts in words."""

from __future__ import annotations

import pytest

from vitreous.formats import binary, clock_time, counted, decimals, throughput


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "image", "0 images"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (1000, "batch", "1,000 batches"),
    ],
)
def test_things(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (506 * 1024, "506.0 KiB"),
        (1_048_575, "1.00 MiB"),
        (60_948_480, "58.1 MiB"),
        (1000 << 20, "1000 MiB"),
        (3 << 40, "3.00 TiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_bytes(count: int, said: str) -> None:
    assert binary(count) == said.replace(" ", "\u202f")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00"), (4.6, "0:05"), (59.7, "1:00"), (720, "12:00"), (3599.6, "1:00:00")],
)
def test_clock_times(seconds: float, said: str) -> None:
    assert clock_time(seconds) == said


def test_throughput_and_decimals() -> None:
    assert [throughput(rate) for rate in (0.25, 9.9, 10, 6400)] == [
        "0.2 img/s",
        "9.9 img/s",
        "10 img/s",
        "6,400 img/s",
    ]
    assert [decimals(value) for value in (0.25, -12, 1e5)] == ["0.250", "-12.000", "1e+05"]
