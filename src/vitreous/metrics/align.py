"""Alignment of classes: a model's and the data's are matched by name, never by number.

A model's class 3 and a data set's class 3 need not be the same thing: a folder may lack a class,
have one more, or list them in another order. Numbers are translated here, and what has no partner
is reported instead of being scored as something else.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError

UNKNOWN = -1


@dataclass(frozen=True)
class Alignment:
    """How the classes of a data set are found among those of a model.

    mapping  for each class of the data its number in the model, or UNKNOWN
    classes  the model's class names
    missing  classes of the model that the data do not have
    unknown  classes of the data that the model does not have
    """

    mapping: tuple[int, ...]
    classes: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Same classes in the same order?"""
        return self.mapping == tuple(range(len(self.classes)))

    def numbers(self, numbers: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(N,) class numbers of the data as the model's, with UNKNOWN; and (N,) bool, which
        examples the model can get right.
        """
        translated = np.array(self.mapping, np.int64)[numbers]
        return translated, translated != UNKNOWN

    def marks(self, marks: NDArray[np.integer]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """(N, L) zeros and ones of the data as (N, L') in the model's order; and (N,) bool, which
        examples the model can get right: an image is known as soon as one of its labels is, or if
        it has none.
        """
        mapping = np.array(self.mapping, np.int64)
        shared = mapping != UNKNOWN
        labels: NDArray[np.uint8] = np.zeros((len(marks), len(self.classes)), np.uint8)
        labels[:, mapping[shared]] = marks[:, shared]
        known: NDArray[np.bool_] = (labels != 0).any(axis=1) | (marks == 0).all(axis=1)
        return labels, known

    def describe(self) -> tuple[str, ...]:
        """What does not match, one sentence each, with the nearest name where one is near."""
        sentences = []
        for name in self.unknown:
            folded = {other.casefold().strip(): other for other in self.missing}
            near = difflib.get_close_matches(name.casefold().strip(), folded, n=1, cutoff=0.8)
            hint = f" (did you mean '{folded[near[0]]}'?)" if near else ""
            sentences.append(f"The model does not know the class '{name}' of the data{hint}.")
        if self.missing:
            names = ", ".join(f"'{name}'" for name in self.missing[:10])
            more = f" and {len(self.missing) - 10} more" if len(self.missing) > 10 else ""
            sentences.append(f"The data have no examples of {names}{more}.")
        return tuple(sentences)


def align(model_classes: Sequence[str], data_classes: Sequence[str]) -> Alignment:
    """Find the classes of a data set among those of a model, by name.

    Names are compared in Unicode's composed form, since file systems differ in how they store
    accents; "Cat" and "cat" are two classes.

    Raises DataError if no class has a partner.
    """
    numbers = {_composed(name): number for number, name in enumerate(model_classes)}
    mapping = tuple(numbers.get(_composed(name), UNKNOWN) for name in data_classes)
    found = set(mapping)
    alignment = Alignment(
        mapping,
        tuple(model_classes),
        missing=tuple(name for i, name in enumerate(model_classes) if i not in found),
        unknown=tuple(n for n, i in zip(data_classes, mapping, strict=True) if i == UNKNOWN),
    )
    if len(alignment.unknown) == len(mapping):
        raise DataError(
            f"none of the data's classes ({_few(data_classes)}) is known to the model"
            f" ({_few(model_classes)})",
            remedy="Evaluate on data of the same classes, or train a model on these.",
        )
    return alignment


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
