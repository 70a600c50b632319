"""Names that are told before torch is loaded are those of the tables."""

from __future__ import annotations

import pytest

from vitreous.baselines import method_names
from vitreous.baselines.descriptor import DESCRIPTORS
from vitreous.errors import UsageError
from vitreous.models import MODELS
from vitreous.models.classic import CLASSIFIERS
from vitreous.recipes import known_names
from vitreous.recipes.contradictions import TABLES
from vitreous.recipes.known_names import check_known
from vitreous.recipes.recipe import Recipe
from vitreous.tasks import TASKS


def test_networks_are_those_of_the_table() -> None:
    assert tuple(MODELS) == known_names.MODELS
    assert tuple(CLASSIFIERS) == method_names.CLASSIFIERS
    assert tuple(DESCRIPTORS) == method_names.DESCRIPTORS


def test_words_are_those_of_their_tables() -> None:
    there = {name: tuple(TABLES[name]) for name in TABLES if name != "model"}
    assert {**there, "task": ("auto", *TASKS)} == known_names.FIELDS
    assert {name: tuple(task.LOSSES) for name, task in TASKS.items()} == known_names.LOSSES


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": "resnet81"}, "Did you mean resnet18"),
        ({"model": "svm-hug"}, "svm-hog"),
        ({"against": "knn-pixel"}, "knn-pixels"),
        ({"task": "clasify"}, "classify"),
        ({"optimizer": "adamm"}, "adam"),
        ({"log": "csv,wanddb"}, "wandb"),
        ({"loss": "dise"}, "dice"),
        ({"task": "classify", "loss": "dice"}, "unknown loss 'dice'"),
    ],
)
def test_a_slip_is_told_with_the_nearest(fields: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as error:
        check_known(Recipe(**fields))  # type: ignore[arg-type]
    assert told in str(error.value)


def test_what_is_known_is_left_alone() -> None:
    check_known(Recipe())
    check_known(Recipe(model="svm-hog+lbp,knn", against=("all", "boost-hog"), task="segment"))
    check_known(Recipe(loss="dice", log=("csv", "mlflow"), init="he"))
