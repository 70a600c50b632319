"""Duplicates: equal and nearly equal images, contradictions between them, leaks between parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import SIZE, Ledger, as_words, is_stored
from vitreous.data.check import perceptual_hash as likeness
from vitreous.data.check.data_findings import Finding
from vitreous.data.check.scan import rules
from vitreous.data.check.view import LATER, View, these
from vitreous.data.dataset import Dataset, Part
from vitreous.data.doubt import SERIOUS
from vitreous.data.splits.groups import torn
from vitreous.errors import ImageError
from vitreous.formats import percent

LEAKING = 0.05  # share of the held-out images from which near copies elsewhere are an error
PROVEN = 20_000  # pairs of look-alikes that are compared by their pixels


def twins(contents: NDArray[np.uint8], good: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Sets of images with the same content, each in the data set's order."""
    indices = np.flatnonzero(good)
    _, same, counts = np.unique(
        as_words(contents[indices]), return_inverse=True, return_counts=True
    )
    chosen = np.flatnonzero(counts[same] > 1)
    order = chosen[np.argsort(same[chosen], kind="stable")]
    return np.split(indices[order], np.flatnonzero(np.diff(same[order])) + 1) if len(order) else []


def copies(view: View, same: list[NDArray[np.int64]]) -> Iterator[Finding]:
    """Leaks between prescribed parts, and copies at all."""
    if view.split.leaks:
        pairs = view.split.leaks
        yield Finding(
            "error",
            "leak",
            these(len(pairs), "image", "of one part is", "of one part are")
            + " also in another: scores would be too good",
            tuple(view.pair(*pair) for pair in pairs),
            "Remove the copies, or let `vitreous split` choose the parts.",
        )
    extra = sum(len(each) - 1 for each in same)
    if extra:
        yield Finding(
            "warning" if extra >= SERIOUS * view.good else "note",
            "duplicates",
            these(extra, "image", "is an exact copy of another", "are exact copies of others"),
            tuple(view.pair(int(each[0]), int(other)) for each in same for other in each[1:]),
            "Copies always share a part; remove them if they were not meant.",
        )


def conflicts(view: View, same: list[NDArray[np.int64]]) -> Iterator[Finding]:
    """Copies with contradicting labels."""
    clashes = [
        (int(each[0]), int(other))
        for each in same
        for other in each[1:]
        if view.differ(int(each[0]), int(other))
    ]
    if clashes:
        yield Finding(
            "error" if len(clashes) >= SERIOUS * view.good else "warning",
            "conflict",
            f"{these(len(clashes), 'image')} copies with another label",
            tuple(view.labeled(*pair) for pair in clashes),
            "Find out which label is right, and remove the other copy.",
        )


def torn_groups(view: View) -> Iterator[Finding]:
    """Groups that prescribed parts divide: what a group shares would tell the answer."""
    groups = view.dataset.groups
    if groups is None or not len(found := torn(groups, view.parts)):
        return
    there = view.parts != Part.UNASSIGNED
    members = [np.flatnonzero(there & (groups == group)) for group in found]
    yield Finding(
        "error",
        "torn groups",
        f"{these(len(found), 'group')} images in more than one part",
        tuple(f"{view.name(int(each[0]))} and {len(each) - 1:,} more" for each in members),
        "Give each group one part, or let `vitreous split` choose the parts.",
    )


def look_alikes(view: View, contents: NDArray[np.uint8]) -> Iterator[Finding]:
    """Near duplicates among different images, proven by their pixels."""
    seen = view.seen
    large = seen.good & ~seen.flat & (seen.sizes.min(axis=1) >= likeness.SMALLEST)
    chosen = different(large, contents)
    if len(chosen) < 2:
        return
    pairs = chosen[likeness.candidates(seen.prints[chosen])]
    apart = likeness.distances(seen.prints[pairs[:, 0]], seen.prints[pairs[:, 1]])
    pairs = np.sort(pairs[np.argsort(apart, kind="stable")], axis=1)
    yield from pair_findings(view, _proven(view.dataset, contents, pairs[:PROVEN]))


def different(chosen: NDArray[np.bool_], contents: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One of each content among the chosen images: copies are reported as copies."""
    indices = np.flatnonzero(chosen)
    return indices[np.unique(as_words(contents[indices]), return_index=True)[1]]


def pair_findings(
    view: View, proven: Sequence[Sequence[int]], how: Sequence[str] = ()
) -> Iterator[Finding]:
    """Near duplicates, leaks among them, and contradictions.

    proven  pairs of images that show the same
    how     of each pair, where one of the two is mirrored or turned: in words
    """
    if not proven:
        return
    words = {tuple(pair): f" ({each})" for pair, each in zip(proven, how, strict=False) if each}
    across = [pair for pair in proven if view.parts[pair[0]] != view.parts[pair[1]]]
    clashes = [pair for pair in proven if view.contradict(*pair)]
    yield Finding(
        "note",
        "near duplicates",
        these(len(proven), "pair", "of images looks", "of images look")
        + " the same without being equal",
        tuple(view.pair(*pair) + words.get(tuple(pair), "") for pair in proven),
        "Frames of one film or photos of one scene belong into one group (column `group`).",
    )
    if across:
        held = {index for pair in across for index in pair if view.parts[index] in LATER}
        share = len(held) / max(1, sum(len(view.split.indices(part)) for part in LATER))
        yield Finding(
            "error" if share >= LEAKING else "warning",
            "near leak",
            these(len(held), "held-out image", "looks", "look")
            + f" like images of another part ({percent(share)})",
            tuple(view.pair(*pair) + words.get(tuple(pair), "") for pair in across),
            "Name groups in a CSV file (column `group`), so that they stay together.",
        )
    if clashes:
        yield Finding(
            "warning",
            "near conflict",
            f"{these(len(clashes), 'pair')} the same look but different labels",
            tuple(view.labeled(*pair) for pair in clashes),
            "One of the two labels may be wrong.",
        )


def _proven(
    dataset: Dataset, contents: NDArray[np.uint8], pairs: NDArray[np.int64]
) -> list[list[int]]:
    """The pairs whose pixels are alike; for files, what was seen once is kept."""
    seen = np.zeros((len(pairs), 1), np.uint8)
    known = np.zeros(len(pairs), bool)
    salt = rules(dataset)
    if is_stored(dataset):
        ledger = Ledger("pairs", dataset)
        keys = np.zeros((len(pairs), SIZE), np.uint8)
        for key, pair in zip(keys, pairs, strict=True):
            both = b"".join(sorted(contents[index].tobytes() for index in pair))
            key[:] = np.frombuffer(blake2b(both + salt, digest_size=SIZE).digest(), np.uint8)
        known = ledger.recall(keys, seen)
    for index in np.flatnonzero(~known).tolist():
        seen[index] = _alike(dataset, *pairs[index].tolist())
    if is_stored(dataset) and not known.all():
        ledger.keep(keys, seen)
    chosen: list[list[int]] = pairs[seen[:, 0] > 0].tolist()
    return chosen


def _alike(dataset: Dataset, one: int, other: int) -> bool:
    try:
        return likeness.alike(
            likeness.thumbnail(dataset.read(one, likeness.SIDE)),
            likeness.thumbnail(dataset.read(other, likeness.SIDE)),
        )
    except ImageError:
        return False  # it could be read a moment ago
