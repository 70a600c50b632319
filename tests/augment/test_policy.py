from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from vitreous.augment import RECIPES, Augment, Blend
from vitreous.augment.sample import KINDS, PLACE, SLOTS, STRENGTH
from vitreous.data.batches.counter_random import uniforms
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import UsageError

SIZE = (18, 22)
EVERY = {
    **{"flip": 0.5, "flip_vertical": 0.3, "crop": 0.4, "shift": 0.1, "rotate": 20, "scale": 0.2},
    **{"shear": 10, "perspective": 0.2, "brightness": 0.3, "contrast": 0.3, "saturation": 0.4},
    **{"hue": 30, "noise": 0.1, "erase": 0.5},
}
POLICIES = {
    f"{name}-{kind}": policy for name, row in RECIPES.items() for kind, policy in row.items()
} | {"every": Augment(**EVERY)}


def rows(count=12, channels=3, size=SIZE):
    return np.random.default_rng(0).integers(0, 256, (count, *size, channels), np.uint8)


def sample(policy, count=12, channels=3, source=SIZE, seed=0):
    numbers = uniforms(seed, 0, np.arange(count), policy.num_uniforms)
    return policy.sample(numbers, (*source, channels), SIZE)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_both_executors_agree_on_every_policy(name, channels):
    """Rows are rounded after the move, the color map, the noise and the blend: half a level each,
    the first of them times the gain of the color map."""
    changes = sample(POLICIES[name], channels=channels)
    given = rows(channels=channels)
    contract = PixelContract(height=SIZE[0], width=SIZE[1], channels=channels)
    changed = changes.rows(given.copy())
    assert changed.shape == given.shape
    assert changed.dtype == np.uint8
    images = changes.images(contract.images(given))
    assert images.shape == (12, channels, *SIZE)
    assert images.min() >= 0
    assert images.max() <= 1
    torch.testing.assert_close(contract.images(changed), images, rtol=0, atol=2.5 / 255)


@pytest.mark.parametrize("name", POLICIES)
def test_given_memory_changes_nothing(name):
    changes = sample(POLICIES[name])
    np.testing.assert_array_equal(
        changes.rows(rows(), np.full((12, *SIZE, 3), 7, np.uint8)), changes.rows(rows())
    )


@pytest.mark.parametrize("name", POLICIES)
def test_an_image_does_not_depend_on_its_batch(name):
    policy, given = POLICIES[name], rows()
    numbers = uniforms(0, 0, np.arange(12), policy.num_uniforms)
    whole = policy.sample(numbers, (*SIZE, 3), SIZE).rows(given.copy())
    for part in (slice(0, 1), slice(5, 9)):
        alone = policy.sample(numbers[part], (*SIZE, 3), SIZE).rows(given[part].copy())
        np.testing.assert_array_equal(alone, whole[part])


def test_doing_nothing_is_exact():
    still = Augment()
    assert still.is_identity
    assert still.describe() == "none"
    assert np.array_equal(sample(still).rows(rows()), rows())


@pytest.mark.parametrize("kind", EVERY)
def test_every_change_with_its_least_amount_is_the_identity(kind):
    """The numbers that stand for the middle, for "no" and for the whole image."""
    policy = Augment(**{kind: EVERY[kind]})
    assert not policy.is_identity
    numbers = np.full((12, len(SLOTS)), 0.5)
    for slot in ("flip", "flip_vertical", "erase", "crop_area"):
        numbers[:, PLACE[slot]] = 1 - 1e-16
    changes = policy.sample(numbers, (*SIZE, 3), SIZE)
    given = rows()
    np.testing.assert_array_equal(changes.rows(given.copy()), given)


@pytest.mark.parametrize("kind", EVERY)
def test_every_change_changes_images(kind):
    changed = sample(Augment(**{kind: EVERY[kind]}), count=60).rows(rows(60))
    different = (changed != rows(60)).any((1, 2, 3)).mean()
    expected = EVERY[kind] if kind in ("flip", "flip_vertical", "erase") else 0.9
    assert different > 0.6 * expected
    if expected < 0.9:
        assert different < min(1, 1.5 * expected)


def test_flips_are_mirrors():
    given = rows()
    np.testing.assert_array_equal(sample(Augment(flip=1)).rows(given), given[:, :, ::-1])
    np.testing.assert_array_equal(sample(Augment(flip_vertical=1)).rows(given), given[:, ::-1])


