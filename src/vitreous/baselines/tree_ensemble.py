"""Decision trees in numbers: random forest, AdaBoost and boosted trees (gradient boosting).

scikit-learn grows them (`baselines.growing`); what is kept is one table of all nodes, which
answers for a batch in as many steps as the deepest tree has levels. A leaf is its own child.
Breiman (2001), "Random forests"; Freund and Schapire (1997), "A decision-theoretic generalization
of on-line learning"; Friedman (2001), "Greedy function approximation".
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.baselines.classifier import Classifier, Examples, within
from vitreous.baselines.growing import GROWERS, Grown
from vitreous.errors import UsageError

LEAST = 1e-3  # probability, so that none has the logarithm of 0
ALIKE = 5e-3  # difference to scikit-learn's own probabilities that LEAST and rounding may make
CHECKED = 64  # training examples on which they are compared


class TreeEnsemble(Classifier):
    """Trees in one table of nodes.

    feature, threshold  (nodes,) left where the feature is at most the threshold
    left, right         (nodes,) rows of the table
    value               (nodes, L) of each leaf; or (nodes, 1), for the class that owns the tree
    roots, owners       (trees,) the first row of each tree, and its class
    start               (L,) what is added to the sum over all trees
    """

    SIZES: ClassVar[int] = 4
    feature: Tensor
    left: Tensor
    right: Tensor
    roots: Tensor
    owners: Tensor
    threshold: Tensor
    value: Tensor
    start: Tensor

    def __init__(
        self,
        features: int,
        classes: int,
        nodes: int = 0,
        trees: int = 0,
        levels: int = 0,
        values: int = 1,
        *,
        kind: str = "forest",
    ) -> None:
        super().__init__()
        self.features, self.classes, self.kind, self.levels = features, classes, kind, levels
        lengths = {"feature": nodes, "left": nodes, "right": nodes, "roots": trees, "owners": trees}
        for name, count in lengths.items():
            self.register_buffer(name, torch.zeros(count, dtype=torch.int64))
        self.threshold = nn.Parameter(torch.zeros(nodes), requires_grad=False)
        self.value = nn.Parameter(torch.zeros(nodes, values), requires_grad=False)
        self.start = nn.Parameter(torch.zeros(classes), requires_grad=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        return len(self.feature), len(self.roots), self.levels, self.value.shape[1]

    def sound(self) -> bool:
        rows = len(self.feature), self.left, self.right, self.roots
        places = all(within(one, rows[0]) for one in rows[1:])
        owned = within(self.owners, self.classes)
        return places and owned and within(self.feature, self.features)

    def learn(self, examples: Examples, *, seed: int, threads: int) -> None:
        present = np.unique(examples.labels)
        labels = np.searchsorted(present, examples.labels)
        weights = examples.weights / examples.weights.mean()
        grown = GROWERS[self.kind](examples.features, labels, weights, seed, threads)
        self._take(grown, present)
        self._compare(grown, examples.features[:CHECKED], present)

    def _take(self, grown: Grown, present: NDArray[Any]) -> None:
        """One table of the nodes of all trees. present: (P,) the class numbers that they know."""
        trees = grown.trees
        firsts = np.cumsum([0, *(len(tree.leaf) for tree in trees[:-1])])
        numbered = [
            (np.arange(len(tree.leaf)) + one, tree, one)
            for tree, one in zip(trees, firsts, strict=True)
        ]
        left, right = (
            np.concatenate(
                [np.where(tree.leaf, own, getattr(tree, side) + one) for own, tree, one in numbered]
            )
            for side in ("left", "right")
        )
        values = np.concatenate([tree.value for tree in trees])
        if values.shape[1] > 1:
            spread = np.zeros((len(values), self.classes))
            spread[:, present] = values
            values = spread
        start = np.full(self.classes, np.log(LEAST) if grown.logarithms else 0.0)
        start[present] = grown.start
        feature = np.concatenate([np.where(tree.leaf, 0, tree.feature) for tree in trees])
        whole = {
            "feature": feature,
            "left": left,
            "right": right,
            "roots": firsts,
            "owners": present[grown.owners],
        }
        for name, numbers in whole.items():
            setattr(self, name, torch.from_numpy(numbers.astype(np.int64)))
        threshold = below(np.concatenate([tree.threshold for tree in trees]))
        fractions = {"threshold": threshold, "value": values, "start": start}
        for name, array in fractions.items():
            tensor = torch.from_numpy(array.astype(np.float32))
            setattr(self, name, nn.Parameter(tensor, requires_grad=False))
        self.levels = max(tree.depth for tree in trees)

    def _compare(self, grown: Grown, features: NDArray[np.float32], present: NDArray[Any]) -> None:
        """Raises UsageError where the table answers otherwise than the trees that it is made of."""
        ours = self.scores(torch.from_numpy(features)).softmax(1).numpy()[:, present]
        ours = ours / ours.sum(axis=1, keepdims=True)
        if float(np.abs(ours - grown.probabilities(features)).max()) > ALIKE:
            raise UsageError(
                "its trees answer otherwise here than in scikit-learn, whose inner tables this "
                "version does not know",
                where="--model",
                remedy="Choose another classifier, such as svm, or another scikit-learn.",
            )

    def leaves(self, features: Tensor) -> Tensor:
        """(B, trees) the row of the leaf that each example comes to."""
        node = self.roots.expand(len(features), -1)
        for _ in range(self.levels):
            low = features.gather(1, self.feature[node]) <= self.threshold[node]
            node = torch.where(low, self.left[node], self.right[node])
        return node

    def scores(self, features: Tensor) -> Tensor:
        if not len(self.roots):
            return features.new_zeros(len(features), self.classes)
        leaves = self.leaves(features)
        if self.value.shape[1] == 1:
            owned = features.new_zeros(len(features), self.classes)
            sums = owned.index_add(1, self.owners, self.value[leaves][..., 0])
        else:
            sums = F.embedding_bag(leaves, self.value, mode="sum")
        if self.kind == "forest":
            return (sums / len(self.roots) + LEAST / self.classes).log()
        return sums + self.start


def below(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above each: x ≤ t stays true for the same float32 x."""
    near = thresholds.astype(np.float32)
    lower = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > thresholds, lower, near)
