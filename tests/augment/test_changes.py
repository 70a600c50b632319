"""Maps, points and boxes follow the images, whatever happens to these."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from vitreous.augment import RECIPES, Augment, Changes
from vitreous.augment.warp import BORDERS
from vitreous.data.batches.counter_random import uniforms
from vitreous.data.images.frame import clipped
from vitreous.errors import ShapeError, UsageError

SIZE = (40, 52)
COUNT = 5
FILL = 255
HALF = 0.5 + 1e-6  # a pixel whose center lies in a box reaches half a pixel out of it
often = settings(deadline=None, derandomize=True, max_examples=100)

GEOMETRY = st.fixed_dictionaries(
    {},
    optional={
        "flip": st.sampled_from([0.5, 1.0]),
        "flip_vertical": st.sampled_from([0.5, 1.0]),
        "crop": st.floats(0.2, 0.9),
        "shift": st.floats(0.05, 0.3),
        "rotate": st.floats(1, 180),
        "scale": st.floats(0.05, 0.5),
        "shear": st.floats(1, 30),
        "perspective": st.floats(0.05, 0.3),
        "num_ops": st.integers(1, 3),
    },
)
sources = st.sampled_from([SIZE, (80, 104), (61, 55)])
borders = st.sampled_from(sorted(BORDERS))
seeds = st.integers(0, 1 << 20)


def sample(policy, source=SIZE, seed=0, count=COUNT, size=SIZE):
    numbers = uniforms(seed, 0, np.arange(count), policy.num_uniforms)
    return policy.sample(numbers, (*source, 3), size)


def discs(source, seed, count=COUNT):
    """Masks (B, h, w) uint8 of a disc each, and the discs' centers (B, 1, 2)."""
    h, w = source
    random = np.random.default_rng(seed)
    centers = random.uniform(0.3, 0.7, (count, 1, 2)) * [w - 1, h - 1]
    y, x = np.mgrid[:h, :w]
    away = np.hypot(x - centers[..., 0, None], y - centers[..., 1, None])
    return (away <= min(source) / 8).astype(np.uint8), centers


def boxes_of(masks):
    """The half-open boxes of what is marked, a list of (1, 4)."""
    found = []
    for mask in masks:
        y, x = np.nonzero(mask)
        found.append(np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float64))
    return found


def rows_of(maps):
    """Classes as gray levels far apart, in three channels as images have."""
    return np.repeat((maps * 80).astype(np.uint8)[..., None], 3, axis=3)


def regions(source, seed, count=COUNT):
    """Maps (B, h, w) of flat regions of the classes 0 to 3."""
    coarse = np.random.default_rng(seed).integers(0, 4, (count, 5, 5), np.uint8)
    h, w = source
    return np.stack([cv2.resize(one, (w, h), interpolation=cv2.INTER_NEAREST) for one in coarse])


def flat(maps):
    """(B, h, w) where nine pixels agree, so that interpolation does not show; never at the ends."""
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1)), constant_values=FILL)
    kernel = np.ones((3, 3), np.uint8)
    same = [cv2.dilate(one, kernel) == cv2.erode(one, kernel) for one in framed]
    return np.stack(same)[:, 1:-1, 1:-1]


@often
@given(GEOMETRY, sources, borders, seeds)
def test_maps_lie_where_their_images_do(strengths, source, border, seed):
    changes = sample(Augment(**strengths, border=border), source, seed)
    given_maps = regions(source, seed)
    mapped = changes.maps(given_maps, nearest=True, fill=FILL)
    assert mapped.shape == (COUNT, *SIZE)
    assert mapped.dtype == np.uint8
    row = changes.rows(rows_of(given_maps))
    where = changes.maps(flat(given_maps), nearest=True, fill=False)
    event("much is known" if where.mean() > 0.3 else "little is known")
    np.testing.assert_allclose(row[where][:, 0], mapped[where] * 80.0, atol=1)


@often
@given(GEOMETRY, sources, borders, seeds)
def test_maps_of_floats_are_interpolated_as_images_are(strengths, source, border, seed):
    """The red channel of images, as a map. Crops repeat their outer pixels in the half of a pixel
    beyond their centers, where maps look at what is there: they are left out."""
    moves = {name: value for name, value in strengths.items() if name != "crop"}
    changes = sample(Augment(**moves, border=border), source, seed)
    noise = np.random.default_rng(seed).integers(0, 256, (COUNT, *source, 3), np.uint8)
    smooth = np.stack([cv2.blur(one, (9, 9)) for one in noise])
    mapped = changes.maps(smooth[..., 0].astype(np.float32), nearest=False, fill=np.nan)
    again = changes.maps(smooth.astype(np.float32), nearest=False, fill=np.nan)
    np.testing.assert_array_equal(again[..., 0], mapped)
    inner = flat(np.zeros((COUNT, *source), np.uint8))
    where = changes.maps(inner, nearest=True, fill=False)
    np.testing.assert_allclose(changes.rows(smooth.copy())[..., 0][where], mapped[where], atol=1)


