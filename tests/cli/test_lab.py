"""Experiments by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run
from vitreous.labs import experiments as table
from vitreous.labs.experiments import LABS


def test_they_are_listed_with_what_they_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab"]) == 0
    out = capsys.readouterr().out
    assert all(name in out and experiment.claims in out for name, experiment in LABS.items())


def test_the_saturation_of_a_unit_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "slopes.png"
    assert run(["lab", "saturation", "--out", str(picture)]) == 0
    assert "cross-entropy 0.9997" in capsys.readouterr().out  # σ(8)
    with Image.open(picture) as image:
        assert image.size[0] > 300


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
        (["lab", "painting"], "photo.jpg"),
        (["lab", "splat", "--out", "splat.png"], "draws no picture"),
        (["lab", "splat", "photo.jpg"], "takes no image"),
        (["lab", "saturation", "--out", "slopes.txt"], ".png"),
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
    assert run(["lab", "saturation", "--out", str(tmp_path / "missing" / "x.png")]) == 1
    out, err = capsys.readouterr()
    assert "Make the folder first" in err
    assert not out


def test_the_planted_gaussian_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "splat"]) == 0
    assert capsys.readouterr().out.count("20 of 20") == 2
