from __future__ import annotations

import dataclasses

import pytest

from vitreous.augment import RECIPES, named_policy
from vitreous.augment.policies import directed, symbols
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import UsageError

PHOTO = PixelContract(height=224, width=224, channels=3)
TINY = PixelContract(height=32, width=32, channels=3)
DIGITS = tuple("0123456789")
ANIMALS = ("cat", "dog", "bird")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("contract", [PHOTO, TINY])
@pytest.mark.parametrize(
    "classes",
    [
        DIGITS,
        tuple("ABCXYZ"),
        ("zero", "one", "two"),
        ("6", "9"),
        ("left", "right"),
        ("turn_left", "go"),
    ],
)
def test_labels_that_a_mirror_would_change_are_not_mirrored(name, contract, classes):
    policy = named_policy(name, contract=contract, classes=classes)
    assert policy.flip == 0
    assert policy.flip_vertical == 0
    assert policy.rotate < 45  # a 6 must not become a 9


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "none"])
@pytest.mark.parametrize("contract", [PHOTO, TINY])
def test_other_images_are_mirrored_but_never_upside_down(name, contract):
    policy = named_policy(name, contract=contract, classes=ANIMALS)
    assert policy.flip == 0.5
    assert policy.flip_vertical == 0
    assert policy.name == name


def test_nothing_is_mirrored_where_nobody_knows_what_that_changes():
    for name in RECIPES:
        assert named_policy(name, contract=PHOTO, mirrors=False).flip == 0


def test_none_is_none():
    for contract in (PHOTO, TINY):
        assert named_policy("none", contract=contract).is_identity


def test_tiny_images_are_shifted_and_photos_cropped():
    assert named_policy("standard", contract=PHOTO).crop < 1
    tiny = named_policy("standard", contract=TINY)
    assert tiny.crop == 1
    assert round(tiny.shift * 32) == 4


def test_settings_replace_the_recipe_s_own_and_none_does_not():
    policy = named_policy("standard", contract=PHOTO, mixup=0.3, cutmix=None, flip=0.1)
    assert (policy.mixup, policy.cutmix, policy.flip) == (0.3, 0.0, 0.1)
    assert named_policy("light", contract=TINY, classes=DIGITS, flip=0.5).flip == 0.5  # asked for


def test_unknown_names_offer_the_nearest():
    with pytest.raises(UsageError, match="standard"):
        named_policy("standart", contract=PHOTO)
    with pytest.raises(UsageError, match="mixup"):
        named_policy("light", contract=PHOTO, mixupp=1)
    with pytest.raises(UsageError, match="101"):
        named_policy("light", contract=PHOTO, mixup=101)


@pytest.mark.parametrize(
    ("classes", "dataset", "expected"),
    [
        (DIGITS, "", True),
        (("00", "01", "42"), "", True),
        (("a", "b"), "", True),
        (("One", "Two"), "", True),
        (ANIMALS, "mnist", True),
        (("o", "ki", "su"), "kmnist-png", True),
        (DIGITS, "fashion-mnist", False),
        (ANIMALS, "", False),
        (("cat", "7"), "", False),
        ((), "", False),
        (("x",), "", False),
    ],
)
def test_symbols_are_told_by_names(classes, dataset, expected):
    assert symbols(classes, dataset) == expected


def test_directions_are_told_by_whole_words():
    assert directed(["Keep-Left", "stop"])
    assert not directed(["cleft", "bright"])


def test_numbers_in_masks_are_no_digits():
    masks = dataclasses.replace(PHOTO, exact=True)
    assert named_policy("light", contract=masks, classes=("0", "1", "2")).flip == 0.5
    assert named_policy("light", contract=masks, classes=("left", "right")).flip == 0
