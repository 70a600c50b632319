"""Numbers, counts, moments and lengths of time as a person would say them."""

from __future__ import annotations

from datetime import datetime


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
