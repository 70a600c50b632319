"""Image files that a command line names: files, folders of them, patterns such as photos/*.jpg."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path

from vitreous.data.images.read_file import printable
from vitreous.errors import DataError


def gathered(images: Sequence[Path]) -> tuple[list[Path], list[DataError]]:
    """The images that are named or lie in folders; and what was passed over and should not be."""
    from vitreous.data.formats.folder_walk import images_below, kinds_of, remedies

    paths: list[Path] = []
    missed: list[DataError] = []
    for place in [each for named in images for each in matches(named)]:
        if not os.path.lexists(place):
            there = os.listdir(place.parent) if place.parent.is_dir() else []
            near = get_close_matches(place.name, there, 1, cutoff=0.75)
            remedy = f"Did you mean {place.parent / near[0]}?" if near else "Look at its name."
            missed.append(DataError("there is no such file", where=printable(place), remedy=remedy))
            continue
        if not place.is_dir():
            paths.append(place)
            continue
        found, left = images_below(os.fsencode(place))
        paths += sorted(place / os.fsdecode(name) for name in found)
        missed += left.refused
        if left.unread:
            lost = left.unread.total()
            missed.append(
                DataError(
                    f"{lost:,} of {lost + len(found):,} images are left out: "
                    f"{kinds_of(left.unread)}",
                    where=printable(place),
                    remedy=remedies(left.unread),
                )
            )
        elif not found and not left.refused:
            remedy = "Name image files, or folders of them."
            missed.append(
                DataError("there is no image in it", where=printable(place), remedy=remedy)
            )
        for words in left.words():
            print(f"note: {printable(place)}: {words}", file=sys.stderr)
    return paths, missed


def matches(place: Path) -> list[Path]:
    """What a pattern stands for, in order, where the shell left it as it is (quoted, or Windows).
    A file of that very name goes before.
    """
    if os.path.lexists(place) or not has_magic(str(place)):
        return [place]
    return [Path(name) for name in sorted(glob(str(place), recursive=True))] or [place]
