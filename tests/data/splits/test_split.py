from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitreous.data.columns import ClassNumbers, Marks, Numbers
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset, digits, from_arrays
from vitreous.data.formats.class_folders import open_folder
from vitreous.data.formats.manifest import open_manifest
from vitreous.data.formats.open import open
from vitreous.data.maps import Maps
from vitreous.data.splits.split import Split, split
from vitreous.errors import DataError, UsageError

TRAIN, VALIDATION, TEST = Part.TRAIN, Part.VALIDATION, Part.TEST


def dataset(contents, labels, *, groups=None, parts=None, classes=None):
    """One image of 2 x 4 pixels for each content number; equal numbers are equal images."""
    contents = np.asarray(contents, np.int64)
    images = contents.reshape(-1, 1).view(np.uint8).reshape(-1, 2, 4, 1)
    labels = np.asarray(labels)
    count = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=0)) + 1
    classes = classes or [f"class{number:03}" for number in range(count)]
    column = (Marks if labels.ndim == 2 else ClassNumbers)(labels, classes)
    data = ArrayDataset(
        "numbers", images, {"class": column}, parts=None if parts is None else np.int8(parts)
    )
    data.groups = None if groups is None else np.asarray(groups, np.int64)
    return data


def by_content(contents, result):
    return dict(zip(np.asarray(contents).tolist(), result.parts.tolist(), strict=True))


labels_of_many = st.lists(st.integers(0, 4), min_size=1, max_size=120)
properties = settings(max_examples=60, deadline=None)


@properties
@given(labels_of_many, st.integers(0, 3), st.sampled_from([(0.15, 0.15), (0.3, 0), (0, 0.2)]))
def test_parts_are_disjoint_and_cover_everything(labels, seed, shares):
    result = split(
        dataset(range(len(labels)), labels), validation=shares[0], test=shares[1], seed=seed
    )
    indices = [result.indices(part) for part in (TRAIN, VALIDATION, TEST)]
    assert sorted(np.concatenate(indices).tolist()) == list(range(len(labels)))
    assert all((np.diff(each) > 0).all() for each in indices)
    assert result.sizes()["train"] == len(indices[0])
    assert result.leaks == ()
    assert result.unreadable == ()


@properties
@given(labels_of_many, st.integers(0, 3))
def test_every_class_that_can_be_is_in_every_part(labels, seed):
    result = split(dataset(range(len(labels)), labels), seed=seed)
    for label in set(labels):
        parts = result.parts[np.asarray(labels) == label]
        assert TRAIN in parts
        if len(parts) >= 3:
            assert {VALIDATION, TEST} <= set(parts.tolist())


@properties
@given(labels_of_many, st.randoms(use_true_random=False))
def test_order_and_names_do_not_matter(labels, random):
    contents = list(range(len(labels)))
    result = split(dataset(contents, labels))
    order = contents.copy()
    random.shuffle(order)
    shuffled = split(dataset(order, [labels[index] for index in order]))
    assert by_content(order, shuffled) == by_content(contents, result)


@properties
@given(st.integers(30, 120), st.integers(1, 60))
def test_added_images_move_nothing(before, more):
    """Classes of 30 and more have all parts by themselves here, so that none is completed."""
    labels = np.arange(before + more) % 1
    small, large = dataset(range(before), labels[:before]), dataset(range(before + more), labels)
    shares = {"validation": 0.3, "test": 0.3}
    first, second = split(small, **shares), split(large, **shares)
    moved = np.count_nonzero(first.parts != second.parts[:before])
    assert moved == 0


@properties
@given(labels_of_many, st.integers(0, 4), st.integers(0, 3))
def test_one_more_image_moves_at_most_one_of_a_class_and_part(labels, label, seed):
    before = split(dataset(range(len(labels)), labels), seed=seed)
    after = split(dataset(range(len(labels) + 1), [*labels, label]), seed=seed)
    moved = np.flatnonzero(before.parts != after.parts[: len(labels)])
    assert all(labels[index] == label for index in moved)
    assert len(moved) <= 2


@properties
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3)), min_size=1, max_size=80))
def test_copies_stay_together(examples):
    contents, labels = zip(*examples, strict=True)
    result = split(dataset(contents, labels))
    assert result.leaks == ()
    for content in set(contents):
        assert len(set(result.parts[np.asarray(contents) == content].tolist())) == 1


