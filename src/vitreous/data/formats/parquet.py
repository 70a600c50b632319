"""Parquet tables of images, as Hugging Face lays them out, read as a stream of rows.

A column of structs {bytes, path}, or of bytes, holds the images; a column of whole numbers, whose
names stand in the metadata of the schema, or of words, holds the labels. Rows are decoded some at
a time: a group of rows may be larger than the memory.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from vitreous.data.cache.file_cache import SIZE
from vitreous.data.formats.shard_index import Gathered, ShardIndex
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import SYNONYMS
from vitreous.errors import DataError, missing

ROWS = 16  # that are decoded at a time
BUFFER = 1 << 20  # bytes of a column that are read at a time
IMAGE_WORDS = {"image", "img", "picture", "photo", "pixel_values"}
LABEL_WORDS = {"label", *(word for word, column in SYNONYMS.items() if column == "label")}


@dataclass(frozen=True)
class _Columns:
    """Which columns hold what.

    image    path of the column of bytes, such as image.bytes
    label    "" where there is none
    classes  names of labels that are numbers
    unused   what other columns hold that could be meant as well, in words
    """

    image: str
    label: str
    classes: tuple[str, ...]
    unused: tuple[str, ...]


class Table:
    """An open shard, for one thread: rows are decoded in order, and the last few are kept."""

    def __init__(self, path: Path):
        self._file = _opened(path)
        self._image = _columns(self._file, printable(path)).image
        groups = range(self._file.metadata.num_row_groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in groups]
        self._groups = np.cumsum([0, *sizes]).tolist()
        self._first, self._kept = 0, list[Any]()  # rows that are kept, and the number of the first
        self._following: Iterator[list[list[Any]]] = iter(())

    def read(self, start: int, size: int) -> bytes:
        """The image in row `start`."""
        group = bisect_right(self._groups, start) - 1
        after = self._first + len(self._kept)
        if start < self._first or after < self._groups[group] or not self._kept:
            groups = [*range(group, len(self._groups) - 1)]
            self._following = _batches(self._file, [self._image], groups)
            self._first, self._kept = self._groups[group], []
        while start >= self._first + len(self._kept):
            self._first += len(self._kept)
            (self._kept,) = next(self._following)
        return _bytes(self._kept[start - self._first])


def index(path: Path, where: str, passed: Callable[[int], None]) -> ShardIndex:
    """What a shard holds, from one pass over it. Raises DataError with the column or the row;
    UsageError where pyarrow is missing.
    """
    file = _opened(path, where)
    columns = _columns(file, where)
    made, total = Gathered(), path.stat().st_size
    names = [columns.image, *([columns.label] if columns.label else [])]
    row, count = 0, max(1, file.metadata.num_rows)
    try:
        for images, *more in _batches(file, names):
            labels = more[0] if more else [None] * len(images)
            for image, label in zip(images, labels, strict=True):
                data = _bytes(image)
                word = _word(label, columns.classes, row, where)
                digest = blake2b(data, digest_size=SIZE).digest()
                made.look(data)
                made.add(f"row {row}", row, len(data), digest, word)
                row += 1
            passed(total * row // count - total * (row - len(images)) // count)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        _fail(where, f"is damaged behind row {row:,}: {_first_line(error)}", "Fetch it again.")
    return made.index(columns.classes, dict.fromkeys(columns.unused, row))


def _opened(path: Path, where: str = "") -> Any:
    where = where or printable(path)
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise missing("pyarrow", "parquet", "a Parquet table", where=where) from error
    try:
        # Buffered, and not read ahead: memory is that of some rows, not of a group of rows.
        return parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except (OSError, ValueError) as error:
        size = path.stat().st_size
        _fail(
            where,
            f"is no whole Parquet file of {size:,} bytes: {_first_line(error)}",
            "Fetch or write it again.",
        )


def _batches(
    file: Any, columns: list[str], groups: list[int] | None = None
) -> Iterator[list[list[Any]]]:
    """The values of these columns, some rows at a time."""
    for batch in file.iter_batches(ROWS, columns=columns, row_groups=groups, use_threads=False):
        found = [batch.column(name.partition(".")[0]) for name in columns]
        yield [
            (each.flatten()[0] if "." in name else each).to_pylist()
            for name, each in zip(columns, found, strict=True)
        ]


def _columns(file: Any, where: str) -> _Columns:
    import pyarrow

    schema = file.schema_arrow
    features = _features(schema.metadata or {})
    images = []
    for field in schema:
        kind = field.type
        named = field.name.lower() in IMAGE_WORDS
        meant = features.get(field.name, {}).get("_type") == "Image" or named
        if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            images.append((not meant, f"{field.name}.bytes"))
        elif meant and (pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)):
            images.append((not meant, field.name))
    if not images:
        listed = ", ".join(f"{field.name} ({field.type})" for field in schema)
        _fail(
            where,
            f"has no column of images; its columns are {listed[:200]}",
            "Name a column of bytes, or of structs {bytes, path}, 'image'; a table of paths is "
            "read as CSV.",
        )
    image = min(images)[1]
    if len([one for one in images if one[0] == min(images)[0]]) > 1:
        listed = " and ".join(name.partition(".")[0] for _, name in sorted(images))
        _fail(where, f"has several columns of images: {listed}", "Keep one of them.")
    others = [name.partition(".")[0] for _, name in sorted(images)[1:]]
    unused = tuple(f"images '{name}'" for name in others)
    numbered = [name for name, told in features.items() if told.get("_type") == "ClassLabel"]
    labels = [field.name for field in schema if field.name.lower() in LABEL_WORDS]
    labels = [*dict.fromkeys([*(name for name in numbered if name in labels), *labels, *numbered])]
    labels = [name for name in labels if name in schema.names]
    if not labels:
        return _Columns(image, "", (), unused)
    kind = schema.field(labels[0]).type
    types = pyarrow.types
    if not (types.is_integer(kind) or types.is_floating(kind) or _is_text(types, kind)):
        _fail(where, f"has labels of the type {kind}", "Write whole numbers or words.")
    names = features.get(labels[0], {}).get("names", ()) if types.is_integer(kind) else ()
    classes = tuple(map(str, names))
    unused = (*(f"labels '{name}'" for name in labels[1:]), *unused)
    return _Columns(image, labels[0], classes, unused)


def _is_text(types: Any, kind: Any) -> bool:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _features(metadata: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """What Hugging Face's `datasets` tells of the columns; nothing where another program wrote."""
    try:
        told = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: each for name, each in told.items() if isinstance(each, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _bytes(image: Any) -> bytes:
    """The stored bytes; none where the row names a file that is not here."""
    return image if isinstance(image, bytes) else b""


def _word(label: Any, classes: tuple[str, ...], row: int, where: str) -> str | None:
    """The label of a row as a word; None where there is none, which Hugging Face writes as -1."""
    if label is None or label == "" or (classes and label == -1):
        return None
    if classes and not isinstance(label, str):
        if not 0 <= label < len(classes):
            _fail(
                where,
                f"row {row:,} has the label {label}, and {len(classes):,} classes are named",
                "Number the classes 0, 1, 2, …",
            )
        return classes[int(label)]
    return str(label)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _fail(where: str, message: str, remedy: str) -> NoReturn:
    raise DataError(message, where=where, remedy=remedy)
