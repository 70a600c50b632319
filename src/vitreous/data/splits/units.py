"""Indivisible units of a split: equal images, and images of one group, stay together."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import as_words


def units_of(
    contents: NDArray[np.uint8], groups: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], list[bytes]]:
    """What has to stay together: (M,) unit of each example, and a key of content for each unit.

    Examples are tied by equal content and by an equal group, over any number of steps.
    """
    words = as_words(contents)
    _, first, same = np.unique(words, return_index=True, return_inverse=True)
    if groups is None:
        return same, [contents[index].tobytes() for index in first]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, group = np.unique(groups, return_inverse=True)
    ties = coo_array(
        (np.ones(len(same), np.int8), (same, group + len(first))),
        shape=(len(first) + len(names),) * 2,
    )
    count, component = connected_components(ties, directed=False)
    # The least group of a component names it: its number does not depend on the order of rows.
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, component[len(first) :], names)
    return component[same].astype(np.int64), [b"group" + name.tobytes() for name in least]


def places_of(keys: list[bytes], seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each unit."""
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
    drawn = [hashlib.blake2b(key, digest_size=8, key=salt).digest() for key in keys]
    bits = np.frombuffer(b"".join(drawn), "<u8") >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53