@properties
@given(
    st.lists(
        st.tuples(st.integers(0, 25), st.integers(-9, 9), st.integers(0, 3)),
        min_size=1,
        max_size=80,
    ),
    st.randoms(use_true_random=False),
)
def test_groups_and_copies_stay_together_in_any_order(examples, random):
    def parts(rows):
        contents, groups, labels = zip(*rows, strict=True)
        return split(dataset(contents, labels, groups=groups)).parts.tolist()

    found = parts(examples)
    for column in (0, 1):
        for value in {row[column] for row in examples}:
            assert (
                len({p for p, row in zip(found, examples, strict=True) if row[column] == value})
                == 1
            )
    shuffled = examples.copy()
    random.shuffle(shuffled)
    assert dict(zip(shuffled, parts(shuffled), strict=True)) == dict(
        zip(examples, found, strict=True)
    )


@properties
@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=60))
def test_several_labels_an_image(marks):
    marks = np.array(marks, np.uint8)
    result = split(dataset(range(len(marks)), marks))
    assert sum(result.sizes().values()) == len(marks)
    for label in range(3):
        parts = result.parts[marks[:, label] == 1]
        assert len(parts) == 0 or TRAIN in parts


def test_shares_are_met_in_every_class():
    """A share of a binomial count: within 4 standard deviations in each of 10 classes."""
    labels = np.repeat(np.arange(10), 2000)
    result = split(dataset(range(20_000), labels), validation=0.15, test=0.1)
    for part, share in ((VALIDATION, 0.15), (TEST, 0.1)):
        counts = np.bincount(labels[result.indices(part)], minlength=10)
        assert np.abs(counts - 2000 * share).max() < 4 * np.sqrt(2000 * share * (1 - share))


def test_another_seed_gives_another_split():
    data = digits()
    one, two, again = split(data), split(data, seed=1), split(data)
    assert (one.parts != two.parts).mean() > 0.2
    assert (one.parts == again.parts).all()


def test_the_split_of_digits_is_known():
    """The split is part of what a run means: it may not change from one version to the next."""
    result = split(digits())
    assert result.sizes() == {"train": 1289, "validation": 244, "test": 264}
    assert result.describe() == "1,289 train, 244 validation, 264 test"
    assert result.sha256(TEST) == (
        "2bfe2d60510fe8a22b37a76b20397af959ee23a6fe2904d6b9c4fe2b971654c9"
    )


def test_sha256_is_that_of_the_indices():
    result = Split(np.int8([0, 1, 0]))
    expected = hashlib.sha256(b"\0" * 8 + b"\2" + b"\0" * 7).hexdigest()
    assert result.sha256(TRAIN) == expected


# Parts that the data set prescribes


def test_train_and_validation_given_no_test_is_invented():
    parts = [TRAIN] * 40 + [VALIDATION] * 10
    result = split(dataset(range(50), [0] * 50, parts=parts))
    assert result.parts.tolist() == parts


def test_train_and_test_given_validation_is_carved_from_train():
    parts = [TRAIN] * 200 + [TEST] * 20
    result = split(dataset(range(220), [0] * 220, parts=parts))
    assert (result.parts[200:] == TEST).all()
    sizes = result.sizes()
    assert sizes["test"] == 20
    assert 10 < sizes["validation"] < 60


def test_all_given():
    parts = [TRAIN, VALIDATION, TEST] * 5
    assert split(dataset(range(15), [0] * 15, parts=parts)).parts.tolist() == parts


def test_train_alone_is_split_like_any_folder():
    same = dataset(range(100), [0] * 100)
    given = dataset(range(100), [0] * 100, parts=[TRAIN] * 100)
    assert (split(given).parts == split(same).parts).all()


def test_rows_without_a_part_join_the_training_part():
    parts = [TRAIN] * 5 + [VALIDATION] * 5 + [TEST] * 5 + [Part.UNASSIGNED] * 5
    result = split(dataset(range(20), [0] * 20, parts=parts))
    assert (result.parts[15:] == TRAIN).all()
    assert (result.parts[:15] == parts[:15]).all()