def test_shifts_are_whole_pixels_all_equally_likely():
    moves = sample(Augment(shift=0.1), count=5000).homographies
    offsets = moves[:, :2, 2]
    np.testing.assert_array_equal(offsets, np.rint(offsets))
    for axis, count in zip(offsets.T, (5, 5), strict=True):  # ±2 of 18 and of 22 pixels
        _, counts = np.unique(axis, return_counts=True)
        assert len(counts) == count
        np.testing.assert_allclose(counts / 5000, 1 / count, atol=0.03)


def test_crops_keep_their_share_and_stay_inside():
    count = 2000
    moves = sample(Augment(crop=0.3), count=count).homographies
    height, width = SIZE
    corners = np.array([[-0.5, -0.5, 1], [width - 0.5, height - 0.5, 1]])
    (left, top), (right, bottom) = np.einsum("bij,kj->kib", moves, corners)[:, :2]
    assert left.min() >= -0.5 - 1e-9
    assert top.min() >= -0.5 - 1e-9
    assert right.max() <= width - 0.5 + 1e-9
    assert bottom.max() <= height - 0.5 + 1e-9
    shares = (right - left) * (bottom - top) / (width * height)
    assert shares.min() > 0.25
    assert shares.max() <= 1 + 1e-9
    assert shares.mean() == pytest.approx(0.62, abs=0.03)
    aspects = (right - left) / (bottom - top) * height / width
    assert aspects.min() >= 3 / 4 * 0.9  # sides are whole pixels
    assert aspects.max() <= 4 / 3 / 0.9
    np.testing.assert_allclose(left + 0.5, np.rint(left + 0.5), atol=1e-9)
    np.testing.assert_allclose(bottom + 0.5, np.rint(bottom + 0.5), atol=1e-9)


def test_a_larger_source_is_cropped_to_the_aspect():
    """Without strengths, the middle of the larger image fills the output."""
    source = (36, 60)
    given = rows(size=source)
    changed = sample(Augment(), source=source).rows(given)
    middle = given[:, :, 8:52].reshape(12, 18, 2, 22, 2, 3).mean((2, 4))
    np.testing.assert_allclose(changed, middle, atol=0.51)


