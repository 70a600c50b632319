from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from vitreous.data.columns import Marks
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import digits, from_arrays, open_npz
from vitreous.data.formats.open import open
from vitreous.errors import DataError

rng = np.random.default_rng(0)
COLOR = rng.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GRAY = COLOR[..., 0]


def test_images_and_numbers():
    data = from_arrays(COLOR, [0, 2, 1, 0, 2, 1])
    assert data.classes == ("0", "1", "2")
    np.testing.assert_array_equal(data.pixels, COLOR)
    assert (data.channels, data.id(3), len(data)) == (3, "image/3", 6)
    assert data.targets["class"].array.dtype == np.int64


def test_gray_images_get_a_channel():
    assert from_arrays(GRAY, range(6))[2].image.shape == (5, 4, 1)


def test_floats_and_16_bits():
    np.testing.assert_array_equal(from_arrays(COLOR / 255, range(6)).pixels, COLOR)
    np.testing.assert_array_equal(
        from_arrays(COLOR.astype(np.uint16) * 257, range(6)).pixels, COLOR
    )


def test_a_tensor_has_its_channels_first():
    tensor = torch.from_numpy(COLOR).permute(0, 3, 1, 2)
    np.testing.assert_array_equal(from_arrays(tensor, torch.arange(6)).pixels, COLOR)
    np.testing.assert_array_equal(from_arrays(tensor / 255, torch.arange(6)).pixels, COLOR)


def test_words_and_marks():
    data = from_arrays(GRAY, ["b", "a", "b", "a", "c", "c"])
    assert data.classes == ("a", "b", "c")
    assert data.targets["class"].array.tolist() == [1, 0, 1, 0, 2, 2]
    marks = rng.integers(0, 2, (6, 3))
    many = from_arrays(GRAY, marks)
    assert isinstance(many.targets["class"], Marks)
    assert many.targets["class"].array.dtype == np.uint8
    np.testing.assert_array_equal(many.targets["class"].array, marks)
    assert data.text(0) == "b"
    rows = from_arrays(GRAY, np.vstack([np.eye(5, 3), [0, 1, 1]]))
    assert [rows.text(index) for index in (0, 4, 5)] == ["0", "none", "1, 2"]
    assert [rows.targets["class"].names(index) for index in (4, 5)] == [(), ("1", "2")]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (COLOR, [0, 1], "6 images and 2 labels"),
        (COLOR[0, 0], [0] * 4, "images have the shape"),
        (COLOR[:0], [], "holds no images"),
        (COLOR.astype(np.int32), range(6), "type int32"),
        (COLOR * 1.0, range(6), "floats from 0 to 255"),
        (
            np.zeros((2, 3, 8, 8), np.uint8),
            [0, 1],
            "2, 3, 8, 8., whose channels seem to come first",
        ),
        (COLOR, [-1, 0, 1, 2, 0, 1], "labels run from -1 to 2"),
        (COLOR, [0.5, 1, 2, np.nan, 3, 4], "example 3 has the value nan"),
        (COLOR, np.zeros((6, 5, 3), int), "masks of"),
        (COLOR, np.full((6, 2), 3), "labels have the shape"),
        (COLOR, 1, r"labels have the shape \(\)"),
        (COLOR, [[0], [0, 1], [1], [1], [0], [1]], "rows of different lengths"),
    ],
)
def test_what_does_not_fit_is_named(images, labels, message):
    with pytest.raises(DataError, match=message) as caught:
        from_arrays(images, labels)
    assert caught.value.where
    assert caught.value.remedy


def test_content_decides_the_digest():
    data = from_arrays(np.concatenate([COLOR, COLOR[2:3]]), range(7))
    assert data.digest(2) == data.digest(6) != data.digest(3)
    assert len(data.digest(0)) == 16
    turned = from_arrays(np.zeros((1, 2, 3)), [0]), from_arrays(np.zeros((1, 3, 2)), [0])
    assert turned[0].digest(0) != turned[1].digest(0)


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_of_keras(tmp_path):
    path = saved(
        tmp_path / "set.npz",
        x_train=GRAY,
        y_train=np.arange(6) % 2,
        x_test=GRAY[:2],
        y_test=np.array([1, 1]),
    )
    data = open_npz(path)
    assert data.parts.tolist() == [Part.TRAIN] * 6 + [Part.TEST] * 2
    assert (data.id(0), data.id(7), data.name) == ("train/0", "test/1", "set")