def test_leaks_between_prescribed_parts_are_listed():
    parts = [TRAIN] * 4 + [VALIDATION] * 2 + [TEST] * 3
    contents = [1, 2, 3, 3, 9, 2, 3, 7, 9]
    result = split(dataset(contents, [0] * 9, parts=parts))
    assert set(result.leaks) == {(1, 5), (2, 6), (4, 8)}
    assert result.parts.tolist() == parts


# Small and odd sets


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images(count):
    result = split(dataset(range(count), [0] * count))
    assert TRAIN in result.parts
    if count == 3:
        assert set(result.parts.tolist()) == {TRAIN, VALIDATION, TEST}


def test_identical_images_cannot_be_in_several_parts():
    assert len(set(split(dataset([5] * 10, [0] * 10)).parts.tolist())) == 1


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.1, 1.0), (0.5, 0.5), (float("nan"), 0.1)])
def test_impossible_shares(shares):
    with pytest.raises(UsageError):
        split(dataset(range(9), [0] * 9), validation=shares[0], test=shares[1])


def test_images_that_cannot_be_read_are_in_no_part(tmp_path):
    for number in range(6):
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir(exist_ok=True)
            color = (number, 9, len(name))
            Image.new("RGB", (2, 2), color).save(tmp_path / name / f"{name}{number}.png")
    (tmp_path / "cat/gone.jpg").symlink_to(tmp_path / "nowhere")
    result = split(open_folder(tmp_path))
    (bad,) = result.unreadable
    assert bad.id == "cat/gone.jpg"
    assert result.parts[bad.index] == Part.UNASSIGNED
    assert result.sizes()["unassigned"] == 1


# Renamed files, written and read again


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    for number in range(20):
        for shade, name in enumerate(("cat", "dog")):
            (tmp_path / "photos" / name).mkdir(exist_ok=True, parents=True)
            image = Image.new("RGB", (3, 2), (number, shade, 7))
            image.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_renaming_moves_nothing(photos):
    def parts_by_content():
        data = open_folder(photos)
        found = split(data).parts.tolist()
        return {data.digest(index): part for index, part in enumerate(found)}

    before = parts_by_content()
    for path in list(photos.glob("*/*.png")):
        os.rename(path, path.with_name(f"renamed {1000 - int(path.stem)}.PNG"))
    assert parts_by_content() == before


def test_written_and_read(photos, tmp_path):
    data = open_folder(photos)
    result = split(data)
    (tmp_path / "run").mkdir()
    result.write(tmp_path / "run/split.csv", data)
    lines = (tmp_path / "run/split.csv").read_text().splitlines()
    assert lines[0] == "path,label,split"
    assert lines[1].startswith("../photos/cat/0.png,cat,")
    assert (Split.read(tmp_path / "run/split.csv", data).parts == result.parts).all()
    (tmp_path / "run").rename(tmp_path / "moved")
    assert (Split.read(tmp_path / "moved/split.csv", data).parts == result.parts).all()


@pytest.mark.parametrize("prefix", ["absolute", "../photos"])
def test_read_for_a_manifest_whose_paths_lie_elsewhere(photos, tmp_path, prefix):
    prefix = str(photos) if prefix == "absolute" else prefix
    lists = [f"{prefix}/{name}/{n}.png,{name}" for n in range(20) for name in ("cat", "dog")]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/all.csv").write_text("\n".join(["path,label", *lists]))
    data = open_manifest(tmp_path / "lists/all.csv")
    result = split(data)
    (tmp_path / "else/where").mkdir(parents=True)
    result.write(tmp_path / "else/where/split.csv", data)
    assert (Split.read(tmp_path / "else/where/split.csv", data).parts == result.parts).all()


def test_several_labels_survive_writing(photos, tmp_path):
    """None at all, one, classes without an image, and names that hold a separator."""
    lists = [f"{n}.png,{n % 2},0,{n % 4 == 0:d},0" for n in range(20)]
    (photos / "cat/all.csv").write_text("\n".join(["path,fur,a;b,one|two,none", *lists]))
    data = open_manifest(photos / "cat/all.csv")
    result = split(data)
    result.write(tmp_path / "split.csv", data)
    again = open(tmp_path / "split.csv")
    assert isinstance(again.targets["class"], Marks)
    assert again.classes == data.classes
    assert (again.targets["class"].array == data.targets["class"].array).all()
    assert (again.parts == result.parts).all()


