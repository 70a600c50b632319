"""`predict --out FOLDER`: answers as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.drawn_answers import draw, drawn_names
from vitreous.cli.main import run
from vitreous.data.images.mask import read_mask
from vitreous.data.maps import IGNORED
from vitreous.drawing.palette import overlay, palette
from vitreous.errors import UsageError
from vitreous.tasks.mask_answer import Mask


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with data of masks, and a run on them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for number in range(12):
        mask = random.integers(0, 2, (20, 24), np.uint8)
        pixels = (mask * 180 + random.integers(0, 60, mask.shape)).astype(np.uint8)
        for folder, array in (("images", pixels), ("masks", mask)):
            Path("cells", folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(f"cells/{folder}/{number}.png")
    assert run(["train", "cells", "--epochs", "1", "--quiet"]) == 0
    return tmp_path


def test_masks_in_a_folder(desk, capsys):
    capsys.readouterr()
    asked = ["predict", "runs/cells", "cells/images/0.png", "cells/images/1.png", "--quiet"]
    assert run([*asked, "--out", "seen"]) == 0
    names = {path.name for path in Path("seen").iterdir()}
    assert names == {"0.png", "0.jpg", "1.png", "1.jpg", "answers.txt"}
    assert capsys.readouterr().out == ""
    numbers = read_mask("seen/0.png")
    assert numbers.shape == (20, 24)
    assert set(np.unique(numbers)) <= {0, 1}
    assert run([*asked, "--out", "seen", "--json"]) == 0  # the folder is there already
    assert Path("seen/answers.json").is_file()
    assert run([*asked, "--out", "seen.csv", "--csv"]) == 0
    assert Path("seen.csv").read_text().startswith("path,label,score")


def test_a_mask_is_read_as_it_was_written(tmp_path):
    labels = np.array([[0, 1, 2], [IGNORED, 2, 7]], np.uint8)
    (tmp_path / "a.png").write_bytes(Mask(labels, ("a", "b", "c")).png())
    expected = np.where(labels < 3, labels, IGNORED)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), expected)
    colors = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    np.testing.assert_array_equal(colors[0], palette(3))
    assert (colors[1, 0] == 255).all()


def test_the_drawing_is_the_overlay(tmp_path):
    pixels = np.full((16, 16, 3), 90, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    labels = np.zeros((16, 16), np.uint8)
    labels[:, 8:] = 1
    draw(tmp_path / "out", "deep/a", tmp_path / "a.png", Mask(labels, ("a", "b")), channels=3)
    found = np.asarray(Image.open(tmp_path / "out/deep/a.jpg")).astype(int)
    assert np.abs(found - overlay(pixels, labels, 2)).mean() < 3


def test_names_of_drawings():
    assert drawn_names([Path("a/1.png"), Path("b/2.png")]) == {
        Path("a/1.png"): "1",
        Path("b/2.png"): "2",
    }
    twice = [Path("x/a/1.png"), Path("x/b/1.png")]
    assert [*drawn_names(twice).values()] == ["a/1", "b/1"]
    with pytest.raises(UsageError, match=r"a/1\.png and a/1\.jpg would be drawn in one file"):
        drawn_names([Path("a/1.png"), Path("a/1.jpg")])
