"""Recipes by name: they fill what is left open, and their rates follow the size of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import vitreous as vt
from vitreous.errors import UsageError
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.named import NAMED, OF_OPTIMIZER, PICTURES
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolve import resolve
from vitreous.recipes.resolved import LATER, STEPPED

FACTS = DataFacts(3, 32, 32, True, ("cat", "dog"), 50_000)


@pytest.mark.parametrize("name", NAMED)
def test_it_fills_what_is_left_open(name: str) -> None:
    resolved = resolve(Recipe(recipe=name, epochs=3), FACTS)
    fields = {**NAMED[name].fields, "epochs": 3, "recipe": name}
    assert fields.items() <= resolved.recipe.to_mapping().items()
    assert "epochs" not in resolved.reasons
    assert resolved.reasons["model"] == f"of the recipe {name}"


@pytest.mark.parametrize("name", NAMED)
def test_all_its_fields_can_be_left_open(name: str) -> None:
    """Or what is given could not be told from what is not."""
    assert all(getattr(Recipe, field) in (None, "auto") for field in NAMED[name].fields)
    assert NAMED[name].fields.keys() <= {*STEPPED, "model"}
    assert "recipe" in LATER


def test_rates_follow_the_batch() -> None:
    own = NAMED["speedrun"].fields["lr"]
    assert resolve(Recipe(recipe="speedrun", batch_size=512), FACTS).recipe.lr == own / 2
    assert resolve(Recipe(recipe="speedrun", accumulate=3), FACTS).recipe.lr == own * 3
    asked = Recipe(recipe="speedrun", batch_size=512, lr=0.3)
    assert resolve(asked, FACTS).recipe.lr == 0.3
    # As published: 11.5 for 1,024 examples, whatever the momentum; 0.0153 of weights a step.
    assert own == pytest.approx(11.5 / (1 + 1 / 0.15), rel=1e-3)
    assert NAMED["speedrun"].fields["weight_decay"] == pytest.approx(0.0153 / 11.5, rel=1e-3)


def test_a_module_of_ones_own_stays() -> None:
    resolved = resolve(Recipe(recipe="speedrun"), FACTS, own_module=True)
    assert resolved.recipe.model is None
    assert resolved.recipe.lookahead == 5


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(UsageError, match="speedrun"):
        resolve(Recipe(recipe="speedrum"), FACTS)


def test_another_optimizer_has_its_own_rates() -> None:
    recipe = resolve(Recipe(recipe="speedrun", optimizer="adamw"), FACTS).recipe
    plain = resolve(Recipe(model="airbench94", optimizer="adamw"), FACTS).recipe
    for name in OF_OPTIMIZER:
        assert getattr(recipe, name) == getattr(plain, name)
    assert (recipe.schedule, recipe.lookahead) == ("triangle", 5)


def test_names_are_given_in_place_of_a_recipe(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = vt.train(
        "digits",
        "speedrun",
        batch_size=64,
        epochs=2,
        out=tmp_path_factory.mktemp("named") / "run",
        progress=False,
    )
    assert run.model.architecture == "airbench94"
    assert run.scores["test"].headline.value > 0.9


def test_many_small_color_pictures_get_one_unasked() -> None:
    resolved = resolve(Recipe(), FACTS)
    assert NAMED[PICTURES].fields.items() <= resolved.recipe.to_mapping().items()
    assert resolved.recipe.recipe is None
    assert resolved.recipe.epochs == 12
    assert "many small color pictures" in resolved.reasons["model"]
    assert resolve(Recipe(time="4m"), FACTS).recipe.epochs == 60
    assert resolve(Recipe(time="4m", epochs=9), FACTS).recipe.epochs == 9


def test_with_time_enough_they_get_the_wider_network() -> None:
    for time, model in ("4m", "airbench_small"), ("25m", "airbench94"):
        resolved = resolve(Recipe(time=time), FACTS)
        recipe = resolved.recipe
        assert (recipe.model, recipe.epochs, recipe.tta) == (model, 60, None)
    assert "time enough" in resolved.reasons["model"]
    assert (recipe.recipe, recipe.batch_size, recipe.lr) == (None, 1024, 1.5)
    assert resolve(Recipe(time="25m", batch_size=256), FACTS).recipe.lr == 1.5 / 4
    assert resolve(Recipe(time="25m", epochs=9), FACTS).recipe.epochs == 9
    assert resolve(Recipe(time="25m", recipe=PICTURES), FACTS).recipe.model == "airbench_small"
    asked = resolve(Recipe(time="25m", recipe="speedrun"), FACTS).recipe
    assert (asked.epochs, asked.tta) == (12, "shift")


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "resnet20"},
        {"optimizer": "adamw"},
        {"lr": 0.01},
        {"dropout": 0.3},
        {"loss": "hinge"},
        {"engine": "manual"},
    ],
)
def test_what_belongs_to_other_settings_gets_these(asked: dict[str, Any]) -> None:
    recipe = resolve(Recipe(**asked), FACTS).recipe
    assert recipe.optimizer == "adamw"
    assert recipe.model == asked.get("model", "convnet_medium")
    assert (recipe.bias_lr, recipe.lookahead) == (None, None)


def test_what_is_asked_for_takes_the_place_of_what_it_excludes() -> None:
    for name, model in (None, "airbench_small"), ("speedrun", "airbench94"):
        recipe = resolve(Recipe(recipe=name, ema=0.99), FACTS).recipe
        assert (recipe.model, recipe.ema, recipe.lookahead) == (model, 0.99, None)
    stopped = resolve(Recipe(recipe="speedrun", patience=3), FACTS).recipe
    assert (stopped.keep, stopped.lookahead) == ("score", 5)
    with pytest.raises(UsageError, match="averages"):
        resolve(Recipe(recipe="speedrun", ema=0.99, lookahead=5), FACTS)


@pytest.mark.parametrize("change", [{"examples": 9_000}, {"channels": 1}, {"height": 96}])
def test_other_images_are_learned_as_before(change: dict[str, Any]) -> None:
    assert resolve(Recipe(), replace(FACTS, **change)).recipe.lookahead is None
