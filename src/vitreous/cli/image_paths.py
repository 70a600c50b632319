"""Image files that a command line names: files, folders of them, patterns such as photos/*.jpg."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path

from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

ADDRESS = re.compile(r"\w[\w+.-]+:/")


def gathered(images: Sequence[Path]) -> tuple[list[Path], list[DataError]]:
    """The images that are named or lie in folders; and what was passed over and should not be."""
    from vitreous.data.formats.folder_walk import images_below, kinds_of, remedies

    paths: list[Path] = []
    missed: list[DataError] = []
    for place in [each for named in images for each in matches(named)]:
        if (error := no_images(place)) is not None:
            missed.append(error)
            continue
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
            lacking = DataError("there is no image in it", where=printable(place), remedy=remedy)
            missed.append(next(filter(None, map(no_images, sorted(place.iterdir()))), lacking))
        for words in left.words():
            print(f"note: {printable(place)}: {words}", file=sys.stderr)
    return paths, missed


def no_images(place: Path) -> DataError | None:
    """What is said of an address and of a shard, in which images are no files; else None."""
    from vitreous.data.formats.shards import is_shard

    if ADDRESS.match(str(place)) and not os.path.lexists(place):
        return DataError(
            "is an address, and only files of this machine are read here",
            where=printable(re.sub(":/+", "://", str(place), count=1)),
            remedy="Fetch it first, such as by `curl -O`. `vitreous evaluate` takes addresses.",
        )
    if is_shard(place.name) and place.is_file():
        return DataError(
            "is a shard, a file of many images, and only images are read here",
            where=printable(place),
            remedy="Unpack it: `tar -xf SHARD -C FOLDER`, and name the folder."
            if place.suffix.lower() == ".tar"
            else "Write its images as files. `vitreous evaluate` reads shards with labels.",
        )
    return None


def matches(place: Path) -> list[Path]:
    """What a pattern stands for, in order, where the shell left it as it is (quoted, or Windows).
    A file of that very name goes before.
    """
    if os.path.lexists(place) or not has_magic(str(place)):
        return [place]
    return [Path(name) for name in sorted(glob(str(place), recursive=True))] or [place]