def test_npz_of_medmnist(tmp_path):
    parts = {f"{part}_images": COLOR[:2] for part in ("train", "val", "test")}
    labels = {f"{part}_labels": np.array([[0], [1]]) for part in ("train", "val", "test")}
    data = open_npz(saved(tmp_path / "set.npz", **parts, **labels))
    assert data.parts.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.targets["class"].array.tolist() == [0, 1] * 3


def test_npz_with_class_names(tmp_path):
    classes = np.array(["cat", "dog"])
    path = tmp_path / "set.npz"
    data = open_npz(saved(path, images=GRAY, labels=np.arange(6) % 2, classes=classes))
    assert data.classes == ("cat", "dog")
    with pytest.raises(DataError, match="labels need 6 classes, and 2 are named"):
        open_npz(saved(path, images=GRAY, labels=np.arange(6), classes=classes))


def test_npz_that_cannot_be_used(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    with pytest.raises(DataError, match="holds the arrays a, b"):
        open_npz(saved(path, a=GRAY, b=GRAY))
    with pytest.raises(DataError, match=r"differ in shape"):
        open_npz(saved(path, x_train=GRAY, y_train=range(6), x_test=GRAY[:, 1:], y_test=range(6)))
    objects = np.array([{}] * 6, dtype=object)
    np.savez(path, images=objects, labels=np.arange(6), allow_pickle=True)
    with pytest.raises(DataError, match=r"allow_pickle"):
        open_npz(path)
    path.write_bytes(pickle.dumps(GRAY))
    with pytest.raises(DataError, match=r"is no \.npz file"):
        open_npz(path)
    whole = saved(path, images=GRAY, labels=np.arange(6)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"is no \.npz file"):
        open_npz(path)
    monkeypatch.setattr("vitreous.data.formats.arrays.MAX_ARRAY_BYTES", 100)
    with pytest.raises(DataError, match="unfolds to"):
        open_npz(saved(path, images=GRAY, labels=np.arange(6)))


def test_npz_with_labels_of_no_axis_or_of_two_forms(tmp_path):
    path = tmp_path / "set.npz"
    with pytest.raises(DataError, match=r"labels have the shape \(\)"):
        open_npz(saved(path, images=GRAY, labels=np.array(3)))
    marks = np.eye(6, 3, dtype=int)
    for numbers in (np.arange(6), np.arange(6)[:, None]):
        with pytest.raises(DataError, match=r"\(6,.*\) and \(6, 3\)"):
            open_npz(saved(path, x_train=GRAY, y_train=numbers, x_test=GRAY, y_test=marks))
    with pytest.raises(DataError, match="labels need 6 classes, and 1 are named"):
        open_npz(saved(path, images=GRAY, labels=np.arange(6), classes=np.array("cat")))


def npy(shape, content=b""):
    file = io.BytesIO()
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.getvalue() + content


def archive(path, method=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_an_npz_that_promises_more_than_it_holds(tmp_path):
    path = archive(tmp_path / "set.npz", images=npy((10**6, 10**6)), labels=npy((6,), bytes(6)))
    with pytest.raises(DataError, match=r"images.npy promises 1,000,000,000,000 bytes"):
        open_npz(path)


def test_an_npz_of_damaged_pixels(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (6, 32, 32), np.uint8)
    path = tmp_path / "set.npz"
    members = {"images": npy(noise.shape, noise.tobytes()), "labels": npy((6,), bytes(6))}
    whole = bytearray(archive(path, zipfile.ZIP_DEFLATED, **members).read_bytes())
    whole[200] = 0xFF  # in the middle of a deflate stream
    whole[201:260] = bytes(59)
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"is no \.npz file"):
        open_npz(path)


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 99)])
def test_an_npz_with_a_password_or_of_an_unknown_method(tmp_path, offset, value):
    members = {"images": npy(GRAY.shape, GRAY.tobytes()), "labels": npy((6,), bytes(6))}
    path = archive(tmp_path / "set.npz", **members)
    whole = bytearray(path.read_bytes())
    entry = whole.index(b"PK\1\2")
    whole[entry + offset] = value  # flags, or the method, in the directory
    whole[6 if offset == 8 else 8] = value  # and before the content
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"is no \.npz file"):
        open_npz(path)


