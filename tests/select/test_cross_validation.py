"""Cross-validation: every image is answered once, by a model that has not seen it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from vitreous.cli.main import run as command
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset, from_arrays
from vitreous.data.splits.folds import folds, resampled
from vitreous.errors import RunError, UsageError
from vitreous.files import read_table
from vitreous.recipes.recipe import Recipe
from vitreous.select import cross_validation, search_folder
from vitreous.select.cross_validation import corrected, cross_validate, planned

QUICK = {"model": "knn", "progress": False}


def stripes(count: int = 36, seed: int = 0) -> ArrayDataset:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = generator.integers(0, 255, (count, 16, 16), np.uint8)
    images[labels == 1, ::2] //= 6
    images[labels == 2, :, ::2] //= 6
    return from_arrays(images, labels)


@pytest.fixture(autouse=True)
def own_place(place: Path) -> Path:
    return place


def test_each_image_is_answered_once(tmp_path: Path) -> None:
    data = stripes()
    found = cross_validate(data, folds=3, out=tmp_path / "cv", **QUICK)
    rows = read_table(found.predictions, ("path", "fold", "label", "predicted"))
    assert sorted(row["path"] for row in rows) == sorted(data.id(i) for i in range(len(data)))
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert found.mean == pytest.approx(right)
    assert found.interval is not None
    assert found.interval[0] <= found.mean <= found.interval[1]
    for number, run in enumerate(sorted((tmp_path / "cv").glob("fold*")), 1):
        parts = {row["path"]: row["split"] for row in read_table(run / "split.csv", ("path",))}
        asked = {row["path"] for row in rows if row["fold"] == f"fold{number:03}"}
        assert asked == {path for path, part in parts.items() if part == "test"}
    assert found.final is not None
    assert found.final.model.training["examples"] == {"train": 36, "validation": 0, "test": 0}
    assert json.loads((tmp_path / "cv" / "cv.json").read_text())["folds"][2]["images"] == 12


def test_it_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = stripes(), tmp_path / "cv"
    learn, calls = search_folder.train, []

    def killed_at_the_second(*arguments: object, **fields: object) -> object:
        calls.append(fields["out"])
        if len(calls) == 2:
            Path(str(fields["out"])).mkdir()  # a folder, and nothing in it yet
            raise KeyboardInterrupt
        return learn(*arguments, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(search_folder, "train", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(data, folds=3, refit=False, out=out, **QUICK)
    found = cross_validate(data, folds=3, refit=False, out=out, **QUICK)
    assert [Path(str(one)).name for one in calls] == ["fold001", "fold002", "fold002", "fold003"]
    whole = cross_validate(data, folds=3, refit=False, out=tmp_path / "other", **QUICK)
    assert whole.predictions.read_bytes() == found.predictions.read_bytes()
    count = len(calls)
    cross_validate(data, folds=3, refit=False, out=out, **QUICK)  # nothing is left to do
    assert len(calls) == count
    with pytest.raises(RunError, match="other data, settings or folds"):
        cross_validate(data, folds=4, out=out, **QUICK)


def test_leaving_one_out_is_as_many_folds_as_images() -> None:
    data = stripes(9)
    one_out, nine = folds(data, None), folds(data, 9)
    assert len(one_out) == 9
    for (a, b), (c, d) in zip(one_out, nine, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
        assert len(b) == 1


def test_folds_are_a_matter_of_content_and_seed() -> None:
    data = stripes()
    order = np.random.default_rng(1).permutation(len(data))
    shuffled = from_arrays(data.pixels[order], data.targets["class"].gather(order))
    for (_, one), (_, other) in zip(folds(data, 4), folds(shuffled, 4), strict=True):
        assert {*one.tolist()} == {*order[other].tolist()}
        counts = np.bincount(data.targets["class"].gather(one))
        assert (counts == 3).all()  # stratified
    assert [one.tolist() for _, one in folds(data, 4)] != [
        one.tolist() for _, one in folds(data, 4, seed=1)
    ]


def test_samples_with_replacement() -> None:
    data = stripes(300)
    shares = []
    for drawn, often, rest in resampled(data, 20):
        assert often.sum() == 300
        assert {*drawn.tolist()} | {*rest.tolist()} == {*range(300)}
        assert not {*drawn.tolist()} & {*rest.tolist()}
        shares.append(len(rest) / 300)
    assert np.mean(shares) == pytest.approx(1 / np.e, abs=0.02)
    weights = cross_validation.weighted(data, next(iter(planned(data, Recipe(), 5, 1, 1)))).weights
    assert weights is not None
    assert weights.max() > 1


def test_more_folds_than_a_class_has_images() -> None:
    data = stripes(30)
    labels = data.targets["class"].gather(np.arange(30))
    labels[labels == 2] = 0
    labels[:2] = 2
    few = from_arrays(data.pixels, labels)
    with pytest.raises(UsageError, match="5 folds, and the class '2' has 2 different images") as e:
        cross_validate(few, folds=5, **QUICK)
    assert "at most 2" in (e.value.remedy or "")
    data.groups = np.arange(30) // 15
    with pytest.raises(UsageError, match="5 folds of 2"):
        cross_validate(data, folds=5, **QUICK)


def test_a_group_is_in_one_fold_and_a_test_part_in_none() -> None:
    data = stripes(60)
    data.groups = np.arange(60) // 5
    data.parts[50:] = Part.TEST
    seen = []
    for fold in planned(data, Recipe(), 2, 1, 0):
        assert not {*data.groups[fold.training]} & {*data.groups[fold.held_out]}
        seen += fold.held_out.tolist()
    assert sorted(seen) == [*range(50)]


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    values = np.array([0.8, 0.9, 0.85, 0.95])
    low, high = corrected(values, 1 / 3, 0.875) or (0, 0)
    reach = t.ppf(0.975, 3) * np.sqrt((1 / 4 + 1 / 3) * values.var(ddof=1))
    assert (low, high) == pytest.approx((0.875 - reach, 0.875 + reach))
    assert corrected(values[:1], 0.5, 0.8) is None


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["cv", "digits", "--folds", "one"]) == 2
    assert "all to leave one out" in capsys.readouterr().err
    assert command(["cv", "digits", "--folds", "500", "--model", "knn", "--quiet"]) == 2
    assert "different images: not one for each fold" in capsys.readouterr().err
