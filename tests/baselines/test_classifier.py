"""Classifiers answer as scikit-learn's do, from tensors alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from vitreous.baselines.classifier import Classifier, Examples, check_sound
from vitreous.baselines.ferns import Ferns
from vitreous.baselines.nearest import Nearest
from vitreous.baselines.support_vectors import SupportVectors
from vitreous.baselines.tree_ensemble import TreeEnsemble, below
from vitreous.errors import ModelFileError

pytest.importorskip("sklearn")
COUNT, WIDTH = 150, 12


@cache
def examples(classes: int = 4) -> Examples:
    """Overlapping clouds, one a class; the last class number but one has none."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, COUNT)
    if classes > 3:
        labels[labels == classes - 2] = 0
    middles = generator.normal(0, 1, (classes, WIDTH))
    features = (middles[labels] + generator.normal(0, 1, (COUNT, WIDTH))).astype(np.float32)
    return Examples(features, labels, np.ones(COUNT))


def asked() -> torch.Tensor:
    generator = np.random.default_rng(1)
    return torch.from_numpy(generator.normal(0, 1.3, (80, WIDTH)).astype(np.float32))


def learned(classifier: Classifier, known: Examples) -> Classifier:
    with torch.no_grad():
        classifier.learn(known, seed=0, threads=2)
    return classifier


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf"])
def test_svm_decides_as_in_scikit_learn(kernel: str, classes: int) -> None:
    from sklearn.svm import SVC

    known = examples(classes)
    ours = learned(SupportVectors(WIDTH, classes, kernel=kernel), known)
    theirs = SVC(C=ours.margin, kernel=kernel, gamma=1 / WIDTH, coef0=1.0)
    theirs.set_params(decision_function_shape="ovo")
    scale = np.float32(WIDTH**-0.5) if kernel == "linear" else np.float32(1)
    theirs.fit(known.features * scale, known.labels)
    wanted = theirs.decision_function(asked().numpy() * scale).reshape(80, -1)
    present = np.unique(known.labels)
    decisions = ours.decisions(asked())
    pairs = [(i, j) for i in present for j in present if i < j]
    for column, (i, j) in enumerate(pairs):
        sign = -1 if classes == 2 else 1  # of two classes, positive speaks for the second there
        np.testing.assert_allclose(decisions[:, i, j], sign * wanted[:, column], atol=1e-2)
        np.testing.assert_allclose(decisions[:, j, i], -decisions[:, i, j])
    assert set(ours.scores(asked()).argmax(1).tolist()) <= set(present.tolist())


def test_a_linear_machine_has_no_better_neighbor() -> None:
    """½‖w‖² + C Σ max(0, 1 - y (w·x + b)) is the least where it has stopped."""
    known = examples(2)
    ours = learned(SupportVectors(WIDTH, 2, kernel="linear"), known)
    x = known.features * WIDTH**-0.5
    sign = np.where(known.labels == 0, 1, -1)
    coefficients = ours.coefficients[0].double().numpy()
    normal = coefficients @ (ours.vectors.double().numpy() * WIDTH**-0.5)
    offset = float(ours.offsets[0, 1])

    def objective(w: np.ndarray, b: float) -> float:
        return 0.5 * w @ w + ours.margin * np.maximum(0, 1 - sign * (x @ w + b)).sum()

    least, generator = objective(normal, offset), np.random.default_rng(0)
    for size in (0.1, 0.01):
        for _ in range(50):
            step = generator.normal(0, size, WIDTH + 1)
            assert objective(normal + step[:-1], offset + step[-1]) > least - 1e-2


def test_nearest_neighbors_are_those_of_scikit_learn() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    known = examples()
    ours = learned(Nearest(WIDTH, 4), known)
    theirs = KNeighborsClassifier(3).fit(known.features, known.labels)
    rows = theirs.kneighbors(asked().numpy(), return_distance=False)
    np.testing.assert_array_equal(ours.neighbors(asked()), rows)
    votes = known.labels[rows]
    tied = np.array([len(set(row)) == 3 for row in votes])
    answers = ours.scores(asked()).argmax(1).numpy()
    np.testing.assert_array_equal(answers[~tied], theirs.predict(asked().numpy())[~tied])
    np.testing.assert_array_equal(answers[tied], votes[tied, 0])  # then the nearest decides
    assert tied.any()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["forest", "adaboost", "boost"])
def test_trees_answer_as_in_scikit_learn(kind: str, classes: int) -> None:
    from vitreous.baselines import growing

    known = examples(classes)
    ours = learned(TreeEnsemble(WIDTH, classes, kind=kind), known)
    present = np.unique(known.labels)
    numbered = np.searchsorted(present, known.labels)
    theirs = growing.GROWERS[kind](known.features, numbered, known.weights, 0, 1)
    wanted = theirs.probabilities(asked().numpy())
    found = ours.scores(asked()).softmax(1).numpy()[:, present]
    np.testing.assert_allclose(found / found.sum(1, keepdims=True), wanted, atol=5e-3)


def test_thresholds_keep_their_side() -> None:
    thresholds = np.array([0.1, 0.3, 1 / 3, -0.7, 0.5])
    near = thresholds.astype(np.float32)
    for numbers in (near, np.nextafter(near, np.float32(2)), np.nextafter(near, np.float32(-2))):
        np.testing.assert_array_equal(numbers <= below(thresholds), numbers <= thresholds)


def test_ferns_are_products_of_frequencies() -> None:
    known = examples(3)
    ours = learned(Ferns(WIDTH, 3, ferns=5, tests=2), known)
    pairs = ours.pairs.numpy()

    def outcome(x: np.ndarray, fern: int) -> tuple[bool, ...]:
        return tuple(bool(x[one] > x[other]) for one, other in pairs[fern])

    for x, found in zip(asked().numpy()[:5], ours.scores(asked()[:5]), strict=True):
        for number in range(3):
            own = known.features[known.labels == number]
            score = np.log(len(own) / COUNT)
            for fern in range(5):
                alike = sum(outcome(one, fern) == outcome(x, fern) for one in own)
                score += np.log((alike + 1) / (len(own) + 4))
            assert float(found[number]) == pytest.approx(score, abs=1e-3)


def test_a_weight_counts_an_example_so_often() -> None:
    known = examples()
    twice = np.arange(COUNT) % 3 == 0
    weighted = Examples(known.features, known.labels, 1.0 + twice)
    rows = np.concatenate([np.arange(COUNT), np.flatnonzero(twice)])
    repeated = Examples(known.features[rows], known.labels[rows], np.ones(len(rows)))
    one = learned(SupportVectors(WIDTH, 4, margin=(1 + twice).mean()), weighted)
    other = learned(SupportVectors(WIDTH, 4, margin=1.0), repeated)
    assert torch.allclose(one.scores(asked()), other.scores(asked()), atol=0.02)
    share = Examples(known.features, known.labels, np.where(twice, 3.0, 1.0))
    assert not torch.equal(
        learned(Ferns(WIDTH, 4), share).tables, learned(Ferns(WIDTH, 4), known).tables
    )
    near = learned(Nearest(WIDTH, 4), share)
    assert float(near.weights[0] / near.weights[1]) == pytest.approx(3.0)


def test_a_table_that_points_beyond_itself_is_refused() -> None:
    trees = learned(TreeEnsemble(WIDTH, 4), examples())
    trees.left[0] = len(trees.left)
    with pytest.raises(ModelFileError, match="places that there are not"):
        check_sound(trees)
    near = learned(Nearest(WIDTH, 4), examples())
    near.labels[0] = 4
    with pytest.raises(ModelFileError, match="Nearest"):
        check_sound(near)
