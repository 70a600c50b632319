"""Estimators behave as scikit-learn expects, and answer as the models that they have trained."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitreous as vt
from vitreous.errors import ModelFileError, UsageError

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def own_place(place: Path) -> Path:
    return place


@cache
def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images[:400], labels[:400]


def test_a_classifier_answers_as_its_model_and_is_saved(tmp_path: Path) -> None:
    X, y = digits()
    names = np.array([f"digit {one}" for one in y])
    one = vt.ImageClassifier("knn", out=tmp_path / "run").fit(X[:300], names[:300])
    assert one.n_features_in_ == 64
    assert one.classes_[3] == "digit 3"
    assert one.score(X[300:], names[300:]) > 0.9
    probabilities = one.predict_proba(X[300:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    pixels = np.rint(X[300:303] / 16 * 255).astype(np.uint8).reshape(3, 8, 8, 1)
    answers = vt.load(tmp_path / "run").predict([*pixels])
    assert [answer.label for answer in answers] == one.predict(X[300:303]).tolist()
    one.save(tmp_path / "one.safetensors")
    for again in (
        vt.ImageClassifier.load(tmp_path / "one.safetensors"),
        pickle.loads(pickle.dumps(one)),
    ):
        np.testing.assert_array_equal(again.predict_proba(X[300:]), probabilities)
        assert again.get_params()["model"] == "knn"
    with pytest.raises(ModelFileError, match="not saved by an ImageClassifier"):
        vt.ImageClassifier.load(tmp_path / "run")


def test_searches_and_pipelines_take_them() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    X, y = digits()
    images = X[:200].reshape(-1, 8, 8)
    search = GridSearchCV(vt.ImageClassifier("knn"), {"model": ["knn", "ferns"]}, cv=2)
    assert search.fit(images, y[:200]).best_score_ > 0.7
    assert cross_val_score(clone(search.best_estimator_), images, y[:200], cv=2).mean() > 0.7
    line = make_pipeline(vt.ImageTransformer("hog+lbp"), LinearSVC()).fit(X[:300], y[:300])
    assert line.score(X[300:], y[300:]) > 0.85
    names = line[0].get_feature_names_out()
    assert len(names) == line[0].transform(X[:2]).shape[1]


def test_wrong_arguments_are_named() -> None:
    X, y = digits()
    with pytest.raises(UsageError, match="svm-hog"):
        vt.ImageClassifier("svm-hgo").fit(X, y)
    with pytest.raises(UsageError, match="hog"):
        vt.ImageTransformer("hogg").fit(X)
    with pytest.raises(UsageError, match="no images of 7 × 7"):
        vt.ImageClassifier("knn", image_shape=(7, 7)).fit(X, y)
    fitted = vt.ImageTransformer("pixels").fit(X)
    with pytest.raises(ValueError, match="64"):
        fitted.transform(X[:, :49])


EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "an image that counts twice is one neighbor, "
    "two equal ones are two; and copies are left out of the validation part",
    "check_sample_weight_equivalence_on_sparse_data": "as for dense data",
}
"""Checks of scikit-learn that cannot pass, and why."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [vt.ImageClassifier("knn"), vt.ImageTransformer("pixels")],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_s_own_checks(estimator: Any) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    found = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=EXPECTED)
    assert len(found) > 40
    failed = {row["check_name"]: row["exception"] for row in found if row["status"] == "failed"}
    assert not failed
