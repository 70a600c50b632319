"""Names of classic methods: a classifier, a hyphen, what it looks at.

    svm-hog             one classifier on one kind of features
    svm-hog+lbp         on two of them, side by side
    svm-hog,knn-pixels  two methods

Nothing is loaded to read a name, so that a wrong one is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator

CLASSIFIERS = ("knn", "linear_svm", "poly_svm", "svm", "adaboost", "forest", "boost", "ferns")
DESCRIPTORS = ("pixels", "hog", "sift", "gabor", "lbp")

NAMES = tuple(f"{one}-{other}" for one in CLASSIFIERS for other in DESCRIPTORS)
"""The methods of one classifier on one kind of features; fusions are made of them."""

Part = tuple[str, tuple[str, ...]]


def is_classic(name: str) -> bool:
    """Is this the name of a classic method?"""
    return all(
        classifier in CLASSIFIERS and all(one in DESCRIPTORS for one in names)
        for classifier, names in words(name)
    )


def words(name: str) -> Iterator[Part]:
    """Classifier and features of each method in a name, known or not; pixels unless it says so."""
    for word in name.split(","):
        classifier, hyphen, described = word.partition("-")
        yield classifier, tuple(described.split("+")) if hyphen else ("pixels",)