def test_a_written_split_can_be_opened(photos, tmp_path):
    data = open_folder(photos)
    result = split(data)
    result.write(tmp_path / "split.csv", data)
    again = open(tmp_path / "split.csv")
    assert (again.parts == result.parts).all()
    assert again.classes == data.classes
    assert (again.targets["class"].array == data.targets["class"].array).all()
    assert (split(again).parts == result.parts).all()


def test_several_labels_and_weights_survive(photos, tmp_path):
    table = tmp_path / "in.csv"
    rows = [f"photos/cat/{n}.png,{'a|b' if n % 2 else 'b'},{n / 4}" for n in range(20)]
    table.write_text("\n".join(["path,label,weight", *rows]))
    data = open_manifest(table)
    result = split(data)
    result.write(tmp_path / "out.csv", data)
    again = open_manifest(tmp_path / "out.csv")
    assert (again.targets["class"].array == data.targets["class"].array).all()
    assert (again.weights == data.weights).all()
    assert (again.parts == result.parts).all()


def test_arrays_are_written_by_their_ids(tmp_path):
    data = digits()
    result = split(data)
    result.write(tmp_path / "split.csv", data)
    assert (Split.read(tmp_path / "split.csv", data).parts == result.parts).all()


def test_a_split_of_other_data_is_refused(photos, tmp_path):
    data = open_folder(photos)
    split(data).write(tmp_path / "split.csv", data)
    (photos / "cat/0.png").rename(photos / "cat/00.png")
    with pytest.raises(DataError, match=r"lists .*0\.png where cat/00\.png is expected"):
        Split.read(tmp_path / "split.csv", open_folder(photos))
    (photos / "cat/00.png").unlink()
    with pytest.raises(DataError, match="lists 40 images of 39"):
        Split.read(tmp_path / "split.csv", open_folder(photos))
    (tmp_path / "split.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no split that can be read"):
        Split.read(tmp_path / "split.csv", data)
    with pytest.raises(DataError, match="no split that can be read"):
        Split.read(tmp_path / "none.csv", data)


@pytest.mark.parametrize("name", ["validation", "test"])
def test_a_share_out_of_range_is_named_as_its_flag(name):
    with pytest.raises(UsageError) as caught:
        split(from_arrays(np.zeros((4, 2, 2)), [0, 1, 0, 1]), **{name: 1.5})
    assert caught.value.where == f"--{name}"


# Other targets than classes


def test_unlabeled_images_and_numbers_are_split_alike():
    contents = range(200)
    one = dataset(contents, [0] * 200)
    parts = split(one).parts
    bare = ArrayDataset("bare", one.pixels, {})
    numbers = ArrayDataset("numbers", one.pixels, {"value": Numbers(np.arange(200.0), ["age"])})
    assert (split(bare).parts == parts).all()
    assert (split(numbers).parts == parts).all()
    assert set(parts.tolist()) == {TRAIN, VALIDATION, TEST}


def test_every_class_of_a_mask_is_in_every_part():
    """A class that three images show is in all three parts, as a label would be."""
    contents = np.arange(60)
    masks = np.zeros((60, 2, 4), np.uint8)
    masks[:3, 0, 0] = 1
    images = dataset(contents, [0] * 60).pixels
    by_mask = split(ArrayDataset("masks", images, {"mask": Maps(masks, "ab")}))
    marks = np.stack([np.ones(60, int), masks[:, 0, 0]], axis=1)
    assert (by_mask.parts == split(dataset(contents, marks)).parts).all()
    assert set(by_mask.parts[:3].tolist()) == {TRAIN, VALIDATION, TEST}


def test_the_first_column_with_classes_decides():
    contents, labels = np.arange(90), np.repeat([0, 1], [87, 3])
    data = dataset(contents, labels)
    numbers = Numbers(np.zeros(90), ["age"])
    both = ArrayDataset("both", data.pixels, {"value": numbers, **data.targets})
    assert (split(both).parts == split(data).parts).all()
