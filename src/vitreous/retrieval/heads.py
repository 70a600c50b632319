"""Classic classifiers of scikit-learn on the features of a network: k-NN, least squares, SVM.

Often all that a small data set needs: the better the features, the simpler the classifier may be.
Nearest neighbors need no training at all; a linear head, a logistic regression and a support vector
machine take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError, missing, unknown
from vitreous.retrieval.index import Array, unit


def _neighbors() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=10, weights="distance")


def _linear() -> Any:
    from sklearn.linear_model import RidgeClassifier

    return RidgeClassifier(alpha=1.0)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, max_iter=1000)


def _svm() -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=1.0)


HEADS: Mapping[str, Callable[[], Any]] = {
    "neighbors": _neighbors,
    "linear": _linear,
    "logistic": _logistic,
    "svm": _svm,
}
"""By name: 10 nearest neighbors weighted by distance; least squares; logistic regression; a linear
support vector machine. Regularization is meant for vectors of length one."""


def fit_head(name: str, vectors: Array, targets: NDArray[np.integer]) -> Any:
    """A scikit-learn classifier, fitted to features that were scaled to length one.

    vectors  (N, K); targets: (N,) class numbers of at least two classes

    Scale what it is asked about alike: `head.predict(unit(vectors))`. Raises UsageError for an
    unknown name or where scikit-learn is missing, DataError for a single class.
    """
    if name not in HEADS:
        raise unknown("head", name, HEADS)
    if len(np.unique(targets)) < 2:
        raise DataError(
            "all examples are of one class: there is nothing to tell apart",
            remedy="Give examples of at least one more class.",
        )
    try:
        head = HEADS[name]()
    except ImportError as error:
        raise missing("scikit-learn", "classic", "a classic classifier") from error
    if name == "neighbors":
        head.set_params(n_neighbors=min(head.n_neighbors, len(targets)))
    return head.fit(unit(vectors), targets)


def compare(
    vectors: Array,
    targets: NDArray[np.integer],
    test_vectors: Array,
    test_targets: NDArray[np.integer],
) -> dict[str, float]:
    """The accuracy of every head on other examples than those it was fitted to."""
    queries = unit(test_vectors)
    return {
        name: float((fit_head(name, vectors, targets).predict(queries) == test_targets).mean())
        for name in HEADS
    }
