"""The recipe: one vocabulary, with errors that name the nearest word."""

from __future__ import annotations

from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitreous.errors import UsageError
from vitreous.fields import Between, limits_of
from vitreous.recipes.keywords import RecipeFields
from vitreous.recipes.recipe import Recipe, seconds

RANGES = limits_of(Recipe, Between)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown recipe key 'epoch'") as caught:
        Recipe.from_mapping({"epoch": 3}, where="mine.yaml")
    assert caught.value.where == "mine.yaml"
    assert "epochs" in str(caught.value.remedy)


def test_keyword_arguments_have_the_types_of_the_fields() -> None:
    """`keywords.py` says again what `Recipe` says, for type checkers, which read no dataclass."""
    fields = get_type_hints(Recipe)
    model = fields.pop("model")
    assert model == fields.pop("recipe") == str | None
    assert get_type_hints(RecipeFields) == fields
    assert list(RecipeFields.__annotations__) == list(fields)


@pytest.mark.slow
def test_a_type_checker_refuses_a_field_that_there_is_not(tmp_path) -> None:
    from mypy import api

    for words, wrong in (("epochs=1", 0), ("epoch=1", 1), ('epochs="many"', 1)):
        (tmp_path / "script.py").write_text(f'import vitreous as vt\nvt.train("digits", {words})\n')
        *_, status = api.run([str(tmp_path / "script.py"), "--cache-dir", str(tmp_path)])
        assert status == wrong


def test_hyphens_are_the_command_lines_spelling() -> None:
    assert Recipe.from_mapping({"batch-size": 8}) == Recipe(batch_size=8)


@pytest.mark.parametrize("name", RANGES)
def test_numbers_out_of_range_name_flag_and_range(name: str) -> None:
    high = RANGES[name].high
    with pytest.raises(UsageError, match="out of range") as caught:
        Recipe(**{name: type(high)(high * 2 + 1)})
    assert caught.value.where == "--" + name.replace("_", "-")
    assert f"{high:g}" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("name", "word", "near"),
    [("fit", "squish", "squash"), ("freeze", "back", "backbone"), ("balance", "weight", "weights")],
)
def test_a_wrong_word_names_the_nearest(name: str, word: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {name} '{word}'") as caught:
        Recipe(**{name: word})  # type: ignore[arg-type]
    assert caught.value.where == f"--{name}"
    assert near in str(caught.value.remedy)


def test_a_balance_of_focal_points_to_the_loss() -> None:
    with pytest.raises(UsageError, match="focal loss is a loss") as caught:
        Recipe(balance="focal")
    assert caught.value.where == "--balance focal"
    assert "--loss focal" in str(caught.value.remedy)
    assert Recipe(loss="focal", balance="weights").loss == "focal"


@pytest.mark.parametrize(
    "shares",
    [(0.0,), (1.0,), (0.5, 0.5), (0.7, 0.2), (-0.1,), (2.0, 3.0), (float("nan"),)],
    ids=str,
)
def test_milestones_rise_within_the_run(shares: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="no shares of a run") as caught:
        Recipe(milestones=shares)
    assert caught.value.where == "--milestones"
    assert Recipe(milestones=()).milestones == ()


@pytest.mark.parametrize("given", ["csv,wandb", ["csv", "wandb"], ("csv", "wandb"), ["csv,wandb"]])
def test_logs_are_given_in_one_word_or_several(given: Any) -> None:
    assert Recipe(log=given).log == ("csv", "wandb")
    assert Recipe(log="csv").log == ("csv",)  # type: ignore[arg-type]


def test_a_word_is_wanted_where_none_is_given() -> None:
    with pytest.raises(UsageError, match="task is None"):
        Recipe(task=None)  # type: ignore[arg-type]


def test_parts_must_leave_something_to_train_on() -> None:
    with pytest.raises(UsageError, match="nothing to train on"):
        Recipe(validation=0.5, test=0.5)


@pytest.mark.parametrize(
    ("text", "length"),
    [("90s", 90), ("90", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), ("1h1m1s", 3661)],
)
def test_lengths_of_time(text: str, length: float) -> None:
    assert seconds(text) == length


@given(st.text(max_size=6))
def test_any_text_is_a_length_of_time_or_an_error(text: str) -> None:
    try:
        fine = seconds(text) > 0
    except UsageError as error:
        fine = error.where == "--time"
    assert fine


def test_round_trip() -> None:
    recipe = Recipe(model="lenet5", lr=0.1, epochs=3, log=("csv",), milestones=(0.3,))
    assert Recipe.from_mapping(recipe.to_mapping()) == recipe


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("time", 600, "90s"),
        ("epochs", "30", "a whole number"),
        ("epochs", 2.5, "a whole number"),
        ("epochs", True, "a whole number"),
        ("lr", "0.1", "a number"),
        ("seed", None, "a whole number"),
        ("compile", 1, "True or False"),
        ("model", 18, "text"),
        ("balance", 1, "text"),
        ("milestones", 0.5, "numbers"),
        ("milestones", ("half",), "numbers"),
        ("log", 5, "text"),
        ("log", (5,), "text"),
    ],
)
def test_a_value_of_another_kind_is_told(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(UsageError, match=f"{name}.*{type(value).__name__}") as caught:
        Recipe(**{name: value})
    assert caught.value.where == "--" + name
    assert wanted in str(caught.value.remedy)


def test_numbers_of_numpy_become_plain_ones() -> None:
    recipe = Recipe(epochs=np.int64(3), lr=np.float32(0.5), milestones=[np.float64(0.5)])  # type: ignore[arg-type]
    assert recipe == Recipe(epochs=3, lr=0.5, milestones=(0.5,))
    assert [type(v) for v in (recipe.epochs, recipe.lr, *recipe.milestones)] == [int, float, float]
