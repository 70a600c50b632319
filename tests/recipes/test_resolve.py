"""What "auto" chooses for which data, with the reason; and what it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import yaml

from vitreous.data.boxes import Boxes
from vitreous.data.columns import Marks
from vitreous.data.maps import Maps
from vitreous.errors import RunError, UsageError
from vitreous.models import MODELS
from vitreous.recipes.contradictions import devices
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolve import resolve
from vitreous.recipes.resolved import ResolvedRecipe
from vitreous.training.optimizer import OPTIMIZERS


def facts(height: int = 375, channels: int = 3, **changes: Any) -> DataFacts:
    """Photos of various sizes, unless told otherwise."""
    known: dict[str, Any] = {
        "channels": channels,
        "height": height,
        "width": height + 125 if height > 64 else height,
        "uniform": height <= 64,
        "classes": ("ant", "bee", "cat"),
        "examples": 1000,
    }
    return DataFacts(**(known | changes))


DIGITS = facts(28, 1, examples=50_000, classes=tuple("0123456789"), dataset="mnist")
CLOTHES = facts(28, 1, examples=50_000, classes=tuple("0123456789"), dataset="fashion-mnist")
OBJECTS = facts(32, 3, examples=42_000)
PHOTOS = facts()


@pytest.mark.parametrize(
    ("seen", "chosen"),
    [
        (DIGITS, {"model": "convnet", "size": 28, "pretrained": "no", "freeze": "none"}),
        (
            DIGITS,
            {
                "epochs": 1,
                "batch_size": 128,
                "lr": 1e-2,
                "augment": "light",
                "label_smoothing": 0.0,
            },
        ),
        (OBJECTS, {"model": "airbench_small", "size": 32, "epochs": 14, "label_smoothing": 0.2}),
        (facts(32, 3, examples=9_000), {"model": "convnet_medium", "label_smoothing": 0.1}),
        (PHOTOS, {"model": "efficientnet_lite0", "size": 224, "pretrained": "yes"}),
        (PHOTOS, {"freeze": "backbone", "epochs": 30, "augment": "light", "lr": 1e-2}),
        (PHOTOS, {"label_smoothing": 0.0, "weight_decay": 1.0}),
        (facts(examples=300), {"batch_size": 32}),
        (facts(channels=6), {"model": "convnet", "pretrained": "no", "size": 64}),
        (facts(channels=6, examples=100), {"epochs": 60}),
        (facts(64), {"model": "convnet_medium", "size": 64}),
        (CLOTHES, {"model": "convnet", "epochs": 12}),
        (
            facts(8, 1, examples=1289, dataset="digits"),
            {"size": 16, "epochs": 30, "batch_size": 64},
        ),
        (facts(40, uniform=False), {"model": "efficientnet_lite0"}),
        (facts(channels=1), {"model": "efficientnet_lite0", "pretrained": "yes"}),
        (facts(kinds={"class": Marks}), {"task": "label", "label_smoothing": 0.0}),
        (
            facts(kinds={"box": Boxes}, tasks=("detect", "locate")),
            {"task": "detect", "model": "unet_efficientnet_lite0", "size": 384, "freeze": "none"},
        ),
        (
            facts(48, kinds={"box": Boxes}, tasks=("detect", "locate")),
            {"model": "unet_small", "pretrained": "no", "size": 48},
        ),
        (facts(kinds={"box": Boxes}), {"task": "locate", "model": "unet_efficientnet_lite0"}),
        (PHOTOS, {"task": "classify", "optimizer": "adamw", "schedule": "one_cycle"}),
    ],
)
def test_what_is_chosen_for_which_data(seen: DataFacts, chosen: dict[str, Any]) -> None:
    resolved = resolve(Recipe(), seen)
    for name, value in chosen.items():
        assert getattr(resolved.recipe, name) == value, name
        assert resolved.reasons[name]


@pytest.mark.parametrize(
    ("asked", "smoothing", "decay"),
    [
        ({}, 0.0, 1.0),
        ({"fine_tune": 3}, 0.1, 0.01),  # the whole network learns by it as well
        ({"freeze": "none"}, 0.1, 0.01),
        ({"optimizer": "sgd"}, 0.0, 5e-4),  # where decay goes through the gradient
        ({"loss": "hinge"}, 0.0, 0.01),
        ({"balance": "weights"}, 0.0, 1.0),
        ({"weight_decay": 0.2, "label_smoothing": 0.3}, 0.3, 0.2),
        ({"pretrained": "no"}, 0.1, 0.01),
    ],
)
def test_a_last_layer_that_learns_alone_decays_and_is_not_smoothed(
    asked: dict[str, Any], smoothing: float, decay: float
) -> None:
    recipe = resolve(Recipe(**asked), PHOTOS).recipe
    assert (recipe.label_smoothing, recipe.weight_decay) == (smoothing, decay)
    alone = asked.keys() <= {"optimizer", "weight_decay", "label_smoothing"}
    assert recipe.keep == ("loss" if alone else "score")
    several = resolve(Recipe(**asked), facts(kinds={"class": Marks})).recipe
    assert several.weight_decay == asked.get(
        "weight_decay", OPTIMIZERS[recipe.optimizer or ""].weight_decay
    )


def test_a_network_that_tells_the_loss_gets_what_suits_that_loss() -> None:
    told, asked = (
        resolve(Recipe(task="pretrain", model="unet_small", loss=loss), DIGITS).recipe
        for loss in ("auto", "masked")
    )
    assert told == asked
    assert told.augment == "light"


@pytest.mark.parametrize(("name", "epochs"), [("convnet_wide", 1), ("vit_nano4", 4), ("mlp", 4)])
def test_digits_are_learned_by_one_network_faster_than_by_others(name: str, epochs: int) -> None:
    assert resolve(Recipe(model=name), DIGITS).recipe.epochs == epochs


def test_every_choice_has_a_reason_and_none_is_left_open() -> None:
    resolved = resolve(Recipe(), PHOTOS)
    before, after = Recipe().to_mapping(), resolved.recipe.to_mapping()
    changed = {name for name in after if after[name] != before[name]}
    assert resolved.reasons.keys() == changed
    # What stays empty is off unless it is asked for.
    empty = {name for name, value in after.items() if value is None}
    unasked = {"time", "alpha", "clip", "swa", "init", "patience", "mixup", "cutmix", "noise"}
    unasked |= {"adversarial", "adversarial_steps", "recipe", "momentum", "bias_lr", "lookahead"}
    unasked |= {"tta"}
    unasked |= {"model_parallel"}
    assert empty == unasked


def test_head_and_loss_are_explained() -> None:
    assert "softmax over 3 outputs" in resolve(Recipe(), PHOTOS).reasons["loss"]
    assert (
        "sigmoid over 3 outputs" in resolve(Recipe(), facts(kinds={"class": Marks})).reasons["loss"]
    )


def test_the_users_choice_is_kept_and_has_no_reason() -> None:
    own = Recipe(model="resnet18", epochs=3, lr=0.5, batch_size=7, task="classify", augment="none")
    resolved = resolve(own, PHOTOS)
    for name in ("model", "epochs", "lr", "batch_size", "task", "augment"):
        assert getattr(resolved.recipe, name) == getattr(own, name)
        assert name not in resolved.reasons
    assert resolved.recipe.size == 224


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_is_that_of_the_optimizer(name: str) -> None:
    resolved = resolve(Recipe(optimizer=name), OBJECTS)
    assert resolved.reasons["lr"] == f"usual for {name}"
    if name != "adamw":
        assert resolved.recipe.lr == OPTIMIZERS[name].lr
        assert resolved.recipe.weight_decay == OPTIMIZERS[name].weight_decay


@pytest.mark.parametrize("name", [name for name, row in MODELS.items() if row.output == "vector"])
@pytest.mark.parametrize("seen", [DIGITS, OBJECTS, PHOTOS], ids=["digits", "objects", "photos"])
def test_every_network_takes_the_size_that_is_chosen_for_it(name: str, seen: DataFacts) -> None:
    contract = resolve(Recipe(model=name), seen).contract
    MODELS[name].sizes.check(contract.height, contract.width, name)


def test_a_network_for_masks_does_not_classify() -> None:
    with pytest.raises(UsageError, match="unet_small answers for each pixel") as error:
        resolve(Recipe(model="unet_small"), PHOTOS)
    assert error.value.where == "--model"


MASKS: dict[str, Any] = {"kinds": {"mask": Maps}, "uniform": True}


@pytest.mark.parametrize(
    ("height", "width", "examples", "batch"),
    [(180, 240, 367, 8), (512, 512, 20, 2), (375, 500, 2000, 8), (1024, 1024, 20, 2)],
)
def test_a_step_on_masks_learns_from_about_half_a_million_pixels(
    height: int, width: int, examples: int, batch: int
) -> None:
    seen = facts(height, examples=examples, **MASKS)
    seen = dataclasses.replace(seen, width=width)
    found = resolve(Recipe(), seen)
    assert found.recipe.batch_size == batch
    contract = found.contract
    assert 2**17 <= batch * contract.height * contract.width <= 2**19
    assert f"{batch * contract.height * contract.width:,} pixels" in found.reasons["batch_size"]


@pytest.mark.parametrize(
    ("channels", "examples", "augment"),
    [(3, 20, "scenes"), (3, 2000, "scenes"), (1, 20, "elastic"), (1, 2000, "scenes")],
)
def test_few_gray_images_with_masks_are_bent(channels: int, examples: int, augment: str) -> None:
    found = resolve(Recipe(), facts(512, channels, examples=examples, **MASKS))
    assert found.recipe.augment == augment
    assert found.recipe.loss == "cross_entropy_dice"


def test_what_cannot_be_blended_is_not_blended_by_a_recipe() -> None:
    masks = dataclasses.replace(PHOTOS, kinds={"mask": Maps})
    recipe = resolve(Recipe(augment="strong"), masks).recipe
    assert (recipe.mixup, recipe.cutmix) == (0, 0)
    with pytest.raises(UsageError, match="cannot be blended"):
        resolve(Recipe(mixup=0.2), masks)
    with pytest.raises(UsageError, match="move when an image is mirrored"):
        resolve(Recipe(tta="mirror"), masks)


def test_views_are_for_images_that_a_mirror_does_not_change() -> None:
    assert resolve(Recipe(tta="mirror"), PHOTOS).recipe.tta == "mirror"
    for changed in (DIGITS, dataclasses.replace(PHOTOS, classes=("left hand", "right hand"))):
        with pytest.raises(UsageError, match=r"--tta mirror.*mirrored"):
            resolve(Recipe(tta="mirror"), changed)
        assert resolve(Recipe(recipe="speedrun"), changed).recipe.tta is None
    assert resolve(Recipe(recipe="speedrun"), PHOTOS).recipe.tta == "shift"


def test_nothing_is_downloaded_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    row = MODELS["resnet18"]
    weights = dataclasses.replace(
        MODELS["efficientnet_lite0"].weights,  # type: ignore[type-var]
        source="https://example.org/resnet18.pth",
    )
    monkeypatch.setitem(MODELS, "resnet18", dataclasses.replace(row, weights=weights))
    assert resolve(Recipe(model="resnet18"), PHOTOS).recipe.pretrained == "no"


def test_gray_images_are_shown_to_a_pretrained_network_as_rgb() -> None:
    assert resolve(Recipe(), facts(channels=1)).contract.channels == 3
    assert resolve(Recipe(pretrained="no"), facts(channels=1)).contract.channels == 1


def test_a_network_of_ones_own_gets_images_as_they_are() -> None:
    resolved = resolve(Recipe(), facts(100, 6, width=120), own_module=True)
    assert resolved.recipe.model is None
    assert resolved.recipe.freeze == "none"
    assert resolved.contract.shape == (120, 120, 6)


@pytest.mark.parametrize(
    ("fields", "seen", "flag", "said"),
    [
        ({"task": "label"}, PHOTOS, "--task label", "one label"),
        ({"task": "classify"}, facts(kinds={"class": Marks}), "--task classify", "several labels"),
        ({"device": "cuda"}, PHOTOS, "--device", "no cuda device"),
        ({"precision": "float16"}, PHOTOS, "--precision", "CPU"),
        ({"loss": "hinge", "label_smoothing": 0.1}, PHOTOS, "--label-smoothing", "smooth"),
        (
            {"balance": "sampler"},
            facts(kinds={"class": Marks}),
            "--balance sampler",
            "several labels",
        ),
        ({"mixup": 0.2}, PHOTOS, "--mixup", "backbone is frozen"),
        ({"cutmix": 1.0}, PHOTOS, "--cutmix", "backbone is frozen"),
        ({"augment": "strong"}, PHOTOS, "--augment", "backbone is frozen"),
        ({"bn_recalibrate": True}, PHOTOS, "--bn-recalibrate", "backbone is frozen"),
        ({"compile": True}, PHOTOS, "--compile", "last layer learns alone"),
        ({"compile": True, "engine": "manual"}, DIGITS, "--compile, --engine manual", "by hand"),
        ({"layer_decay": 0.5}, PHOTOS, "--layer-decay", "last layer learns alone"),
        ({"init": "he"}, PHOTOS, "--init", "pretrained"),
        ({"ema": 0.9, "swa": 0.25}, DIGITS, "--ema, --swa", "two averages"),
        ({"milestones": (0.3,)}, DIGITS, "--milestones", "no effect on the schedule one_cycle"),
        ({"step_factor": 0.3}, DIGITS, "--step-factor", "no effect on the schedule one_cycle"),
        ({"momentum": 0.99}, DIGITS, "--momentum", "no effect on the optimizer adamw"),
        ({"penalty_from": 3}, DIGITS, "--penalty-from", "no effect without a penalty"),
        ({"fine_tune": 3}, DIGITS, "--fine-tune", "nothing is frozen"),
        ({"backbone_lr": 0.5}, DIGITS, "--backbone-lr", "no layer is pretrained"),
        ({"backbone_lr": 0.5}, PHOTOS, "--backbone-lr", "last layer learns alone"),
        ({"log": ("csv", "tensorbord")}, DIGITS, "--log", "tensorbord"),
        ({"model": "resnet81"}, PHOTOS, "--model", "resnet81"),
        ({"optimizer": "adamm"}, PHOTOS, "--optimizer", "adamm"),
        ({"schedule": "cosinus"}, PHOTOS, "--schedule", "cosinus"),
        ({"augment": "storng"}, PHOTOS, "--augment", "storng"),
        ({"init": "hee"}, DIGITS, "--init", "hee"),
        ({"loss": "hingee"}, PHOTOS, "--loss", "hingee"),
    ],
)
def test_contradictions_name_the_flag_and_a_remedy(
    fields: dict[str, Any], seen: DataFacts, flag: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=said) as caught:
        resolve(Recipe(**fields), seen)
    assert caught.value.where == flag
    assert caught.value.remedy


@pytest.mark.parametrize(
    "fields",
    [
        {"mixup": 0.2, "fine_tune": 3},
        {"augment": "strong", "freeze": "none"},
        {"bn_recalibrate": True, "fine_tune": 1},
        {"init": "he", "pretrained": "no"},
        {"layer_decay": 0.5, "fine_tune": 2},
        {"milestones": (0.3,), "step_factor": 0.3, "schedule": "step"},
        {"swa": 0.25},
        {"momentum": 0.99, "optimizer": "nesterov"},
        {"momentum": 0.9},  # as files of earlier versions say
        {"penalty_from": 3, "l1": 0.1},
        {"backbone_lr": 0.5, "fine_tune": 3},
        {"backbone_lr": 0.5, "freeze": "none"},
    ],
)
def test_the_remedies_help(fields: dict[str, Any]) -> None:
    resolve(Recipe(**fields), PHOTOS)


def test_the_fastest_device_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices()[0] == "cuda"
    assert resolve(Recipe(), PHOTOS).recipe.device == "cuda"
    assert resolve(Recipe(device="cpu"), PHOTOS).recipe.device == "cpu"


def test_the_file_of_a_run_gives_the_same_recipe_again() -> None:
    resolved = resolve(Recipe(epochs=3, time="1h", log=("csv",)), PHOTOS)
    written = yaml.safe_load(resolved.to_yaml("photos", "abc", "def"))
    assert ResolvedRecipe.from_mapping(written, "recipe.yaml") == resolved
    assert resolve(resolved.recipe, PHOTOS).recipe == resolved.recipe
    with pytest.raises(RunError, match="not the recipe"):
        ResolvedRecipe.from_mapping({"recipe": {}}, "recipe.yaml")


@pytest.mark.parametrize("seen", [DIGITS, OBJECTS, PHOTOS])
@pytest.mark.parametrize("later", [0, 3])
def test_a_head_on_random_features_is_refused(seen: DataFacts, later: int) -> None:
    asked = Recipe(model="resnet18", freeze="backbone", fine_tune=later)
    with pytest.raises(UsageError, match="resnet18 has learned nothing") as caught:
        resolve(asked, seen)
    assert caught.value.where == "--freeze backbone"
    assert resolve(asked.replace(pretrained="own.safetensors"), seen).recipe.freeze == "backbone"
