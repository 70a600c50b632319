"""Images that could not be decoded: named, counted and left out, never replaced.

A damaged file costs one row of a report instead of an epoch. What is left out is said in the run
folder and on the screen; no other example is drawn in its place, and the file is not touched.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from vitreous.atomic import write_text


@dataclass(frozen=True)
class BadImage:
    """One example that cannot be decoded.

    index   its position in the data set
    id      its path, or "part/number"
    reason  why, in words
    """

    index: int
    id: str
    reason: str


def report(bad: Sequence[BadImage], total: int, *, most: int = 5) -> str:
    """Text for a person: how many of `total` are damaged, and the first `most` by name."""
    if not bad:
        return f"all {total:,} images can be read"
    lines = [f"{len(bad):,} of {total:,} images cannot be read and are left out:"]
    lines += [f"  {image.id}: {image.reason}" for image in bad[:most]]
    if len(bad) > most:
        lines.append(f"  … and {len(bad) - most:,} more")
    return "\n".join(lines)


def write(bad: Sequence[BadImage], path: Path) -> None:
    """All of them as a CSV file with the columns index, id, reason. Raises StorageError."""
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerow(field.name for field in fields(BadImage))
    table.writerows(astuple(image) for image in bad)
    write_text(path, lines.getvalue())
