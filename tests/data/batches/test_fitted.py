"""Packs with targets that lie in their images: fitted, kept, found again, streamed."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vitreous.data.batches import decoding
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.pack import Streaming, key, pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.boxes import Boxes
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.mask_files import masks_in_files
from vitreous.data.images.mask import read_mask
from vitreous.data.maps import Maps
from vitreous.data.names import Names
from vitreous.data.points import Points
from vitreous.errors import DataError, ImageError, ShapeError, UsageError

CONTRACT = PixelContract(height=12, width=16, channels=1, exact=True)
COUNT = 9
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Gray images of many sizes; a mask is 1 where its image is bright, and 2 in one corner. A box
    lies around the image's own middle, a point in its corner.
    """
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "ledgers"))
    random = np.random.default_rng(0)
    sizes = random.integers(14, 40, (COUNT, 2))
    for number, (height, width) in enumerate(sizes.tolist()):
        bright = np.repeat(random.integers(0, 2, height // 6 + 1), 6)[:height, None]
        bright = bright ^ np.repeat(random.integers(0, 2, width // 6 + 1), 6)[None, :width]
        mask = bright.astype(np.uint8)
        mask[:3, :3] = 2
        for place, pixels in (("images", bright.astype(np.uint8) * 200), ("masks", mask)):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / place / f"{number}.png")
    middles = [[(w / 4, h / 4, 3 * w / 4, 3 * h / 4)] for h, w in sizes.tolist()]
    corners = [[(0, 0, 1), (w - 1, h - 1, 1)] for h, w in sizes.tolist()]
    masks, _ = masks_in_files(tmp_path, Names(f"masks/{n}.png" for n in range(COUNT)))
    return FileDataset(
        tmp_path,
        Names(f"images/{number}.png" for number in range(COUNT)),
        {
            "mask": masks,
            "class": ClassNumbers(np.arange(COUNT) % 2, "ab"),
            "box": Boxes.of(middles),
            "point": Points(corners, ("first", "last")),
        },
        parts=np.full(COUNT, Part.UNASSIGNED, np.int8),
    )


def check(made, dataset, contract=CONTRACT):
    """Are all columns where the contract's own frames put them?"""
    masks = dataset.targets["mask"]
    for index in range(COUNT):
        stored = masks.read(index)
        frame = contract.frame(*stored.shape)
        expected = frame.map(stored, nearest=True, fill=255)
        np.testing.assert_array_equal(made.targets["mask"].read(index), expected)
        box = made.targets["box"].value(index)
        window = np.array([contract.width, contract.height] * 2)
        hull = frame.boxes(dataset.targets["box"].value(index))
        np.testing.assert_allclose(box, np.clip(hull, 0, window), rtol=1e-6)
        points = made.targets["point"].value(index)
        places = frame.points(dataset.targets["point"].value(index)[:, :2])
        inside = ((places >= -0.5) & (places < window[:2] - 0.5)).all(axis=1)
        np.testing.assert_array_equal(points[:, 2], inside)
        np.testing.assert_allclose(points[inside, :2], places[inside], rtol=1e-5, atol=1e-5)
    assert made.targets["class"] is dataset.targets["class"]


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_targets_are_fitted_like_their_images_and_found_again(dataset, cache, fit):
    contract = replace(CONTRACT, fit=fit)
    first = pack(dataset, contract, cache=cache)
    check(first, dataset, contract)
    found = pack(dataset, contract, cache=cache, progress=lambda *_: pytest.fail("decoded again"))
    check(found, dataset, contract)
    assert found.path == first.path
    for made in (first, found):
        assert made.bad == ()
        np.testing.assert_array_equal(made.rows[:, 0, 0], first.rows[:, 0, 0])
        assert made.targets["mask"].size == (12, 16)
        assert not made.targets["mask"].rows.array.flags.writeable
        assert made.frames[4].source == dataset.read(4).shape[:2]
        assert len(made.frames[2:5]) == 3


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_masks_lie_on_what_they_mark(dataset, cache, fit):
    """The image itself is the oracle: where the mask says 1 it is bright, where it says 0 dark."""
    made = pack(dataset, replace(CONTRACT, fit=fit), cache=cache)
    masks = made.targets["mask"].gather(np.arange(COUNT))
    rows = made.rows[..., 0]
    right = np.where(masks == 1, rows > 100, rows <= 100)[masks < 2]
    assert right.mean() > 0.97  # edges are blurred where images were resized
    if fit == "pad":
        assert (masks == 255).any()
        assert (rows[masks == 255] == 0).all()  # black borders


def test_without_room_all_is_read_each_time(dataset, cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 10**12, 0))
    made = pack(dataset, CONTRACT, cache=cache)
    assert isinstance(made.rows, Streaming)
    assert made.note
    check(made, dataset)
    assert made.targets["mask"].size is None
    ids = np.array([3, 0, 3])
    (batch,) = Batches(made.rows, made.targets, ids, CONTRACT, batch_size=3, shuffle=False).epoch(0)
    np.testing.assert_array_equal(batch.targets["mask"], made.targets["mask"].gather(ids))


def test_progress_counts_images_and_masks(dataset, cache, monkeypatch):
    monkeypatch.setattr(decoding, "TASK", 1)
    seen = []
    pack(dataset, CONTRACT, cache=cache, progress=lambda *counts: seen.append(counts))
    assert seen == [(done, 2 * COUNT) for done in range(1, 2 * COUNT + 1)]


def test_without_targets_it_is_a_pack_of_images(dataset, cache):
    plain = replace(CONTRACT, exact=False)
    made = pack(dataset, plain, targets={}, cache=cache)
    assert made.targets == {}
    assert made.frames is None
    assert made.path.stat().st_size < COUNT * 12 * 16 + 100
    unlabeled = FileDataset(dataset.root, dataset.names, {}, parts=dataset.parts)
    assert key(dataset, plain, {}) == key(unlabeled, plain)
    np.testing.assert_array_equal(made.rows, pack(dataset, CONTRACT, cache=cache).rows)


def test_only_an_exact_contract_places_targets(dataset, cache):
    with pytest.raises(UsageError, match="mask, box, point lie in their images"):
        pack(dataset, replace(CONTRACT, exact=False), cache=cache)


@pytest.mark.parametrize("change", ["mask", "classes", "gone"])
def test_another_mask_makes_another_pack(dataset, change):
    before = key(dataset, CONTRACT)
    assert key(dataset, CONTRACT) == before
    masks = dataset.targets["mask"]
    if change == "classes":
        dataset.targets["mask"] = Maps(masks.rows, "abcd")
    elif change == "gone":
        del dataset.targets["mask"]
    else:
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(masks.source(5))
    assert key(dataset, CONTRACT) != before


@pytest.mark.parametrize("room", [True, False])
def test_bad_masks_are_bad_images(dataset, cache, monkeypatch, room):
    masks = dataset.targets["mask"]
    places = {number: masks.source(number) for number in (1, 4, 6)}
    with open(places[1], "wb") as file:
        file.write(b"<html>")
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(places[4])
    Image.fromarray(read_mask(places[6]) + np.uint8(7)).save(places[6])
    with open(dataset.path(8), "wb"):
        pass  # an image without a byte, whose mask is never asked for
    if not room:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 10**12, 0))
    for _ in range(2):  # built, then found
        made = pack(dataset, CONTRACT, cache=cache)
        reasons = {image.index: image.reason for image in made.bad}
        assert sorted(reasons) == [1, 4, 6, 8]
        assert reasons[1].startswith(f"its mask {places[1]}: ")
        assert "has 6 × 5 pixels, its image" in reasons[4]
        assert "has pixels of class" in reasons[6]
        assert np.flatnonzero(~made.good).tolist() == [1, 4, 6, 8]


