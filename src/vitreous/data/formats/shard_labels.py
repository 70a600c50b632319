"""Labels of shards as columns: words or numbers, alike in all shards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vitreous.data.doubt import Doubt, weight
from vitreous.data.formats.labels import Found, encode, from_words
from vitreous.data.formats.shard_index import NO_IMAGE, UNLABELED, ShardIndex
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import number
from vitreous.errors import DataError
from vitreous.formats import counted

SHOWN = 5  # names in a note
MASKS = re.compile(r"\.(seg|masks?)\.(png|tiff?)|images '(masks?|seg\w*|annotation)'", re.I)
Shards = Sequence[tuple[str, ShardIndex]]
"""The indexes of all shards, with the names of the shards."""


def labeled(shards: Shards) -> tuple[list[ShardIndex], list[Doubt]]:
    """The images that have a label, and what is said of the others; all, where none has one."""
    lacking = [index.labels == UNLABELED for _, index in shards]
    total, lost = sum(map(len, lacking)), sum(int(each.sum()) for each in lacking)
    indexes = [index for _, index in shards]
    if not lost or lost == total:
        return indexes, []
    names = [
        f"{shard}: {printable(index.names[place])}"
        for (shard, index), missing in zip(shards, lacking, strict=True)
        for place in np.flatnonzero(missing)[:SHOWN].tolist()
    ][:SHOWN]
    doubt = Doubt(
        f"{lost:,} of {total:,} images have no label and are left out: {', '.join(names)}",
        severity=weight(lost, total),
        kind="left out",
        examples=names,
        remedy="Give each image a label, or take the shards without labels away.",
    )
    pairs = zip(indexes, lacking, strict=True)
    return [index.without(missing) for index, missing in pairs], [doubt]


def unread(indexes: Sequence[ShardIndex]) -> list[str]:
    """What else lies in all shards together, in a sentence; a doubt where labels lack images."""
    counts = Counter[str]()
    for index in indexes:
        counts.update(dict(zip(index.unread, index.unread_counts.tolist(), strict=True)))
    listed = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    text = f"not read: {listed}"
    if masks_in(indexes):
        text += "; --task segment asks for masks"
    if lone := counts[NO_IMAGE]:
        severity = weight(lone, lone + sum(map(len, indexes)))
        remedy = "Write the image of each sample as .jpg, .png or another kind that is read."
        text = Doubt(text, severity=severity, kind="left out", remedy=remedy)
    return [text] if counts else []


def masks_in(indexes: Sequence[ShardIndex]) -> str:
    """Members or a column that are masks by their name, such as .seg.png; "" where none are."""
    kinds = {kind for index in indexes for kind in index.unread if MASKS.fullmatch(kind)}
    return min(kinds, default="")


def columns(shards: Shards, class_names: Sequence[str], where: str) -> Found:
    """The targets of images that all have a label, or none.

    class_names  of numbers, where a file beside the shards gives them

    Raises DataError where some labels are numbers and others words.
    """
    vocabulary: dict[str, int] = {}
    pieces = []
    for _, index in shards:
        numbers = [vocabulary.setdefault(word, len(vocabulary)) for word in index.words]
        pieces.append(np.array([*numbers, UNLABELED], np.int32)[index.labels])
    words, labels = [*vocabulary], np.concatenate(pieces)
    if not words:
        return {}, ("the images are unlabeled",)
    given = {index.classes for _, index in shards if index.classes}
    if len(given) > 1:
        raise DataError(
            "shards give their classes different names",
            where=where,
            remedy="Open those of one data set.",
        )
    values = [number(word) for word in words]
    if not given and None not in values:
        exact = np.array(values, np.float64)
        whole = bool((exact == np.rint(exact)).all())
        table = exact.astype(np.int64) if whole else exact
        return encode([table[labels]], class_names or None, where)
    if not given and any(value is not None for value in values):
        a_word = next(n for n, value in enumerate(values) if value is None)
        a_number = next(n for n, value in enumerate(values) if value is not None)
        raise DataError(
            f"some labels are words and others numbers: {words[a_word]} in "
            f"{_first(shards, pieces, a_word)}, {words[a_number]} in "
            f"{_first(shards, pieces, a_number)}",
            where=where,
            remedy="Write labels of one kind in all shards.",
        )
    classes = next(iter(given), None)
    return from_words([words[label] for label in labels.tolist()], classes, where)


def _first(shards: Shards, pieces: Sequence[NDArray[np.int32]], label: int) -> str:
    """The first image with this label."""
    for (shard, index), piece in zip(shards, pieces, strict=True):
        if len(places := np.flatnonzero(piece == label)):
            return f"{shard}: {printable(index.names[int(places[0])])}"
    return "none"


def keys_twice(shards: Shards, parts: Sequence[int]) -> Iterator[Doubt]:
    """Samples whose key lies in several shards of one part: perhaps one was written twice."""
    for part in sorted({*parts}):
        mine = [shard for shard, own in zip(shards, parts, strict=True) if own == part]
        keys = np.concatenate([index.keys for _, index in mine])
        numbers = np.repeat(np.arange(len(mine)), [len(index) for _, index in mine])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        again = np.flatnonzero((keys[1:] == keys[:-1]) & (keys[1:] > 0)) + 1
        if not len(again):
            continue
        ends = np.cumsum([0, *(len(index) for _, index in mine)])
        names = []
        for place in again[:SHOWN].tolist():
            shard, twin = (int(numbers[order[at]]) for at in (place, place - 1))
            name = mine[shard][1].names[int(order[place] - ends[shard])]
            names.append(f"{printable(name)} in {mine[twin][0]} and {mine[shard][0]}")
        yield Doubt(
            f"{counted(len(again), 'sample')} {'has' if len(again) == 1 else 'have'} the name of "
            f"another in a second shard: "
            f"{', '.join(names)}",
            kind="names twice",
            examples=names,
            remedy="If they are the same images, take one of the shards away.",
        )
