"""Names of shards: a folder of them, one file, or a pattern such as `shards-{000..009}.tar`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from itertools import product
from pathlib import Path

from vitreous.data.class_names import clean
from vitreous.data.formats.folder_walk import holds_images, walk
from vitreous.data.formats.shard_masks import open_with_masks
from vitreous.data.formats.shards import LocalFile, ShardDataset, is_shard
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError, UsageError
from vitreous.formats import counted

BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")
MOST = 1_000_000  # names that a pattern may stand for
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
CLASS_NAMES = ("classes.txt", "classnames.txt")  # beside the shards: the names of numbers


def is_pattern(name: str) -> bool:
    """Does a name stand for several files, as `*` and `{000..009}` do, and for none itself?"""
    return bool(has_magic(name) or BRACES.search(name)) and not os.path.lexists(name)


def expanded(pattern: str) -> Iterator[str]:
    """What the braces of a pattern stand for: `{000..009}` and `{a,b}`. Raises UsageError."""
    pieces = BRACES.split(pattern)
    choices = [_choices(piece) if n % 2 else [piece] for n, piece in enumerate(pieces)]
    count = 1
    for each in choices:
        count *= len(each)
    if count > MOST:
        raise UsageError(
            f"the pattern {printable(pattern)} stands for {count:,} files",
            remedy=f"At most {MOST:,} can be opened at once.",
        )
    return map("".join, product(*choices))


def _choices(inside: str) -> Sequence[str]:
    if found := RANGE.fullmatch(inside):
        first, last = int(found[1]), int(found[2])
        width = max(len(found[1]), len(found[2])) if found[1].startswith("0") else 0
        if 0 <= last - first <= MOST:
            return [f"{number:0{width}d}" for number in range(first, last + 1)]
    return inside.split(",") if "," in inside else [f"{{{inside}}}"]


def open_pattern(pattern: str) -> ShardDataset:
    """The shards that a pattern stands for. Raises UsageError as `matched`."""
    return _open_files(matched(pattern))


def matched(pattern: str) -> list[Path]:
    """The shards that a pattern stands for. Raises UsageError where there are none, some are
    missing, or others are no shards.
    """
    paths = list[str]()
    for name in expanded(pattern):
        paths += sorted(glob(name)) if has_magic(name) else [name]
    absent = [path for path in paths if not os.path.isfile(path)]
    where = printable(pattern)
    if not paths or len(absent) == len(paths):
        raise UsageError(f"no file matches '{where}'", remedy="Look at the folder and the names.")
    if absent:
        raise UsageError(
            f"{len(absent):,} of {len(paths):,} shards of '{where}' are missing, such as "
            f"{printable(absent[0])}",
            remedy="Name those that are there, such as {000..004}.",
        )
    if others := [path for path in paths if not is_shard(path)]:
        raise UsageError(
            f"{printable(others[0])} is no shard",
            where=where,
            remedy="A pattern stands for .tar or .parquet files; name a folder of images itself.",
        )
    return [*map(Path, dict.fromkeys(paths))]


def open_file(path: Path) -> ShardDataset:
    """One shard."""
    return _open_files([path], path.stem)


def is_shards(path: Path, names: set[str]) -> bool:
    """Shards in a folder or in folders in it, and no folders of images beside them."""
    folders = _folders(path, names)
    there = any(is_shard(name) for each in (names, *map(_listed, folders)) for name in each)
    return there and not any(holds_images(os.fsencode(folder)) for folder in folders)


def open_folder_of_shards(path: Path) -> ShardDataset:
    """All shards in a folder and below it. Raises DataError where images lie beside them."""
    found = list[Path]()
    for below, contents in walk(os.fsencode(path), b""):
        folder = path / os.fsdecode(below)
        if contents.images:
            raise DataError(
                f"holds {counted(len(contents.images), 'image')} beside shards",
                where=printable(folder),
                remedy="Open the shards by a pattern, such as *.tar, or put the images into class "
                "folders.",
            )
        refuse_compressed(_listed(folder), printable(folder))
        inside = (folder / name for name in _listed(folder) if is_shard(name))
        found += [place for place in inside if place.is_file()]
    return _open_files(found, path.resolve().name, path)


def refuse_compressed(names: Iterable[str], where: str) -> None:
    """Raises DataError for archives beside shards whose images would be lost."""
    if packed := [name for name in names if name.lower().endswith(COMPRESSED)]:
        raise DataError(
            f"holds the compressed archive {printable(packed[0])} beside shards",
            where=where,
            remedy="Uncompress it to .tar, or open the others by a pattern, such as *.tar.",
        )


def _folders(path: Path, names: set[str]) -> list[Path]:
    return [path / name for name in sorted(names) if (path / name).is_dir()]


def _listed(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _open_files(paths: Sequence[Path], name: str = "", root: Path | None = None) -> ShardDataset:
    folder = root or Path(os.path.commonpath([path.absolute().parent for path in paths]))
    base = os.path.abspath(folder)
    files = [LocalFile(base, os.path.relpath(os.path.abspath(path), base)) for path in paths]
    return open_with_masks(base, name or os.path.basename(base), files, class_names(folder))


def class_names(folder: Path) -> list[str]:
    """The names of labels that are numbers, from a file beside the shards."""
    beside = (folder / name for name in CLASS_NAMES)
    path = next((path for path in beside if path.is_file()), None)
    return [clean(line) for line in read_text_lines(path) if line.strip()] if path else []
