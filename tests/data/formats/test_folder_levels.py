"""Folders mean what lies in them: parts, classes, or a question that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vitreous.data.dataset import Dataset, Part
from vitreous.data.doubt import Doubt
from vitreous.data.formats.open import open as open_data
from vitreous.errors import DataError


def plant(root: Path, *folders: str, count: int = 2) -> Path:
    for place, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", (5, 4), (place * 9, number, 50)).save(root / folder / f"{number}.png")
    return root


def found(data: Dataset) -> dict[str, tuple[str, Part]]:
    """The class and part of each folder."""
    labels = data.targets["class"].array
    return {
        str(Path(data.id(index)).parent): (data.classes[labels[index]], Part(data.parts[index]))
        for index in range(len(data))
    }


def doubts(data: Dataset) -> list[Doubt]:
    return [note for note in data.notes if isinstance(note, Doubt)]


TRAIN, VALIDATION, TEST = Part.TRAIN, Part.VALIDATION, Part.TEST


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("Training", "Testing"), (TRAIN, TEST)),
        (("train_set", "test_set"), (TRAIN, TEST)),
        (("training_images", "validation-images"), (TRAIN, VALIDATION)),
        (("train2017", "val2017"), (TRAIN, VALIDATION)),
        (("TrainSet", "DevSet"), (TRAIN, VALIDATION)),
        (("train", "dev", "eval"), (TRAIN, VALIDATION, TEST)),
        (("train", "val", "evaluation"), (TRAIN, VALIDATION, TEST)),
        (("train", "eval"), (TRAIN, VALIDATION)),
        (("train", "testing"), (TRAIN, TEST)),
        (("Training", "test"), (TRAIN, TEST)),
        (("flowers_train", "flowers_test"), (TRAIN, TEST)),
        (("seg_train/seg_train", "seg_test/seg_test"), (TRAIN, TEST)),
        (("train/train", "test/test"), (TRAIN, TEST)),
        (("training",), (TRAIN,)),
    ],
)
def test_parts_by_what_people_call_them(tmp_path, words, parts):
    plant(tmp_path, *(f"{word}/{name}" for word in words for name in ("ant", "bee")))
    data = open_data(tmp_path)
    wanted = dict(zip(words, parts, strict=True))
    assert found(data) == {
        f"{word}/{name}": (name, part) for word, part in wanted.items() for name in ("ant", "bee")
    }
    said = " ".join(data.notes)
    known = {"train", "val", "test"}
    for word in {word.split("/")[0] for word in words} - known:
        assert f"{word}/ is taken for the" in said
    assert not doubts(data)


def test_a_class_that_is_missing_in_a_part_does_not_matter(tmp_path):
    plant(tmp_path, "Training/ant", "Training/bee", "Testing/cow")
    assert found(open_data(tmp_path))["Testing/cow"] == ("cow", TEST)


def test_two_words_for_one_part(tmp_path):
    plant(tmp_path, "train/ant", "training/ant")
    with pytest.raises(DataError, match="both mean the train part"):
        open_data(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [
        ("2023/ant", "2023/bee", "2024/ant", "2024/bee"),
        ("site 1/ant", "site 1/bee", "site 2/ant"),
        ("train_station/day", "train_station/night", "test_tube/day", "test_tube/night"),
        ("fold0/ant", "fold0/bee", "fold1/ant", "fold1/bee", "notes"),
    ],
)
def test_folders_of_the_same_names_are_asked_about(tmp_path, folders):
    plant(tmp_path, *folders)
    upper = sorted({folder.split("/")[0] for folder in folders if "/" in folder})
    lower = sorted({folder.split("/")[1] for folder in folders if "/" in folder})
    with pytest.raises(DataError, match="parts, or classes") as caught:
        open_data(tmp_path)
    assert all(f"{name}/" in caught.value.message for name in upper)
    assert "train/, val/ and test/" in caught.value.remedy
    assert "classes.txt" in caught.value.remedy
    # Both remedies are what they promise.
    (tmp_path / "classes.txt").write_text("\n".join([*upper, "notes"]))
    data = open_data(tmp_path)
    assert set(upper) <= set(data.classes) <= {*upper, "notes"}
    (tmp_path / "classes.txt").write_text("\n".join(lower))
    data = open_data(tmp_path)
    assert data.classes == tuple(lower)
    assert (data.parts == Part.UNASSIGNED).all()
    assert any("classes.txt names them" in note for note in data.notes)


def test_folders_of_other_names_belong_to_their_class(tmp_path):
    plant(tmp_path, "cat/persian", "cat/misc", "cat/siamese", "dog/poodle", "dog/misc", "dog/pug")
    data = open_data(tmp_path)
    assert data.classes == ("cat", "dog")
    assert not data.notes


@pytest.mark.parametrize("folders", [("bus", "car"), ("bus/old", "car/old")])
@pytest.mark.parametrize("part", ["train", "training"])
def test_train_beside_folders_with_images(tmp_path, folders, part):
    plant(tmp_path, *folders, f"{part}/steam", f"{part}/electric")
    with pytest.raises(DataError, match=f"holds {part}/ and beside it bus/, car/") as caught:
        open_data(tmp_path)
    assert f"If {part}/ is a part, move" in caught.value.remedy
    (tmp_path / "classes.txt").write_text(f"bus\ncar\n{part}\n")
    assert open_data(tmp_path).classes == ("bus", "car", part)


def test_a_class_called_train(tmp_path):
    plant(tmp_path, "bus", "car", "train")
    with pytest.raises(DataError, match="holds train/ and beside it bus/, car/, with images"):
        open_data(tmp_path)
    (tmp_path / "classes.txt").write_text("bus\ncar\ntrain\n")
    data = open_data(tmp_path)
    assert data.classes == ("bus", "car", "train")
    assert not doubts(data)


@pytest.mark.parametrize("word", ["test", "val", "testing", "test_images", "dev"])
def test_a_part_by_name_beside_classes_is_a_class_and_this_is_said(tmp_path, word):
    plant(tmp_path, "ok", "nok", word)
    data = open_data(tmp_path)
    (doubt,) = doubts(data)
    assert f"{word}/ lies beside class folders" in doubt
    assert f"{tmp_path}/train/" in doubt.remedy
    (tmp_path / "classes.txt").write_text(f"ok\nnok\n{word}\n")
    assert not doubts(open_data(tmp_path))


def test_parts_with_images_right_in_them(tmp_path):
    plant(tmp_path, "training_images", "test_images")
    with pytest.raises(DataError, match="no class folders in them"):
        open_data(tmp_path)


def test_unlabeled_images_beside_the_parts_are_a_warning(tmp_path):
    plant(tmp_path, "train/ant", "train/bee", "single_prediction")
    (doubt,) = doubts(open_data(tmp_path))
    assert "left out with all images: single_prediction/" in doubt


def test_parts_inside_of_the_classes(tmp_path):
    plant(tmp_path, *(f"{name}/{part}" for name in ("cat", "dog") for part in ("train", "test")))
    data = open_data(tmp_path)
    assert data.classes == ("cat", "dog")
    (doubt,) = doubts(data)
    assert "every class folder holds test/ and train/" in doubt
    assert doubt.remedy == "Put them above the classes: cat/test/ becomes test/cat/."
    for name in ("cat", "dog"):
        for part in ("train", "test"):
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / name / part).rename(tmp_path / part / name)
        (tmp_path / name).rmdir()
    assert found(open_data(tmp_path))["test/dog"] == ("dog", TEST)


def test_masks_inside_of_the_classes(tmp_path):
    plant(tmp_path, *(f"{name}/{kind}" for name in ("ill", "well") for kind in ("images", "masks")))
    data = open_data(tmp_path)
    assert data.classes == ("ill", "well")
    (doubt,) = doubts(data)
    assert "ill/masks/, well/masks/ is taken for images of the class" in doubt


@pytest.mark.parametrize(
    ("folders", "files", "name"),
    [
        (("images/train", "images/val"), ("labels/train/0.txt",), "has 1 numbers: '1'"),
        (("train/images",), ("train/labels/0.txt", "data.yaml"), "has 1 numbers: '1'"),
        (("train2017", "val2017"), ("annotations/instances.json",), "COCO"),
        (("train",), ("train/_annotations.coco.json",), "COCO"),
        ((), ("data_batch_1", "batches.meta"), "Python version of CIFAR"),
        ((), ("train", "test", "meta"), "Python version of CIFAR"),
    ],
)
def test_layouts_of_other_programs_are_named(tmp_path, folders, files, name):
    plant(tmp_path, *folders)
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    with pytest.raises(DataError, match=name):
        open_data(tmp_path)


def test_annotations_beside_class_folders_change_nothing(tmp_path):
    plant(tmp_path, "train/ant", "train/bee")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/more.json").write_text("{}")
    assert open_data(tmp_path).classes == ("ant", "bee")


def test_masks_in_parts_by_other_words(tmp_path):
    for part in ("Training", "Testing"):
        plant(tmp_path, f"{part}/images")
        (tmp_path / part / "masks").mkdir()
        for number in range(2):
            mask = Image.new("L", (5, 4))
            mask.putpixel((1, 1), number + 1)
            mask.save(tmp_path / part / "masks" / f"{number}.png")
    data = open_data(tmp_path)
    assert set(data.parts.tolist()) == {TRAIN, TEST}
    assert any("Training/ is taken for the training part" in note for note in data.notes)


def test_folders_of_folders_beside_folders_of_images_are_a_doubt(tmp_path):
    """Parts in a language that nobody here speaks, of which one has no classes."""
    plant(tmp_path, "entrenamiento/ant", "entrenamiento/bee", "prueba")
    data = open_data(tmp_path)
    assert data.classes == ("entrenamiento", "prueba")
    (doubt,) = doubts(data)
    assert doubt.startswith(
        "entrenamiento/ holds ant/, bee/ and no images of its own, while prueba/"
    )
    (tmp_path / "classes.txt").write_text("entrenamiento\nprueba\n")
    assert not doubts(open_data(tmp_path))


@pytest.mark.parametrize("above", ["data", "data/images", "a/b/c"])
def test_classes_deeper_down_are_to_be_opened_there(tmp_path, above):
    plant(tmp_path, f"{above}/ant", f"{above}/bee")
    with pytest.raises(DataError, match="holds one folder") as caught:
        open_data(tmp_path)
    assert caught.value.remedy == f"Open {tmp_path}/{above} instead."
    assert open_data(tmp_path / above).classes == ("ant", "bee")
