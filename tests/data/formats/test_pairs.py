"""Images and what belongs to them, by what lies in the folders: masks, depths, clean pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.open import open
from vitreous.data.images.depth_map import read_depth
from vitreous.data.maps import Maps
from vitreous.data.splits.split import split
from vitreous.errors import DataError, ImageError

SIZE = (12, 16)
RNG = np.random.default_rng(0)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def photo() -> np.ndarray:
    return RNG.integers(0, 256, (*SIZE, 3), np.uint8)


def mask() -> np.ndarray:
    return RNG.integers(0, 3, SIZE, np.uint8)


def depth() -> np.ndarray:
    values = RNG.integers(300, 9000, SIZE).astype(np.uint16)
    values[0] = 0
    return values


MADE = {"photo": (photo, "png"), "mask": (mask, "png"), "depth": (depth, "png")}


def plant(root: Path, one: str, other: str, kind: str, count: int = 4) -> None:
    make, ending = MADE[kind]
    for number in range(count):
        save(root / one / f"{number}.png", photo())
        save(root / other / f"{number}.{ending}", make())


@pytest.fixture(autouse=True)
def own(place: object) -> None:
    """A cache for each test."""


@pytest.mark.parametrize(
    ("one", "other", "kind", "name"),
    [
        ("image", "label", "mask", "mask"),
        ("imgs", "GroundTruth", "mask", "mask"),
        ("input", "target", "mask", "mask"),
        ("x", "y", "mask", "mask"),
        ("rgb", "depth", "depth", "depth"),
        ("input", "target", "depth", "depth"),
        ("images", "gt", "depth", "depth"),
        ("noisy", "clean", "photo", "clean"),
        ("input", "target", "photo", "clean"),
        ("blur", "sharp", "photo", "clean"),
        ("street", "street_ids", "mask", "mask"),  # words that mean nothing: told by their pixels
        ("a", "b", "mask", "mask"),
        ("truth", "photos", "mask", "mask"),  # words that have changed places
    ],
)
def test_what_lies_in_two_folders_decides(
    tmp_path: Path, one: str, other: str, kind: str, name: str
) -> None:
    plant(tmp_path, one, other, kind)
    data = open(tmp_path)
    assert [*data.targets] == [name]
    column = data.targets[name]
    assert isinstance(column, Maps)
    assert [data.id(0), column.source(0)] == [f"{one}/0.png", str(tmp_path / other / "0.png")]
    assert f"lie in {one}/ with {other}/" in data.notes[0]
    assert column.nearest == (name == "mask")


@pytest.mark.parametrize(("one", "other"), [("cat", "dog"), ("raw", "cooked"), ("low", "high")])
def test_photos_of_the_same_names_are_classes(tmp_path: Path, one: str, other: str) -> None:
    plant(tmp_path, one, other, "photo")
    assert isinstance(open(tmp_path).targets["class"], ClassNumbers)


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("_mask", "mask"), ("-seg", "mask"), ("_depth", "depth"), ("_clean", "photo")],
)
@pytest.mark.parametrize("part", ["", "train/"])
def test_one_folder_whose_names_tell(tmp_path: Path, mark: str, kind: str, part: str) -> None:
    make, ending = MADE[kind]
    for number in range(4):
        save(tmp_path / f"{part}{number}.png", photo())
        save(tmp_path / f"{part}{number}{mark}.{ending}", make())
    save(tmp_path / f"{part}alone.png", photo())
    data = open(tmp_path)
    assert [*data.targets] == [{"photo": "clean"}.get(kind, kind)]
    assert [data.id(k) for k in range(4)] == [f"{part}{k}.png" for k in range(4)]
    assert (data.parts == (Part.TRAIN if part else Part.UNASSIGNED)).all()
    assert "told apart by their names" in data.notes[0]
    assert any("left out: 1 file" in note for note in data.notes)


def test_names_of_noisy_pictures_may_say_so(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"noisy/{number}_noisy.png", photo())
        save(tmp_path / f"clean/{number}_clean.png", photo())
    assert len(open(tmp_path)) == 3


def test_parts_of_two_kinds_are_refused(tmp_path: Path) -> None:
    plant(tmp_path / "train", "input", "target", "mask")
    plant(tmp_path / "test", "input", "target", "photo")
    with pytest.raises(DataError, match="train/target/ holds masks, and test/target/ clean pict"):
        open(tmp_path)


def test_depths_are_the_numbers_of_their_files(tmp_path: Path) -> None:
    values = depth()
    floats = values / np.float32(1000)
    floats[1, 0], floats[1, 1], floats[1, 2] = np.nan, np.inf, -1
    save(tmp_path / "a.png", values)
    save(tmp_path / "a.npy", floats)
    save(tmp_path / "a.tif", floats.astype(np.float32))
    save(tmp_path / "b.png", (values // 64).astype(np.uint8))
    expected = np.where(values > 0, values, np.nan).astype(np.float32)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.png"), expected)
    np.testing.assert_array_equal(read_depth(tmp_path / "b.png")[1:], (values // 64)[1:])
    for name in ("a.npy", "a.tif"):
        found = read_depth(tmp_path / name)
        assert np.isnan(found[0]).all()
        assert np.isnan(found[1, :3]).all()
        np.testing.assert_array_equal(found[2:], floats[2:].astype(np.float32))
    Image.fromarray(photo()).save(tmp_path / "c.jpg")
    Image.fromarray(photo()).save(tmp_path / "c.png")
    for name, words in (("c.jpg", "is a JPEG"), ("c.png", "in colors")):
        with pytest.raises(ImageError, match=words):
            read_depth(tmp_path / name)


def test_the_range_of_depths_is_said_and_none_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, "rgb", "depth", "depth")
    note = open(tmp_path).notes[-1]
    assert "in the unit of their files, from 3" in note
    assert "0 and NaN were not measured" in note
    for path in (tmp_path / "depth").iterdir():
        save(path, np.zeros(SIZE, np.uint16))
    with pytest.raises(DataError, match="no depth map can be used"):
        open(tmp_path)


@pytest.mark.parametrize("kind", ["mask", "depth", "photo"])
def test_what_split_writes_reads_back_the_same(tmp_path: Path, kind: str) -> None:
    plant(tmp_path, "input", "target", kind, count=12)
    data = open(tmp_path)
    parts = split(data)
    (tmp_path / "run").mkdir()
    parts.write(tmp_path / "run/split.csv", data)
    again = open(tmp_path / "run/split.csv")
    ((name, column),) = data.targets.items()
    assert [*again.targets] == [name]
    assert again.targets[name].content() == column.content()
    assert again.parts.tolist() == parts.parts.tolist()


@pytest.mark.parametrize("kind", ["depth", "photo"])
def test_packs_hold_them_and_notice_a_change(tmp_path: Path, kind: str) -> None:
    plant(tmp_path, "input", "target", kind)
    contract = PixelContract(height=12, width=16, channels=3, exact=True)
    data = open(tmp_path)
    (name,) = data.targets
    packed = pack(data, contract)
    found = packed.targets[name].gather(np.arange(4))
    assert found.shape == ((4, 12, 16) if kind == "depth" else (4, 12, 16, 3))
    column = data.targets[name]
    assert isinstance(column, Maps)
    np.testing.assert_array_equal(found[2], column.read(2))
    assert packed.path == pack(open(tmp_path), contract).path
    save(tmp_path / "target/2.png", MADE[kind][0]())
    changed = pack(open(tmp_path), contract)
    assert changed.path != packed.path
    assert not np.array_equal(changed.targets[name].gather(np.array([2]))[0], found[2], True)


def test_a_clean_picture_shrinks_as_its_noisy_one_does(tmp_path: Path) -> None:
    """Pixel by pixel: so that what is left of the noise is not a question of two rules."""
    for number in range(2):
        low = RNG.integers(0, 256, (8, 8, 3), np.uint8)
        save(tmp_path / f"noisy/{number}.png", low.repeat(8, 0).repeat(10, 1))
        save(tmp_path / f"clean/{number}.png", low.repeat(8, 0).repeat(10, 1))
    for fit in ("squash", "pad", "crop"):
        contract = PixelContract(height=16, width=20, channels=3, fit=fit, exact=True)
        packed = pack(open(tmp_path), contract)
        clean = packed.targets["clean"].gather(np.arange(2)) * 255
        np.testing.assert_allclose(clean, packed.rows, atol=1.01)
    contract = PixelContract(height=8, width=8, channels=3, fit="pad", exact=True)
    packed = pack(open(tmp_path), contract)
    clean = packed.targets["clean"].gather(np.arange(2)) * 255
    seen = np.isfinite(clean)
    assert seen.mean() > 0.7
    np.testing.assert_allclose(clean[seen], np.asarray(packed.rows)[seen], atol=4)


def test_another_size_and_a_damaged_map_leave_their_image_out(tmp_path: Path) -> None:
    plant(tmp_path, "rgb", "depth", "depth")
    save(tmp_path / "depth/1.png", depth()[:6])
    (tmp_path / "depth/2.png").write_bytes((tmp_path / "depth/2.png").read_bytes()[:60])
    packed = pack(open(tmp_path), PixelContract(height=12, width=16, channels=3, exact=True))
    assert [image.id for image in packed.bad] == ["rgb/1.png", "rgb/2.png"]
    assert "has 16 × 6 pixels, its image 16 × 12" in packed.bad[0].reason
