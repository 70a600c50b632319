"""WebDataset: tar shards whose members belong together by the names before their first dot.

`0001.jpg` and `0001.cls` are one sample: an image and its class. A label is the content of `.cls`,
or else a field of `.json`, or else a line of `.txt`. Members may come in any order.

A. Aizman, G. Maltby, T. Breuel, "High Performance I/O For Large Scale Deep Learning", 2019.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NoReturn

from vitreous.data.cache.file_cache import SIZE
from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.formats.shard_index import NO_IMAGE, Gathered, ShardIndex
from vitreous.data.formats.tar_members import Member, members
from vitreous.data.images.read_file import MAX_BYTES, printable
from vitreous.data.manifest_words import SYNONYMS
from vitreous.errors import DataError

IMAGES = {os.fsdecode(suffix)[1:] for suffix in SUFFIXES} - {"npy"}  # which is rarely an image here
MASKS = {f"{word}.{kind}" for word in ("seg", "mask", "masks") for kind in ("png", "tif", "tiff")}
LABELS = ("cls", "json", "txt")  # the first that a sample has counts
FIELDS = ("label", "cls", *(word for word, column in SYNONYMS.items() if column == "label"))
LONGEST = 1 << 20  # bytes of a label's member
CAPTION = 200  # letters from which a text is no name of a class


@dataclass(slots=True)
class _Sample:
    """One sample as far as it was read."""

    image: Member | None = None
    digest: bytes = b""
    word: str | None = None
    rank: int = len(LABELS)  # of the member that the word is from


class Archive:
    """An open shard."""

    def __init__(self, path: Path):
        self.path = path

    def read(self, start: int, size: int) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(size)


def index(
    path: Path, where: str, passed: Callable[[int], None], kinds: Collection[str] = IMAGES
) -> ShardIndex:
    """What a shard holds, from one pass over it. Raises DataError with the member or the byte.

    kinds  what the name of an image says behind its first dot
    """
    made, samples = Gathered(), dict[str, _Sample]()
    others, names = Counter[str](), set[str]()
    with open(path, "rb") as file:
        before = 0
        for member in members(file, where):
            passed(member.start + member.size - before)
            before = member.start + member.size
            folder, _, base = member.name.rpartition("/")
            if member.name.endswith("/") or base.startswith(".") or "__MACOSX" in folder:
                continue
            if not member.is_file:
                others["links and devices"] += 1
                continue
            if member.name in names:
                _fail(where, f"holds {printable(member.name)} twice", "Write each name once.")
            names.add(member.name)
            stem, _, kind = base.partition(".")
            kind = kind.lower()
            sample = samples.setdefault(f"{folder}/{stem}" if folder else stem, _Sample())
            if kind in kinds:
                _add_image(made, sample, member, file, where)
            elif kind in LABELS:
                _add_label(sample, member, file, LABELS.index(kind), where)
            else:
                others[f".{kind}" if kind else "without an ending"] += 1
                if kind.rpartition(".")[2] in IMAGES and kind.partition(".")[0].isdigit():
                    _fail(
                        where,
                        f"holds {printable(member.name)}, whose name has several dots",
                        "The name of a sample ends at its first dot: write names without others.",
                    )
        file.seek(0, os.SEEK_END)
        passed(file.tell() - before)
    for key, sample in samples.items():
        if image := sample.image:
            made.add(image.name, image.start, image.size, sample.digest, sample.word, key)
    lone = sum(each.image is None and each.word is not None for each in samples.values())
    unread = dict(sorted(others.items())) | ({NO_IMAGE: lone} if lone else {})
    return made.index((), unread)


def _add_image(made: Gathered, sample: _Sample, member: Member, file: BinaryIO, where: str) -> None:
    if sample.image is not None:
        _fail(
            where,
            f"holds two images of one sample: {printable(sample.image.name)} and "
            f"{printable(member.name)}",
            "Give each image a name of its own before the first dot.",
        )
    sample.image = member
    file.seek(member.start)
    data = file.read(min(member.size, MAX_BYTES))  # a larger one is refused when it is read
    sample.digest = blake2b(data, digest_size=SIZE).digest()
    made.look(data)


def _add_label(sample: _Sample, member: Member, file: BinaryIO, rank: int, where: str) -> None:
    if rank > sample.rank:
        return
    name = printable(member.name)
    if member.size > LONGEST:
        _fail(where, f"{name} has {member.size:,} bytes, too many for a label", "Shorten it.")
    file.seek(member.start)
    try:
        text = file.read(member.size).decode("utf-8-sig")
    except UnicodeDecodeError:
        _fail(where, f"{name} is not UTF-8", "Write labels in UTF-8.")
    word = _json_word(text, name, where) if LABELS[rank] == "json" else text.strip()
    if LABELS[rank] == "txt" and word and (len(word) > CAPTION or "\n" in word):
        _fail(
            where,
            f"{name} holds a text of {len(word):,} letters, no class",
            "Write the class into .cls; a caption can be called .caption.",
        )
    if word:
        sample.word, sample.rank = word, rank


def _json_word(text: str, name: str, where: str) -> str | None:
    """The label in an object such as {"label": 3}; None where there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        _fail(where, f"{name} is no JSON: {error}", "Write it again.")
    if isinstance(found, dict):
        found = next((found[name] for name in FIELDS if name in found), None)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        _fail(where, f"{name} has a {type(found).__name__} as its label", "Write a word or number.")
    return str(found).strip()


def _fail(where: str, message: str, remedy: str) -> NoReturn:
    raise DataError(message, where=where, remedy=remedy)
