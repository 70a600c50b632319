"""The deep check on data with planted faults: each is named, shown, and can be left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import vitreous as vt
from vitreous.data.boxes import Boxes
from vitreous.data.check.check import check
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.splits.split import split
from vitreous.doctor.deep.deep_check import _folds, deep_check
from vitreous.doctor.deep.deep_findings import DeepFindings, Suspect
from vitreous.doctor.deep.deep_page import deep_page, write_folder

COUNT = 200
WRONG = (7, 30, 91, 150)
NAMES = ("left", "right", "both")


def bars() -> ArrayDataset:
    """Noise with a bar at the left, at the right, or at both sides; four labels are wrong."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 60, (COUNT, 20, 20, 1), dtype=np.uint8)
    labels = np.arange(COUNT) % 3
    for image, label in zip(images, labels, strict=True):
        top = draw.integers(2, 6)
        if label != 1:
            image[top : top + 12, 2:6] += 150
        if label != 0:
            image[top : top + 12, 14:18] += 150
    images[12] = np.clip(images[3] + 3, 0, 255)  # both show a bar at the left
    given = labels.copy()
    given[[*WRONG]] = (given[[*WRONG]] + 1) % 3
    return ArrayDataset("bars", images, {"class": ClassNumbers(given, NAMES)})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> DeepFindings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return deep_check(bars())


def test_wrong_labels_come_first(found: DeepFindings) -> None:
    assert {each.index for each in found.suspects[:4]} == {*WRONG}
    assert len(found.suspects) <= 6
    told = found.findings.of("label errors")
    assert told is not None
    assert told.severity == "warning"
    assert "labeled" in told.examples[0]


def test_a_mirror_that_changes_the_label_is_named(found: DeepFindings) -> None:
    pairs = {(each.change, NAMES[each.one], NAMES[each.other]) for each in found.exchanges}
    assert ("mirrored left to right", "left", "right") in pairs
    assert all({one, other} == {"left", "right"} for _, one, other in pairs)
    kept = {each.change: each.share for each in found.kept}
    assert kept["mirrored upside down"] > 0.9


def test_what_is_wrong_can_be_left_out(found: DeepFindings, tmp_path: Path) -> None:
    kept = found.without_suspects()
    training = found.split.parts == Part.TRAIN
    gone = np.flatnonzero(training & (kept.parts == Part.UNASSIGNED))
    suspects = {each.index for each in found.suspects}
    assert set(gone.tolist()) == {index for index in suspects if training[index]}
    assert (kept.parts[~training] == found.split.parts[~training]).all()
    paths = write_folder(found, tmp_path / "checked")
    assert [path.name for path in paths] == ["index.html", "findings.json", "suspicious.csv"]
    with paths[2].open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["path"] for row in rows] == [each.id for each in found.suspects]
    written = json.loads(paths[1].read_text())
    assert written["suspects"][0]["label"] in NAMES
    assert written["label_changes"][0]["one"] in NAMES


def test_the_page_shows_them(found: DeepFindings) -> None:
    page = deep_page(found)
    assert page.count("<img") >= len(found.suspects)
    assert "Five challenges" in page
    assert "become each other, mirrored left to right" in page


def test_all_five_challenges_are_measured(found: DeepFindings) -> None:
    assert [each.name for each in found.challenges] == [
        "dimensionality", "ambiguity", "transformations", "variability", "perceptual similarity",
    ]  # fmt: skip


def test_data_without_classes_are_looked_at_as_far_as_they_go(place: Path) -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 255, (120, 40, 40, 3), dtype=np.uint8)
    images[100] = images[5, :, ::-1]
    boxes = Boxes.of([np.array([[1, 1, 9, 9, 0]])] * 120, ("thing",))
    told = deep_check(ArrayDataset("things", images, {"box": boxes}))
    assert [(pair.one, pair.other, pair.how) for pair in told.copies] == [
        (5, 100, "mirrored left to right")
    ]
    assert any("need one class for each image" in words for words in told.skipped)
    assert told.suspects == ()
    assert told.shift is None or told.shift.interval[0] < 0.6
    assert "dimensionality" in told.text()
    assert "(mirrored left to right)" in told.text()


def test_files_without_the_suspicious_ones_can_be_trained_on(photos: Path, place: Path) -> None:
    dataset = vt.open(photos)
    parts = split(dataset)
    learned = int(parts.indices(Part.TRAIN)[0])
    asked = int(parts.indices(Part.TEST)[0])
    suspects = tuple(
        Suspect(index, dataset.id(index), part, "ant", "bee", 0.1, 0.9)
        for index, part in ((learned, "train"), (asked, "test"))
    )
    told = DeepFindings(check(photos), dataset, parts, suspects=suspects)
    paths = write_folder(told, place / "checked")
    kept = vt.open(paths[-1])
    assert paths[-1].name == "parts.csv"
    assert len(kept) == len(dataset) - 1
    names = {kept.id(index).rpartition("photos/")[2] for index in range(len(kept))}
    assert dataset.id(learned) not in names
    assert dataset.id(asked) in names
    assert (kept.parts == Part.TEST).sum() == len(parts.indices(Part.TEST))
    assert not (kept.parts == Part.UNASSIGNED).any()


def test_too_few_groups_to_hold_apart_are_said() -> None:
    data = bars()
    data.groups = np.arange(COUNT) % 3
    skipped: list[str] = []
    assert _folds(data, np.arange(COUNT), 0, skipped) == []
    assert skipped == [
        "label errors and changes of labels: 5 folds of 3 different images cannot be held apart"
    ]
