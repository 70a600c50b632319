"""Points in one array beside a folder of images, as Leeds Sports Pose has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from vitreous.data.dataset import Dataset
from vitreous.data.formats.open import open
from vitreous.data.points import Points
from vitreous.data.splits.split import split
from vitreous.errors import DataError

COUNT = 12
RNG = np.random.default_rng(0)


def plant(root: Path, points: int = 14, columns: int = 3) -> np.ndarray:
    """Images whose names are no order of letters, and an array of places within them."""
    (root / "images").mkdir(parents=True)
    for number in range(COUNT):
        Image.new("RGB", (40, 30), (number, 9, 9)).save(root / f"images/im{number + 1}.png")
    array = RNG.uniform(0, 29, (COUNT, points, columns)).astype(np.float32)
    if columns == 3:
        array[..., 2] = RNG.integers(0, 2, (COUNT, points))
    return array


def points(data: Dataset) -> Points:
    column = data.targets["point"]
    assert isinstance(column, Points)
    return column


@pytest.mark.parametrize("kind", ["npy", "mat"])
@pytest.mark.parametrize("direct", [True, False])
def test_places_belong_to_the_images_by_number(tmp_path: Path, kind: str, direct: bool) -> None:
    array = plant(tmp_path)
    path = tmp_path / f"joints.{kind}"
    if kind == "npy":
        np.save(path, array)
    else:
        savemat(path, {"joints": array.transpose(1, 2, 0)})
    data = open(path if direct else tmp_path)
    assert [data.id(k) for k in (1, 9)] == ["images/im2.png", "images/im10.png"]
    assert points(data).names[0] == "right ankle"
    assert (0, 5) in points(data).pairs
    seen = array[..., 2] > 0
    np.testing.assert_array_equal(points(data).array[seen], array[seen])
    assert not points(data).array[~seen].any()


def test_the_first_edition_marks_what_is_hidden_and_not_what_is_labeled(tmp_path: Path) -> None:
    array = plant(tmp_path)
    savemat(tmp_path / "joints.mat", {"joints": array.transpose(2, 1, 0)})
    assert (points(open(tmp_path)).array[..., 2] == 1).all()


def test_names_of_points(tmp_path: Path) -> None:
    np.save(tmp_path / "keypoints.npy", plant(tmp_path, 2, 2))
    assert points(open(tmp_path)).names == ("0", "1")
    (tmp_path / "points.txt").write_text("left eye\nright eye\n")
    assert points(open(tmp_path)).names == ("left eye", "right eye")
    assert points(open(tmp_path)).pairs == ((0, 1),)
    (tmp_path / "points.txt").write_text("left eye\n")
    with pytest.raises(DataError, match="has 2 points an image, and"):
        open(tmp_path)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    array = plant(tmp_path)
    path = tmp_path / "joints.npy"
    np.save(path, array[1:])
    with pytest.raises(DataError, match="the points of 11 images, and images/ holds 12"):
        open(tmp_path)
    np.save(path, array[..., 0])
    with pytest.raises(DataError, match="an array of the shape"):
        open(tmp_path)
    array[3, 2] = np.nan, 4, 1
    np.save(path, array)
    with pytest.raises(DataError, match=r"point 2 of image 3 at \[nan, 4"):
        open(tmp_path)
    for junk in (b"", b"\x93NUMPY", path.read_bytes()[:200]):
        path.write_bytes(junk)
        with pytest.raises(DataError, match="holds no points"):
            open(tmp_path)


def test_what_split_writes_reads_back_the_same(tmp_path: Path) -> None:
    np.save(tmp_path / "joints.npy", plant(tmp_path))
    data = open(tmp_path)
    split(data).write(tmp_path / "joints.csv", data)
    again = open(tmp_path / "joints.csv")
    assert points(again).content() == points(data).content()
    assert points(again).pairs == points(data).pairs