def test_bad_masks_stop_the_build_if_they_shall(dataset, cache):
    with open(dataset.targets["mask"].source(3), "wb"):
        pass
    with pytest.raises(ImageError, match=r"its mask .*3\.png: the file is empty"):
        pack(dataset, CONTRACT, cache=cache, bad_images="raise")


def test_no_mask_at_all_is_an_error(dataset, cache):
    for index in range(COUNT):
        Image.fromarray(np.zeros((5, 6), np.uint8)).save(dataset.targets["mask"].source(index))
    with pytest.raises(DataError, match="its mask"):
        pack(dataset, CONTRACT, cache=cache)


def test_masks_in_memory_are_used_as_they_are(cache):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (5, 12, 16, 1), np.uint8)
    masks = random.integers(0, 3, (5, 12, 16), np.uint8)
    data = ArrayDataset("arrays", pixels, {"mask": Maps(masks, "abc")})
    made = pack(data, CONTRACT, cache=cache)
    assert made.rows is pixels
    assert made.targets["mask"].rows.array is masks
    assert made.frames[0].source == (12, 16)
    assert not cache.exists()
    smaller = replace(CONTRACT, height=6, width=8)
    half = pack(data, smaller, cache=cache).targets["mask"]
    frame = smaller.frame(12, 16)
    np.testing.assert_array_equal(half.read(2), frame.map(masks[2], nearest=True, fill=255))


def test_maps_of_another_size_than_the_rows_are_refused(dataset, cache):
    made = pack(dataset, CONTRACT, cache=cache)
    larger = replace(CONTRACT, height=24)
    rows = np.zeros((COUNT, 24, 16, 1), np.uint8)
    with pytest.raises(ShapeError, match="maps 'mask'"):
        Batches(rows, made.targets, np.arange(COUNT), larger, batch_size=2)


@pytest.mark.parametrize(("fit", "lost"), [("crop", 2), ("pad", 0), ("squash", 0)])
def test_what_falls_out_of_the_window_is_said(cache, fit, lost):
    """A wide image loses its sides to a square crop; a place beyond the image is lost to any."""
    pixels = np.zeros((2, 10, 30, 3), np.uint8)
    places = [[[2.0, 5, 1], [15, 5, 1]], [[28, 5, 1], [31, 5, 1]]]
    targets = {"point": Points(np.array(places), ("one", "other"))}
    contract = PixelContract(height=10, width=10, channels=3, fit=fit, exact=True)
    parts = np.full(2, Part.UNASSIGNED, np.int8)
    data = ArrayDataset("points", pixels, targets, parts=parts)
    made = pack(data, contract, cache=cache)
    beyond, *cut = made.remarks
    assert beyond.startswith("1 point of 1 image lies beyond the edges of the image, such as in ")
    assert len(cut) == bool(lost)
    if lost:
        assert cut[0].startswith("2 points of 2 images lie outside of what the network sees")
        assert "--fit pad" in cut[0]
    assert pack(data, contract, cache=cache).remarks == made.remarks  # from the file, too


def test_boxes_that_are_cut_away_are_said(cache):
    pixels = np.zeros((3, 10, 30, 3), np.uint8)
    boxes = Boxes.of([[(1, 1, 4, 4), (12, 1, 18, 8)], np.zeros((0, 4)), [(11, 0, 13, 9)]])
    contract = PixelContract(height=10, width=10, channels=3, fit="crop", exact=True)
    parts = np.full(3, Part.UNASSIGNED, np.int8)
    made = pack(ArrayDataset("b", pixels, {"box": boxes}, parts=parts), contract, cache=cache)
    assert [remark.split(" outside")[0] for remark in made.remarks] == ["1 box of 1 image lies"]