@often
@given(GEOMETRY, borders, seeds)
def test_points_and_boxes_are_where_the_map_is(strengths, border, seed):
    changes = sample(Augment(**strengths, border=border), (80, 104), seed)
    masks, centers = discs((80, 104), seed)
    moved = changes.maps(masks, nearest=True, fill=0)
    points = changes.points(centers)
    boxes = changes.boxes(boxes_of(masks))
    assert points.shape == centers.shape
    for mask, (point,), (box,) in zip(moved, points, boxes, strict=True):
        height, width = mask.shape
        y, x = np.nonzero(mask)
        if not len(x):
            continue
        assert np.all(box[:2] - HALF <= [x.min(), y.min()])
        assert np.all([x.max(), y.max()] <= box[2:] - 1 + HALF)
        whole = x.min() > 0 and y.min() > 0 and x.max() < width - 1 and y.max() < height - 1
        event("whole" if whole else "cut")
        if whole:
            down, across = ndimage.center_of_mass(mask)
            # A perspective moves the center of a disc a little away from the disc's center.
            loose = 0.6 + ("perspective" in strengths) * 0.06 * (box[2:] - box[:2]).max()
            np.testing.assert_allclose(point, [across, down], atol=loose)


@often
@given(GEOMETRY, borders, seeds, st.integers(0, 1 << 20))
def test_points_are_found_in_a_map_of_places(strengths, border, seed, other):
    """A map that holds x and y says, at each place of the result, which point has come there."""
    changes = sample(Augment(**strengths, border=border), (80, 104), seed)
    places = np.stack(np.meshgrid(np.arange(104.0), np.arange(80.0)), axis=-1)
    mapped = changes.maps(np.repeat(places[None], COUNT, 0), nearest=False, fill=np.nan)
    inner = np.random.default_rng(other).integers(0, [40, 52], (COUNT, 20, 2))
    came = np.stack([one[at[:, 0], at[:, 1]] for one, at in zip(mapped, inner, strict=True)])
    sure = np.all((came > 0) & (came < [103, 79]), axis=-1)  # not held at the outer centers
    np.testing.assert_allclose(changes.points(came)[sure], inner[sure][:, ::-1], atol=1e-6)


@pytest.mark.parametrize("policy", [Augment(), Augment(brightness=0.5, erase=1, noise=0.1)])
def test_without_geometry_targets_stay(policy):
    changes = sample(policy)
    maps = regions(SIZE, 0)
    np.testing.assert_array_equal(changes.maps(maps, nearest=True, fill=FILL), maps)
    points = np.random.default_rng(0).uniform(0, 40, (COUNT, 3, 2))
    np.testing.assert_array_equal(changes.points(points), points)
    boxes = [np.zeros((n, 4)) for n in range(COUNT)]
    assert [len(box) for box in changes.boxes(boxes)] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(changes.mirrored, np.zeros(COUNT, bool))


def test_strength_zero_is_the_identity():
    """The least amount of every move, through the matrices."""
    policy = Augment(flip=0.5, shift=0.1, rotate=20, scale=0.2, shear=10, perspective=0.1)
    changes = policy.sample(np.full((COUNT, policy.num_uniforms), 0.5), (*SIZE, 3), SIZE)
    assert changes.homographies is not None
    maps = np.random.default_rng(0).integers(0, 9, (COUNT, *SIZE))
    np.testing.assert_array_equal(changes.maps(maps, nearest=True, fill=-1), maps)
    boxes = [np.array([[3, 4, 10, 20.0]])] * COUNT
    np.testing.assert_allclose(changes.boxes(boxes), boxes)


@pytest.mark.parametrize("border", sorted(BORDERS))
def test_a_border_has_no_target(border):
    """The same where whole pixels are gathered, and where OpenCV turns."""
    for policy in (Augment(shift=0.3, border=border), Augment(rotate=90, border=border)):
        changes = sample(policy, seed=1)
        ones = np.ones((COUNT, *SIZE), np.uint8)
        mapped = changes.maps(ones, nearest=True, fill=FILL)
        assert set(np.unique(mapped)) == {1, FILL}
        black = Augment(**{**policy.to_json(), "border": "zero"})
        white = sample(black, seed=1).rows(np.full((COUNT, *SIZE, 3), 255, np.uint8))[..., 0]
        np.testing.assert_array_equal(mapped[white > 140], 1)
        np.testing.assert_array_equal(mapped[white < 60], FILL)


