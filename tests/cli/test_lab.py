"""Experiments by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run
from vitreous.labs import experiments as table
from vitreous.labs.course import COURSE
from vitreous.labs.syllabus import DEMONSTRATIONS


def test_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab"]) == 0
    out = capsys.readouterr().out
    assert all(lab.row in out and lab.name in out and lab.title in out for lab in COURSE)
    assert all(name in out and claims in out for name, claims in DEMONSTRATIONS.items())


def test_one_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "book"
    assert run(["lab", "g7", "--out", str(book)]) == 0
    out = capsys.readouterr().out
    assert "gradient at z = 8, target 0: 0.9997" in out  # σ(8)
    assert "The claim holds" in (book / "G7.html").read_text("utf-8")
    assert run(["lab", "saturation", "--out", str(book), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True


def test_a_photo_is_painted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    y, x = np.mgrid[0:64, 0:64]
    photo = np.stack([x * 4, y * 4, 255 - x * 4], axis=2).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(table, "SIDE", 24)
    monkeypatch.setattr(table, "GAUSSIANS", 30)
    monkeypatch.setattr(table, "STEPS", 100)
    assert run(["lab", "painting", "photo.png"]) == 0
    decibels = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert decibels[-1] > decibels[0] + 5
    with Image.open("painting.gif") as film:
        assert film.n_frames > 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "splatt"], "splat"),
        (["lab", "X44"], "X4"),
        (["lab", "G7", "--data", "digits"], "makes its own data"),
        (["lab", "painting", "--data", "digits"], "makes its own data"),
        (["lab", "painting"], "photo.jpg"),
        (["lab", "multi-task", "--out", "a.png"], "draws no picture"),
        (["lab", "language", "--full"], "one size"),
        (["lab", "X6", "--prompt", "Alice"], "writes no text"),
        (["lab", "splat", "photo.jpg"], "takes no image"),
        (["lab", "language", "--out", "language.txt"], ".png"),
        (["lab", "painting", "photo.jpg", "--out", "film.png"], ".gif"),
    ],
)
def test_wrong_words_are_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_missing_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", "language", "--out", str(tmp_path / "missing" / "x.png")]) == 1
    out, err = capsys.readouterr()
    assert "Make the folder first" in err
    assert not out
