"""Growing trees with scikit-learn, and reading what it has grown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TREES = 100
ROUNDS = 100  # of boosting
LEVELS = 6  # of a tree of AdaBoost
LEAVES = 15  # of a tree of gradient boosting
LOOKED_AT = 64  # features that are drawn for each node of it


@dataclass(frozen=True)
class Tree:
    """A decision tree, its root first.

    leaf               (nodes,) whether a node is a leaf
    feature, threshold (nodes,) of what is no leaf: left where the feature is at most the threshold
    left, right        (nodes,) numbers of nodes of this tree
    value              (nodes, V)
    """

    leaf: NDArray[np.bool_]
    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[np.float64]

    @property
    def depth(self) -> int:
        """Steps from the root to the lowest leaf."""
        level, steps = np.zeros(1, np.int64), 0
        while len(level := level[~self.leaf[level]]):
            level = np.concatenate([self.left[level], self.right[level]]).astype(np.int64)
            steps += 1
        return steps


@dataclass(frozen=True)
class Grown:
    """Trees of one ensemble, and what it answers itself.

    owners      (trees,) which of the classes a tree with one value a leaf is about
    start       (P,) what the sums over the trees begin with
    logarithms  are these sums logarithms of probabilities?
    """

    trees: list[Tree]
    owners: NDArray[np.int64]
    start: NDArray[np.float64]
    logarithms: bool
    probabilities: Callable[[Any], NDArray[np.float64]]


Grower = Callable[[Any, Any, Any, int, int], Grown]


def tree_of(grown: Any, value: NDArray[np.float64]) -> Tree:
    """A decision tree of scikit-learn, by its public arrays."""
    left = grown.children_left
    return Tree(left < 0, grown.feature, grown.threshold, left, grown.children_right, value)


def forest(x: Any, y: Any, weights: Any, seed: int, threads: int) -> Grown:
    """Trees on samples drawn with replacement, with few features to choose from at each node."""
    from sklearn.ensemble import RandomForestClassifier

    grown = RandomForestClassifier(TREES, n_jobs=threads, random_state=seed).fit(x, y, weights)
    trees = []
    for one in grown.estimators_:
        counts = one.tree_.value[:, 0]
        trees.append(tree_of(one.tree_, counts / counts.sum(axis=1, keepdims=True)))
    classes = len(grown.classes_)
    nobody = np.zeros(len(trees), np.int64)
    return Grown(trees, nobody, np.zeros(classes), True, grown.predict_proba)


def adaboost(x: Any, y: Any, weights: Any, seed: int, threads: int) -> Grown:
    """Small trees one after the other, each on what those before it got wrong; they vote."""
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.tree import DecisionTreeClassifier

    small = DecisionTreeClassifier(max_depth=LEVELS, max_features="sqrt")
    grown = AdaBoostClassifier(small, n_estimators=ROUNDS, random_state=seed).fit(x, y, weights)
    classes = len(grown.classes_)
    votes = np.array(grown.estimator_weights_[: len(grown.estimators_)])
    factor = classes / (classes - 1) ** 2 if classes > 2 else 2.0
    trees = []
    for one, vote in zip(grown.estimators_, votes / votes.sum(), strict=True):
        answer = one.tree_.value[:, 0].argmax(axis=1)
        value = np.zeros((len(answer), classes))
        value[np.arange(len(answer)), one.classes_[answer].astype(int)] = vote * factor
        trees.append(tree_of(one.tree_, value))
    nobody = np.zeros(len(trees), np.int64)
    return Grown(trees, nobody, np.zeros(classes), True, grown.predict_proba)


def boost(x: Any, y: Any, weights: Any, seed: int, threads: int) -> Grown:
    """Regression trees one after the other, each on the gradient of the cross-entropy."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    grown = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=LEAVES,
        max_bins=63,
        max_features=min(1.0, LOOKED_AT / x.shape[1]),
        early_stopping=False,
        random_state=seed,
    )
    grown.fit(x, y, weights)
    classes = len(grown.classes_)
    trees, owners = [], []
    # Two classes have one tree a round, about the second of them.
    for round_of in grown._predictors:
        for number, one in enumerate(round_of):
            nodes = one.nodes
            trees.append(
                Tree(
                    nodes["is_leaf"].astype(bool),
                    nodes["feature_idx"],
                    nodes["num_threshold"],
                    nodes["left"],
                    nodes["right"],
                    nodes["value"][:, None],
                )
            )
            owners.append(number if classes > 2 else 1)
    start = np.zeros(classes)
    start[-grown._baseline_prediction.size :] = grown._baseline_prediction.ravel()
    return Grown(trees, np.array(owners), start, True, grown.predict_proba)


GROWERS: dict[str, Grower] = {"forest": forest, "adaboost": adaboost, "boost": boost}
"""From features, labels from 0 without gaps, weights, seed and threads."""