def test_digits_come_along():
    data = digits()
    assert (len(data), data.channels, data.classes) == (1797, 1, tuple("0123456789"))
    assert data.pixels.shape == (1797, 8, 8, 1)
    assert data.pixels.max() == 255
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.targets["class"].counts().tolist() == counts


def test_floats_are_quantities():
    data = from_arrays(GRAY, np.array([1, 2.5, 3, 0, -1, 7]))
    assert data.targets["value"].names == ("value",)
    assert data.targets["value"].array[:, 0].tolist() == [1, 2.5, 3, 0, -1, 7]
    assert data.notes == ("labels are real numbers: regression",)
    several = from_arrays(GRAY, np.arange(12.0).reshape(6, 2)).targets["value"]
    assert several.names == ("value 0", "value 1")
    assert several.array.tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert isinstance(from_arrays(GRAY, np.tri(6)).targets["class"], Marks)


def test_floats_have_no_class_names(tmp_path):
    with pytest.raises(DataError, match="real numbers, and 2 classes are named"):
        open_npz(saved(tmp_path / "a.npz", images=GRAY, labels=np.ones(6) / 2, classes=["a", "b"]))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, bool])
def test_masks(kind):
    masks = rng.integers(0, 2, (6, 5, 4)).astype(kind)
    data = from_arrays(COLOR, masks)
    assert data.classes == ("0", "1")
    assert data.targets["mask"].size == (5, 4)
    np.testing.assert_array_equal(data[3].target, masks[3])
    one_channel = from_arrays(COLOR, masks[..., None])
    assert one_channel.targets["mask"].content() == data.targets["mask"].content()


def test_masks_of_black_and_white_or_with_ignored_pixels(tmp_path):
    masks = rng.integers(0, 2, (6, 5, 4), np.uint8)
    data = from_arrays(COLOR, masks * 255)
    assert data.classes == ("background", "foreground")
    np.testing.assert_array_equal(data[0].target, masks[0])
    masks[0, 0] = 255
    named = open_npz(saved(tmp_path / "a.npz", images=COLOR, labels=masks, classes=["sky", "sea"]))
    assert named.classes == ("sky", "sea")
    assert named[0].target[0].tolist() == [255] * 4
    masks[1, 0] = 2
    with pytest.raises(DataError, match="labels need 3 classes, and 2 are named"):
        open_npz(saved(tmp_path / "b.npz", images=COLOR, labels=masks, classes=["sky", "sea"]))
    with pytest.raises(DataError, match="masks hold numbers from -1 to"):
        from_arrays(COLOR, masks.astype(int) - 1)


def test_images_without_labels(tmp_path):
    for data in (
        from_arrays(GRAY),
        open((GRAY, None)),
        open_npz(saved(tmp_path / "a.npz", images=GRAY)),
    ):
        assert data.targets == {}
        assert len(data) == 6
    parts = open_npz(saved(tmp_path / "b.npz", x_train=GRAY[:4], x_test=GRAY[4:]))
    assert parts.parts.tolist() == [Part.TRAIN] * 4 + [Part.TEST] * 2


def test_labels_from_1_have_no_empty_class():
    """MATLAB counts from 1."""
    images = np.zeros((30, 4, 4, 1), np.uint8)
    data = open((images, np.arange(30) % 10 + 1))
    assert data.classes == tuple(map(str, range(1, 11)))
    assert [data.text(index) for index in (0, 9, 10)] == ["1", "10", "1"]
    assert "labels run from 1 to 10, and classes are called so" in data.notes


def test_fractions_that_were_cut_off_are_a_doubt():
    """(x / 255).astype(uint8) is 0 nearly everywhere, and nobody sees it."""
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    cut = (np.maximum(images, 250) // 255).astype(np.uint8)
    (note,) = open((cut, np.arange(8) % 2)).notes
    assert "hold 0 and 1 alone" in note
    assert note.severity == "warning"
    assert not open((images, np.arange(8) % 2)).notes
    assert not open((images > 99, np.arange(8) % 2)).notes  # truth values are spread


def test_a_mapping_is_no_data_set():
    with pytest.raises(DataError, match="a mapping with the keys images, labels") as caught:
        open({"images": np.zeros((4, 5, 5), np.uint8), "labels": np.arange(4)})
    assert "pair" in caught.value.remedy
