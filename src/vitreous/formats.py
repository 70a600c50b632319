"""Number formats: counts, bytes, percentages, large numbers, times, as a person writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import floor, log10

Format = Callable[[float], str]


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


def plain(value: float) -> str:
    """Three digits that matter: 0.123, 12.3, 1,230."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    text = f"{value:,.{max(0, 2 - floor(log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float, digits: int = 1) -> str:
    """A fraction in percent; what is not quite 0 or 1 is not rounded to it."""
    least = 10.0**-digits
    if 0 < value < 0.005 * least:
        return f"<{least:.{digits}f}\u202f%"
    if 1 - 0.005 * least < value < 1:
        return f">{100 - least:.{digits}f}\u202f%"
    return f"{100 * value:.{digits}f}\u202f%"


def round_percent(value: float) -> str:
    """A fraction at an axis: 40 %, 97.5 %."""
    return f"{100 * value:.4g}\u202f%"


def quantity(value: float) -> str:
    """A large number with its prefix: 61.7 k, 11.7 M, 4.09 G."""
    for power, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * power:  # what would be written as 1000 of the smaller
            return f"{value / power:.3g}\u202f{prefix}"
    return f"{value:g}"


def times(count: float) -> str:
    """Once, twice, 3 times."""
    if count in (1, 2):
        return "once" if count == 1 else "twice"
    return f"{count:,.6g} times"


def is_moment(value: object) -> bool:
    """Is it a time in ISO 8601?"""
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def moment(iso: str) -> str:
    """21 November 2026, 08:19 UTC; what is no ISO 8601 stays as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    clock = f", {when:%H:%M} {when.tzname() or ''}".rstrip() if len(iso) > 10 else ""
    return f"{when.day} {when:%B %Y}{clock}"


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock_time(seconds: float) -> str:
    """As a clock shows it, for what changes each second: 0:05, 12:00, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def throughput(rate: float) -> str:
    """Images a second: 0.3 img/s, 6,400 img/s."""
    return f"{rate:,.0f} img/s" if rate >= 10 else f"{rate:.1f} img/s"


def decimals(value: float) -> str:
    """A number that changes, always with three decimals: 0.250, 12.000; 1.23e+04 from 1,000 on."""
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"