def test_pieces_are_parts_of_the_image_as_they_are():
    policy = Augment(piece=12)
    assert policy.window((30, 8)) == (12, 8)
    assert policy.pieces((30, 40)) == 1200 // 144
    assert policy.pieces((5, 5)) == 1  # smaller than a piece, so it is shown as it is
    row = np.arange(30 * 40, dtype=np.int64).reshape(30, 40)
    rows = np.stack([(row // 256), row % 256, 0 * row], -1).astype(np.uint8)[None].repeat(64, 0)
    numbers = np.random.default_rng(0).random((64, policy.num_uniforms))
    found = policy.sample(numbers, (30, 40, 3), policy.window((30, 40))).rows(rows)
    places = found[..., 0].astype(np.int64) * 256 + found[..., 1]
    corners = places[:, 0, 0]
    inside = 40 * np.arange(12)[:, None] + np.arange(12)
    np.testing.assert_array_equal(places, corners[:, None, None] + inside)
    assert (corners // 40).max() <= 18
    assert (corners % 40).max() <= 28
    assert len(np.unique(corners)) > 50


def test_chosen_kinds_act_at_full_strength_and_no_others():
    policy = Augment(rotate=30, shear=10, brightness=0.4, contrast=0.3, num_ops=2)
    changes = sample(policy, count=4000)
    able = ["rotate", "shear_x", "shear_y", "brightness", "contrast"]
    turned = ~np.isclose(changes.homographies[:, 0, 0], 1)
    assert turned.mean() == pytest.approx(2 / len(able), abs=0.03)
    cos, sin = changes.homographies[turned, :2, 0].T
    angles = np.rad2deg(np.arctan2(sin, cos))
    alone = np.isclose(np.abs(angles), 30)
    assert alone.mean() > 0.5  # the others are sheared as well
    gains = np.unique(changes.color_matrices[:, 0, 0].round(6))
    expected = {1, 1.4, 0.6, 1.3, 0.7, 1.4 * 1.3, 1.4 * 0.7, 0.6 * 1.3, 0.6 * 0.7}
    np.testing.assert_allclose(gains, sorted(expected))


def test_chains_are_blended_with_shares_of_one():
    policy = Augment(flip=0.5, rotate=20, brightness=0.3, num_chains=3)
    blend = sample(policy, count=3000)
    assert isinstance(blend, Blend)
    assert len(blend.parts) == 4
    np.testing.assert_allclose(blend.weights.sum(1), 1)
    assert blend.weights.min() >= 0
    np.testing.assert_allclose(blend.weights.mean(0), [1 / 2, 1 / 6, 1 / 6, 1 / 6], atol=0.02)
    mirrored = [part.homographies[:, 0, 0] < 0 for part in blend.parts]
    for each in mirrored[1:]:  # an image and its mirror image must not be blended
        np.testing.assert_array_equal(each, mirrored[0])
    assert blend.parts[0].color_matrices is None


def test_switching_one_strength_on_leaves_the_others_alone():
    one = sample(Augment(rotate=20, brightness=0.3)).color_matrices
    more = Augment(rotate=20, brightness=0.3, flip=0.5, erase=0.3, noise=0.1)
    other = sample(more).color_matrices
    np.testing.assert_array_equal(one, other)


def test_every_decision_keeps_its_place_among_the_uniforms():
    """A run that is resumed would otherwise see other images."""
    kinds = (
        *("shift", "shift", "rotate", "scale", "shear", "shear", "perspective", "perspective"),
        *("brightness", "contrast", "saturation", "hue", "noise", "erase"),
    )
    assert tuple(STRENGTH[kind] for kind in KINDS) == kinds
    assert SLOTS[:6] == ("flip", "flip_vertical", "crop_area", "crop_aspect", "crop_x", "crop_y")
    assert SLOTS[6:20] == KINDS
    details = ("noise_place", "erase_area", "erase_aspect", "erase_x", "erase_y", "erase_gray")
    assert SLOTS[20:26] == details
    assert [slot.split("_", 1)[1] for slot in SLOTS[26:40]] == list(KINDS)
    assert SLOTS[40:] == ("weight",)


def test_pairs_are_mixed_within_the_batch():
    images = torch.rand(8, 3, 6, 6)
    order, numbers = uniforms(0, 0, np.arange(8), 1)[:, 0], np.array([0.2, 0.4, 0.1, 0.9])
    mixed, partners, share = Augment(mixup=1.0).mix(images, order, numbers)
    assert torch.equal(partners, torch.from_numpy(order.argsort()))
    assert share == pytest.approx(0.4)  # Beta(1, 1) is uniform
    torch.testing.assert_close(mixed, 0.4 * images + 0.6 * images[partners])
    both = Augment(mixup=1.0, cutmix=1.0)
    pasted, partners, share = both.mix(images, order, numbers)  # method 0.2: paste
    own = (pasted == images).all(1)
    assert (own | (pasted == images[partners]).all(1)).all()
    torch.testing.assert_close(own.float().mean((1, 2)), torch.full((8,), share))
    blended, *_ = both.mix(images, order, np.array([0.7, 0.4, 0.1, 0.9]))
    torch.testing.assert_close(blended, mixed)


@pytest.mark.parametrize("name", POLICIES)
def test_policies_survive_json(name):
    policy = POLICIES[name]
    assert Augment.from_json(json.loads(json.dumps(policy.to_json()))) == policy
    assert "\n" not in policy.describe()


def test_descriptions_name_strengths():
    assert Augment(flip=0.5, crop=0.35, rotate=10, mixup=0.2).describe() == (
        "flip 0.5, crop 35–100 % of the area, rotate ±10°, mixup 0.2"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip": 1.5},
        {"rotate": -1},
        {"crop": 0},
        {"noise": float("nan")},
        {"border": "wrap"},
        {"mixup": "1"},
        {"flip": True},
        {"num_ops": 1.5},
        {"rotation": 3},
    ],
)
def test_wrong_strengths_are_named(wrong):
    with pytest.raises(UsageError) as caught:
        Augment.from_json(wrong)
    assert next(iter(wrong)) in str(caught.value)
    if "rotation" not in wrong:
        with pytest.raises(UsageError):
            Augment(**wrong)


def test_every_kind_has_a_strength():
    assert {kind.removesuffix("_x").removesuffix("_y") for kind in KINDS} <= set(
        Augment.__dataclass_fields__
    )


def test_two_epochs_in_a_row_show_both_sides():
    """The alternating flip: mirrored or not is drawn once, and turned from epoch to epoch."""
    keys, slot = np.arange(500), PLACE["flip"]
    turns = Augment(flip=0.5, alternate=True, shift=0.1)
    chance = Augment(flip=0.5, shift=0.1)
    drawn = [turns.draw(3, epoch, keys) for epoch in range(4)]
    mirrored = [numbers[:, slot] < 0.5 for numbers in drawn]
    assert 200 < mirrored[0].sum() < 300
    for one, other in pairwise(mirrored):
        assert np.array_equal(one, ~other)
    for epoch, numbers in enumerate(drawn):  # nothing else has changed
        independent = chance.draw(3, epoch, keys)
        assert np.array_equal(np.delete(numbers, slot, 1), np.delete(independent, slot, 1))
    assert "alternates" in turns.describe()
    assert "alternates" not in chance.describe()
