"""Remote data: what an address stands for, as shards or as files in the cache."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from vitreous.data.dataset import Dataset
from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.formats.shard_masks import open_with_masks
from vitreous.data.formats.shard_names import CLASS_NAMES, class_names, expanded, refuse_compressed
from vitreous.data.formats.shards import is_shard
from vitreous.data.formats.table_rows import read_rows
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import FILES
from vitreous.data.remote.address import base_name, file_system, suffix
from vitreous.data.remote.download import RemoteFile, look
from vitreous.data.remote.mirror import Mirror, listed, safe
from vitreous.errors import DataError, UsageError

TABLES = (".csv", ".tsv")
ZIP = ".zip"
ALONE = (".npz", ".json")  # other files that are opened by themselves


def resolved(address: str) -> Dataset | Path:
    """What lies at an address: a data set of shards, or a path at which it can be opened now.

    Raises UsageError where a package is missing, DataError where nothing lies there.
    """
    names = [*expanded(address)]
    system, path = file_system(names[0])
    if len(names) > 1 or "*" in address:
        return _pattern(address, names, system, path)
    kind = suffix(address)
    if is_shard(base_name(address)):
        file = look(system, path, address, base_name(address))
        return open_with_masks(_above(address), posixpath.splitext(file.name)[0], [file])
    if kind == ZIP:
        file = look(system, path, address, base_name(address))
        return Mirror(address).unpack(file.local(), address, file.mark())
    if kind in (*TABLES, *ALONE):
        return _file(system, path, address)
    files = listed(system, path, address)
    if not files:
        raise DataError(
            "lists no files",
            where=printable(address),
            remedy="Name a file, or a folder that the server lists.",
        )
    shards = [file for file in files if is_shard(file.name)]
    if shards and not any(_is_image(file.name) for file in files):
        refuse_compressed([file.name for file in files], printable(address))
        mirror = Mirror(address)
        mirror.take([file for file in files if file.name in CLASS_NAMES])
        shards = [_looked_at(file) for file in shards]
        return open_with_masks(address, base_name(address), shards, class_names(mirror.path))
    mirror = Mirror(address)
    mirror.take(files)
    return mirror.path


def _looked_at(file: RemoteFile) -> RemoteFile:
    """What a listing tells of a file is told in other words when it is asked for alone."""
    return look(file.system, file.path, file.address, file.name)


def _pattern(address: str, names: list[str], system: Any, path: str) -> Dataset:
    """Shards whose names a pattern stands for."""
    root = _above(address.partition("{")[0].partition("*")[0] + "x")
    files = list[RemoteFile]()
    for name in names:
        place = system._strip_protocol(name)
        if "*" in name:
            base = _above(name.partition("*")[0] + "x")
            inside = listed(*file_system(base), base)
            pattern = name.removeprefix(f"{base}/")
            files += [_looked_at(each) for each in inside if Path(each.name).match(pattern)]
        else:
            files.append(look(system, place, name, name.removeprefix(f"{root}/")))
    if not files or not all(is_shard(file.name) for file in files):
        raise UsageError(
            "no shard matches" if not files else f"{files[0].name} is no shard",
            where=printable(address),
            remedy="A pattern stands for .tar or .parquet files.",
        )
    return open_with_masks(root, base_name(root), files)


def _file(system: Any, path: str, address: str) -> Path:
    """One file, and those that it lists where it is a table."""
    file = look(system, path, address, base_name(address))
    mirror = Mirror(address)
    mirror.take([file], others=True)
    target = mirror.path / file.name
    if suffix(address) in TABLES:
        root, above = _above(address), posixpath.dirname(path.rstrip("/"))
        names = sorted({safe(name, address) for name in _listed_files(target)})
        files = [look(system, f"{above}/{name}", f"{root}/{name}", name) for name in names]
        mirror.take([file, *files])
    return target


def _listed_files(table: Path) -> list[str]:
    """All paths in a manifest; whatever else may be wrong with it is said when it is opened."""
    rows = read_rows(table)
    head = next(rows, None)
    cells = [cell.strip().lower() for cell in head.cells] if head else []
    places = [place for place, name in enumerate(cells) if name in ("path", *FILES)]
    found = [row.cells[place] for row in rows for place in places if place < len(row.cells)]
    return [cell.strip() for cell in found if cell.strip()]


def _above(address: str) -> str:
    return address.rstrip("/").rpartition("/")[0]


def _is_image(name: str) -> bool:
    return posixpath.splitext(name)[1].lower().encode() in SUFFIXES