def test_mirrors_are_exact():
    maps = np.random.default_rng(0).integers(0, 9, (COUNT, *SIZE))
    flipped = sample(Augment(flip=1))
    np.testing.assert_array_equal(flipped.maps(maps, nearest=True, fill=-1), maps[:, :, ::-1])
    np.testing.assert_allclose(flipped.points(np.zeros((COUNT, 1, 2))), [[[51, 0]]] * COUNT)
    (box,) = flipped.boxes([np.array([[1, 2, 4, 8.0]])] * COUNT)[0]
    np.testing.assert_allclose(box, [48, 2, 51, 8])
    assert flipped.mirrored.all()
    both = sample(Augment(flip=1, flip_vertical=1, rotate=180, perspective=0.3, crop=0.3))
    assert not both.mirrored.any()  # a turn by half a circle
    some = sample(Augment(flip=0.5, rotate=180, shear=30), count=400)
    assert 0.4 < some.mirrored.mean() < 0.6
    drawn = uniforms(0, 0, np.arange(400), Augment().num_uniforms)[:, 0] < 0.5
    np.testing.assert_array_equal(some.mirrored, drawn)


def test_targets_of_a_blend_follow_the_image_itself():
    policy = RECIPES["augmix"]["photos"]
    blend = sample(policy)
    alone = blend.parts[0]
    assert isinstance(alone, Changes)
    maps, points = regions(SIZE, 0), np.ones((COUNT, 2, 2))
    np.testing.assert_array_equal(
        blend.maps(maps, nearest=True, fill=FILL), alone.maps(maps, nearest=True, fill=FILL)
    )
    np.testing.assert_array_equal(blend.points(points), alone.points(points))
    np.testing.assert_array_equal(blend.boxes(boxes_of(maps)), alone.boxes(boxes_of(maps)))
    np.testing.assert_array_equal(blend.mirrored, alone.mirrored)
    assert blend.mirrored.any()
    # The blend is nearest to the part that the targets follow.
    rows = rows_of(maps)
    mean = blend.rows(rows.copy()).astype(float)
    away = [np.abs(part.rows(rows.copy()) - mean).mean() for part in blend.parts]
    assert np.argmin(away) == 0


def test_boxes_hold_their_masks_under_a_strong_perspective():
    """A corner beyond the horizon would come back on the other side, and leave the mask out."""
    policy = Augment(crop=0.05, perspective=0.4)
    changes = sample(policy, count=200)
    behind = 0
    for left, top, right, bottom in ((0, 0, 52, 40), (0, 0, 9, 9), (10, 5, 50, 8)):
        maps = np.zeros((200, *SIZE), np.uint8)
        maps[:, top:bottom, left:right] = 1
        moved = changes.maps(maps, nearest=True, fill=0)
        boxes = changes.boxes([np.array([[left, top, right, bottom]])] * 200)
        behind += np.isnan(boxes).sum() + (np.abs(np.nan_to_num(boxes)) > 1e4).sum()
        for mask, box in zip(moved, boxes, strict=True):
            y, x = np.nonzero(mask)
            inside, kept = clipped(box, SIZE, least=0)
            if len(x):
                assert kept.all()
                assert np.all(inside[0, :2] - HALF <= [x.min(), y.min()])
                assert np.all([x.max(), y.max()] <= inside[0, 2:] - 1 + HALF)
    assert behind > 10  # the case is there


def test_targets_that_do_not_fit_are_refused():
    changes = sample(Augment(rotate=10), source=(80, 104))
    with pytest.raises(ShapeError, match=r"\(40, 52\) over images of \(80, 104\)"):
        changes.maps(np.zeros((COUNT, *SIZE)), nearest=True, fill=0)
    with pytest.raises(ShapeError, match="targets of 4 images for the changes of 5"):
        changes.points(np.zeros((4, 1, 2)))
    with pytest.raises(ShapeError, match="targets of 1 images"):
        changes.boxes([np.zeros((1, 4))])
    with pytest.raises(UsageError, match="cannot be interpolated"):
        changes.maps(np.zeros((COUNT, 80, 104), np.uint8), nearest=False, fill=0)
