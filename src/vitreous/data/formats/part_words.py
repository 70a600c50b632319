"""Words for the parts of a data set: train, val, test, and what people write for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vitreous.data.dataset import Part

PARTS = {
    "train": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
}
"""These mean a part by themselves."""

WORD = {Part.TRAIN: "training", Part.VALIDATION: "validation", Part.TEST: "test"}

LIKELY = {
    **PARTS,
    **dict.fromkeys(("training", "trn", "trainset", "trainingset"), Part.TRAIN),
    **dict.fromkeys(("dev", "devel", "development", "devset"), Part.VALIDATION),
    **dict.fromkeys(("valset", "validset", "validationset"), Part.VALIDATION),
    **dict.fromkeys(("testing", "tst", "holdout", "heldout", "testset"), Part.TEST),
}
"""These mean a part where what lies in the folders says so, too."""

EVALUATION = {"eval", "evaluation"}  # validation, or test where there is a validation part
GENERIC = frozenset(
    "set data dataset image images img imgs pic pics photo photos picture pictures file files "
    "folder folders split part subset seg new final all full original sample samples".split()
)
UNLABELED = frozenset(
    "pred predict prediction predictions unlabeled unlabelled unlab inference demo".split()
)

PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def pieces(name: str) -> list[str]:
    """The words in a name, in lower case: train2017 and seg_train, TestSet and test-images."""
    return [piece.lower() for piece in PIECE.findall(name)]


def likely_part(name: str) -> Part | None:
    """The part that a name means, if it says nothing else: test_images, but not test_tube."""
    return likely_parts([name]).get(name)


def likely_parts(names: Iterable[str]) -> dict[str, Part]:
    """The part of each name that means one, of those that lie side by side.

    What else the names say has to be nothing, as in train_set, or the same in all, as in
    flowers_train and flowers_test. What is called evaluation is the validation part, or else test.
    """
    found: dict[str, Part | None] = {}
    rest: dict[str, frozenset[str]] = {}
    for name in names:
        words = set(pieces(name))
        parts = {LIKELY[word] for word in words if word in LIKELY}
        if len(parts) + bool(words & EVALUATION) == 1:
            found[name] = next(iter(parts), None)
            rest[name] = frozenset(words - LIKELY.keys() - EVALUATION - GENERIC)
    if len(found) < 2 or len(set(rest.values())) > 1:
        found = {name: part for name, part in found.items() if not rest[name]}
    there = set(found.values())
    evaluation = Part.TEST if Part.VALIDATION in there else Part.VALIDATION
    return {name: evaluation if part is None else part for name, part in found.items()}


def is_unlabeled(name: str) -> bool:
    """Does a name say that nothing is known of the images, as in single_prediction?"""
    return bool(UNLABELED.intersection(pieces(name)))
