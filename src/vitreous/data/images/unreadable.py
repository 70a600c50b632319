"""Images that could not be decoded: named, counted and left out, never replaced.

A damaged file costs one row of a report instead of an epoch. What is left out is said in the run
folder and on the screen; no other example is drawn in its place, and the file is not touched.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from vitreous.atomic import write_text
from vitreous.formats import counted


@dataclass(frozen=True)
class BadImage:
    """One example that cannot be decoded.

    index   its position in the data set
    id      its path, or "part/number"
    reason  why, in words
    remedy  what helps, in words, if that is known
    """

    index: int
    id: str
    reason: str
    remedy: str | None = None


def report(bad: Sequence[BadImage], total: int, *, most: int = 5) -> str:
    """Text for a person: how many of `total` are damaged, and the first `most` by name."""
    if not bad:
        return f"all {total:,} images can be read"
    lines = [f"{len(bad):,} of {total:,} images cannot be read and are left out:"]
    lines += [f"  {image.id}: {image.reason}" for image in bad[:most]]
    if len(bad) > most:
        lines.append(f"  … and {len(bad) - most:,} more")
    if told := remedies(bad):
        lines.append(f"  → {told}")
    return "\n".join(lines)


def remedies(bad: Sequence[BadImage]) -> str:
    """What helps, for each kind of damage, the most frequent first: with how many images, if that
    differs.
    """
    counts = Counter(image.remedy for image in bad if image.remedy)
    if len(counts) == 1 and counts.total() == len(bad):
        return next(iter(counts))
    return " ".join(f"{remedy} ({counted(n, 'image')})" for remedy, n in counts.most_common())


def write(bad: Sequence[BadImage], path: Path) -> None:
    """All of them as a CSV file with the columns index, id, reason, remedy. Raises StorageError."""
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerow(field.name for field in fields(BadImage))
    table.writerows(astuple(image) for image in bad)
    write_text(path, lines.getvalue())
