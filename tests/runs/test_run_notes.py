"""What training says of data that would make a wrong model, in the words of `check`; and which task
it took them for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.check.check import check
from vitreous.data.formats.open import open as open_data
from vitreous.files import read_json
from vitreous.progress.progress import Progress
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import train

RANDOM = np.random.default_rng(0)


class Heard(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def heard(data: Any, **fields: Any) -> tuple[list[str], list[str]]:
    """What is said while training, and what is written into scores.json."""
    shown = Heard()
    run = train(data, model="linear", epochs=1, progress=shown, **fields)
    return shown.notes, read_json(run.folder.scores)["notes"]


def images(count: int) -> np.ndarray:
    return RANDOM.integers(0, 255, (count, 8, 8), np.uint8)


def archive(**arrays: np.ndarray) -> str:
    np.savez("data.npz", **arrays)
    return "data.npz"


def test_a_class_without_training_images(place: Path) -> None:
    data = archive(
        x_train=images(40), y_train=np.arange(40) % 2, x_test=images(30), y_test=np.arange(30) % 3
    )
    during, after = heard(data)
    finding = check(data).of("missing in train")
    assert finding is not None
    expected = [note for note in during if note.startswith(finding.message)]
    assert len(expected) == 1
    assert "(2)" in expected[0]
    assert expected[0] in after


def test_copies_that_contradict_each_other(place: Path) -> None:
    pixels = images(60)
    pixels[1:7:2] = pixels[0:6:2]
    during, after = heard((pixels, np.arange(60) % 2))
    assert any(note.startswith("3 images have copies with another label") for note in during)
    assert any("3 images have copies with another label" in note for note in after)


def test_groups_that_parts_divide(place: Path) -> None:
    data = open_data(
        archive(
            x_train=images(40),
            y_train=np.arange(40) % 2,
            x_test=images(40),
            y_test=np.arange(40) % 2,
        )
    )
    data.groups = np.arange(80) % 40
    during, _ = heard(data)
    assert any(note.startswith("40 groups have images in more than one part") for note in during)


def test_sound_data_say_nothing(place: Path) -> None:
    data = archive(
        **{f"x_{part}": images(60) for part in ("train", "val", "test")},
        **{f"y_{part}": np.arange(60) % 2 for part in ("train", "val", "test")},
    )
    _, after = heard(data)
    assert after == []


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"validation": 0.3, "test": 0.0}, "the validation scores were used for choosing"),
        ({"validation": 0.0, "test": 0.0}, "nothing is held out"),
        ({"validation": 0.0, "test": 0.3}, ""),
    ],
)
def test_an_empty_part_has_no_scores_that_are_too_good(
    shares: dict[str, float], said: str, place: Path
) -> None:
    _, after = heard((images(60), np.arange(60) % 2), **shares)
    about_parts = [note for note in after if "part" in note or "held out" in note]
    about_parts = [note for note in about_parts if "fewer" not in note]
    assert [said in note for note in about_parts] == ([True] if said else [])


def test_advice_is_only_what_the_task_takes(place: Path) -> None:
    truth = np.array([0] * 50 + [1] * 10)
    _, after = heard((images(60), truth), out="one")
    assert any("--balance weights or sampler may help" in note for note in after)
    marks = np.stack([truth, np.ones(60, int)], axis=1)
    _, after = heard((images(60), marks), out="two")
    assert any("--balance weights may help" in note for note in after)
    assert not any("sampler" in note for note in after)


def test_rows_of_0_and_1_are_what_they_are_called(place: Path) -> None:
    rows = np.eye(10, dtype=int)[np.arange(60) % 10]
    during, after = heard((images(60), rows), out="one")
    assert "task: classify; each image has one label" in during
    assert any("exactly one 1" in note for note in after)
    rows[::3, :2] = 1
    during, _ = heard((images(60), rows), out="two")
    assert "task: label; some images have several labels" in during
    rows[:] = np.eye(10, dtype=int)[np.arange(60) % 10]
    rows[::3] = 0
    during, _ = heard((images(60), rows), out="three")
    assert "task: label; some images have no label" in during


def test_a_classifier_is_measured_on_rows_with_one_1_each(place: Path) -> None:
    """They were refused as "images with several labels"."""
    pixels, truth = images(60), np.arange(60) % 3
    run = train((pixels, truth), model="linear", epochs=1)
    rows = evaluate(run.model, (pixels, np.eye(3, dtype=int)[truth]), split="all")
    numbers = evaluate(run.model, (pixels, truth), split="all")
    assert rows.scores["all"].accuracy == numbers.scores["all"].accuracy


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(60), "60 different labels, all of them numbers"),
        (np.array([f"p{n}" for n in range(60)]), "different labels: are these classes"),
        ((np.arange(60) % 3).astype(float), "'value' has 3 different values, all of them whole"),
        (np.arange(60) % 3, ""),
        (np.linspace(0, 1, 60), ""),
    ],
    ids=["numbers", "words", "floats", "classes", "quantities"],
)
def test_a_guess_that_is_in_doubt_is_said(labels: np.ndarray, said: str, place: Path) -> None:
    during, after = heard((images(60), labels))
    doubts = [note for note in during if "different" in note]
    assert len(doubts) == bool(said)
    assert all(re.search(said, note) for note in doubts)
    assert all(note in after for note in doubts)


def test_what_a_task_was_taken_for_is_always_said(place: Path) -> None:
    during, _ = heard((images(60), np.arange(60) % 2))
    assert "task: classify; each image has one label" in during
