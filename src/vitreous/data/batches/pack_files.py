"""Files of a pack: rows of images and of what moves with them, in one file or in several.

A small pack is one file: its blocks of rows, a footer of JSON, the footer's length and a mark.
Where rows need more than PART bytes they lie in files of at most as many, `KEY-000.part` and so on,
and `KEY.rows` has the footer alone, which names them. It is written last: without it, none of the
others is found.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import replacing
from vitreous.data.parted_rows import PartedRows

PART = 1 << 30  # bytes of a file at most, unless one row is larger
FLUSH = 32 << 20  # bytes after which the disk has to write, while threads go on decoding
END = struct.Struct("<Q8s")  # length of the footer, and a mark that the file is complete
MARK = b"vitreous"

Mapped: TypeAlias = NDArray[Any] | PartedRows


@dataclass(frozen=True)
class Block:
    """Some rows, which follow each other without gaps."""

    kind: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def row(self) -> int:
        """In bytes."""
        return self.kind.itemsize * math.prod(self.shape[1:])

    @property
    def size(self) -> int:
        """In bytes."""
        return self.row * self.shape[0]


@dataclass(frozen=True)
class Piece:
    """Rows of one block in one file.

    file   its number
    start  in the file, in bytes
    block  the number of the block, and how many of its rows
    """

    file: int
    start: int
    block: int
    count: int


def pieces_of(blocks: Sequence[Block], most: int) -> list[Piece]:
    """Where all rows lie in files of so many bytes. A block is divided only if no file holds it."""
    if sum(block.size for block in blocks) <= most:
        starts = np.cumsum([0, *(block.size for block in blocks)]).tolist()
        return [Piece(0, starts[n], n, block.shape[0]) for n, block in enumerate(blocks)]
    pieces, file, used = list[Piece](), 0, 0
    for number, block in enumerate(blocks):
        left = block.shape[0]
        while left:
            fitting = (most - used) // max(1, block.row)
            if used and fitting < min(left, max(1, most // max(1, block.row))):
                file, used = file + 1, 0
                continue
            count = min(left, max(1, fitting))
            pieces.append(Piece(file, used, number, count))
            left, used = left - count, used + count * block.row
    return pieces


def part_path(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number:03d}.part")


def write(
    path: Path,
    blocks: Sequence[Block],
    rows: Generator[NDArray[Any], None, None],
    footer: Callable[[], dict[str, Any]],
) -> None:
    """All rows, and then the footer, which is asked for when all have been seen."""
    most = PART
    pieces = pieces_of(blocks, most)
    sizes = [
        sum(piece.count * blocks[piece.block].row for piece in some)
        for _, some in groupby(pieces, key=lambda piece: piece.file)
    ]
    stream = _Stream(rows)
    if len(sizes) <= 1:
        with replacing(path) as file:
            stream.copy(file, sum(sizes))
            stream.end()
            _end(file, footer())
        return
    with contextlib.ExitStack() as undone:
        for number, size in enumerate(sizes):
            with replacing(part_path(path, number)) as file:
                stream.copy(file, size)
            undone.callback(part_path(path, number).unlink, missing_ok=True)
        stream.end()
        with replacing(path) as file:
            _end(file, {**footer(), "part": most, "sizes": sizes})
        undone.pop_all()


def read(path: Path, blocks: Sequence[Block]) -> tuple[dict[str, Any], list[Mapped]]:
    """The footer, and the rows of each block, mapped into memory. Raises ValueError or OSError
    where files are not whole.
    """
    with open(path, "rb") as file:
        size = file.seek(-END.size, os.SEEK_END) + END.size
        length, mark = END.unpack(file.read(END.size))
        if mark != MARK or length > size - END.size:
            raise ValueError("not whole")
        file.seek(-END.size - length, os.SEEK_END)
        footer: dict[str, Any] = json.loads(file.read(length))
    if tuple(footer["shape"]) != blocks[0].shape:
        raise ValueError("of another shape")
    total = sum(block.size for block in blocks)
    pieces = pieces_of(blocks, footer.get("part", total))
    paths = [path]
    if sizes := footer.get("sizes"):
        paths = [part_path(path, number) for number in range(len(sizes))]
        if [os.path.getsize(each) for each in paths] != sizes or sum(sizes) != total:
            raise ValueError("not whole")
        total = 0
    if size != total + length + END.size:
        raise ValueError("not whole")
    mapped: list[list[NDArray[Any]]] = [[] for _ in blocks]
    for piece in pieces:
        block = blocks[piece.block]
        shape = (piece.count, *block.shape[1:])
        whole = np.memmap(paths[piece.file], block.kind, "r", piece.start, shape)
        mapped[piece.block].append(whole.view(np.ndarray))
    return footer, [one[0] if len(one) == 1 else PartedRows(one) for one in mapped]


class _Stream:
    """Rows as they are made, as one stream of bytes."""

    def __init__(self, rows: Iterator[NDArray[Any]]):
        self._rows, self._rest = rows, memoryview(b"")

    def copy(self, file: IO[bytes], size: int) -> None:
        """So many bytes into a file."""
        flushed, left = 0, size
        while left:
            if not len(self._rest):
                array = next(self._rows)
                self._rest = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                continue
            taken = self._rest[:left]
            file.write(taken)
            self._rest, left = self._rest[len(taken) :], left - len(taken)
            if size - left - flushed >= FLUSH:
                file.flush()
                os.fsync(file.fileno())
                flushed = size - left

    def end(self) -> None:
        """Whoever makes the rows comes to its end, too, and knows what it has seen."""
        assert next(self._rows, None) is None, "more rows than were told"


def _end(file: IO[bytes], footer: dict[str, Any]) -> None:
    text = json.dumps(footer).encode()
    file.write(text + END.pack(len(text), MARK))
