from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vitreous.data.dataset import Part
from vitreous.data.formats.cifar import is_cifar, open_cifar
from vitreous.errors import DataError

rng = np.random.default_rng(0)


def rows(count, labels=1, classes=10):
    marks = rng.integers(0, classes, (count, labels), dtype=np.uint8)
    return np.hstack([marks, rng.integers(0, 256, (count, 3072), dtype=np.uint8)])


@pytest.fixture
def ten(tmp_path):
    batches = {f"data_batch_{number}.bin": rows(4) for number in range(1, 6)}
    batches["test_batch.bin"] = rows(3)
    for name, batch in batches.items():
        (tmp_path / name).write_bytes(batch.tobytes())
    (tmp_path / "batches.meta.txt").write_text("\n".join(f"class{n}" for n in range(10)) + "\n\n")
    return tmp_path, batches


def test_ten_classes(ten):
    folder, batches = ten
    data = open_cifar(folder)
    assert data.classes == tuple(f"class{number}" for number in range(10))
    assert data.parts.tolist() == [Part.TRAIN] * 20 + [Part.TEST] * 3
    whole = np.concatenate(list(batches.values()))
    assert data.targets["class"].array.tolist() == whole[:, 0].tolist()
    # Red, green and blue planes follow each other, each row by row.
    row, y, x = 21, 7, 30
    assert data[row].image[y, x].tolist() == [
        whole[row, 1 + 1024 * plane + 32 * y + x] for plane in range(3)
    ]
    assert data.pixels.flags.c_contiguous


def test_without_test_part_and_names(ten):
    folder, _ = ten
    (folder / "test_batch.bin").unlink()
    (folder / "batches.meta.txt").unlink()
    data = open_cifar(folder)
    assert len(data) == 20
    assert data.classes[3] == "3"


def test_a_hundred_classes(tmp_path):
    train, test = rows(6, 2, 100), rows(2, 2, 100)
    (tmp_path / "train.bin").write_bytes(train.tobytes())
    assert not is_cifar({"train.bin"})
    (tmp_path / "test.bin").write_bytes(test.tobytes())
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine{n}" for n in range(100)))
    assert is_cifar({path.name for path in tmp_path.iterdir()})
    data = open_cifar(tmp_path)
    assert data.targets["class"].array.tolist() == [*train[:, 1], *test[:, 1]]
    assert data.classes[42] == "fine42"


def test_damage_is_named(ten):
    folder, batches = ten
    path = folder / "data_batch_3.bin"
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"no multiple of 3,073") as caught:
            open_cifar(folder)
        assert caught.value.where == str(path)
    wrong = batches["data_batch_3.bin"].copy()
    wrong[2, 0] = 11
    path.write_bytes(wrong.tobytes())
    with pytest.raises(DataError, match="row 2 has the label 11 of 10 classes"):
        open_cifar(folder)
    path.unlink()
    with pytest.raises(DataError, match=r"has no data_batch_3\.bin"):
        open_cifar(folder)


def test_wrong_number_of_names(ten):
    (ten[0] / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match="names 2 classes, not 10"):
        open_cifar(ten[0])


def test_the_real_set(real_set: Callable[..., Path]):
    data = open_cifar(real_set("cifar-10-batches-bin", "cifar10"))
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    assert (
        np.bincount(data.targets["class"].array[data.parts == Part.TRAIN]).tolist() == [5000] * 10
    )
    mean = data.pixels[data.parts == Part.TRAIN].mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-4)
