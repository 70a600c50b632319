"""Groups: examples that show one thing, such as one patient, one scene or one film.

Told by name: in a manifest's column, or by what a pattern finds in the path of each image. Images
of one group never end up in different parts, since they would tell the answer.
"""

from __future__ import annotations

import hashlib
import os
import re

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Part
from vitreous.data.images.read_file import printable
from vitreous.errors import UsageError

FLAG = "--group"


def group_of(word: str) -> int:
    """A group's number: a hash of its name, so that the order of images does not matter."""
    key = hashlib.blake2b(os.fsencode(word), digest_size=8).digest()
    return int.from_bytes(key, "little", signed=True)


def group_alone(name: str) -> int:
    """The number of a group that has no name: the image is in a group by itself."""
    return group_of(f"row of {name}")


def grouped(dataset: Dataset, pattern: str) -> NDArray[np.int64]:
    """The group of each example, (N,), by what a regular expression finds in its id.

    The group is what the first parentheses enclose, or else all that is found. Images in which
    nothing is found are each a group alone.

        patient\\d+    photos/cat/patient12_3.jpg and photos/dog/patient12_7.jpg stay together
        (.*)/         all images of one folder do

    Raises UsageError for a pattern that is none or that finds nothing, and where the data name
    their groups already.
    """
    if dataset.groups is not None:
        raise UsageError(
            f"{dataset.name} names its groups already, in the column 'group'",
            where=FLAG,
            remedy="Leave the flag out, or remove the column.",
        )
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"'{pattern}' is no regular expression: {error}",
            where=FLAG,
            remedy=r"Write one such as 'patient\d+', in quotes.",
        ) from error
    groups = np.zeros(len(dataset), np.int64)
    any_found = False
    for index in range(len(dataset)):
        name = dataset.id(index)
        if (found := expression.search(name)) and (word := found[1 if expression.groups else 0]):
            groups[index] = group_of(word)
            any_found = True
        else:
            groups[index] = group_alone(name)
    if not any_found:
        raise UsageError(
            f"'{pattern}' is found in no name, such as {printable(dataset.id(0))}",
            where=FLAG,
            remedy="Groups are looked for in the path of an image within its data.",
        )
    return groups


def torn(groups: NDArray[np.int64], parts: NDArray[np.int8]) -> NDArray[np.int64]:
    """The groups with images in more than one part, which only prescribed parts can bring about."""
    there = parts != Part.UNASSIGNED
    pairs = np.unique(np.stack([groups[there], parts[there].astype(np.int64)]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    return np.asarray(names[counts > 1], np.int64)
