"""Confident learning: by hand, and on labels that were flipped."""

from __future__ import annotations

import numpy as np

from vitreous.doctor.deep.label_errors import suspicious


def test_by_hand() -> None:
    # Mean probabilities of their own labels: 0.6 of class 0, 0.75 of class 1.
    probabilities = np.array(
        [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9], [0.4, 0.6]]
    )
    labels = np.array([0, 0, 0, 0, 1, 1])
    found = suspicious(probabilities, labels)
    # The third passes the threshold of the other class, and of that one alone.
    assert found.rows.tolist() == [2]
    assert found.guesses.tolist() == [1]
    np.testing.assert_allclose(found.margins, [0.6])
    # The last one passes none, so it counts nowhere.
    assert found.joint.tolist() == [[3, 1], [0, 1]]


def test_flipped_labels_come_first() -> None:
    draw = np.random.default_rng(0)
    true = draw.integers(0, 5, 1000)
    logits = draw.normal(size=(1000, 5))
    logits[np.arange(1000), true] += 5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    planted = draw.permutation(1000)[:50]
    labels = true.copy()
    labels[planted] = (true[planted] + draw.integers(1, 5, 50)) % 5
    found = suspicious(probabilities, labels)
    right = np.isin(found.rows, planted)
    assert right.sum() >= 45
    assert right.mean() >= 0.8
    assert right[:20].all()
    assert (found.guesses[right] == true[found.rows[right]]).mean() > 0.9
    assert (np.diff(found.margins) <= 0).all()


def test_a_shy_class_is_not_a_wrong_label() -> None:
    # Class 1 never gets more than a third, and its images are no errors for that.
    probabilities = np.array([[0.8, 0.2]] * 20 + [[0.67, 0.33]] * 5)
    labels = np.repeat([0, 1], [20, 5])
    assert not len(suspicious(probabilities, labels))


def test_a_class_without_images_is_nobodys_guess() -> None:
    probabilities = np.array([[0.1, 0.0, 0.9], [0.9, 0.0, 0.1], [0.2, 0.0, 0.8]])
    assert suspicious(probabilities, np.array([0, 0, 0])).guesses.tolist() == []
