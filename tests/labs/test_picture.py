"""Pictures of the experiments: checked before the work, written whole or not at all."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import matplotlib
import pytest
import torch
from PIL import Image

from vitreous.errors import StorageError, UsageError
from vitreous.labs import picture
from vitreous.labs.painting import film, paint
from vitreous.labs.picture import canvas, check


def plot(path: Path) -> Path:
    """A line, as the experiments draw theirs."""
    with canvas(path, 3, 2, dpi=80) as made:
        made.add_subplot().plot([0, 1])
    return path


def test_colors_are_those_of_the_pages_and_end_with_the_figure(tmp_path: Path) -> None:
    css = resources.files("vitreous.drawing").joinpath("templates/colors.css").read_text("utf-8")
    day = css[: css.index("@media")]
    for name in ("paper", "rule", "ink", "quiet"):
        assert f"--{name}: {getattr(picture, name.upper())};" in day
    assert f"--s1: {picture.FIRST};" in day
    assert f"--s3: {picture.THIRD};" in day
    for name in ("right", "wrong"):
        color = bytes.fromhex(getattr(picture, name.upper())[1:])
        assert f"--{name}: {' '.join(map(str, color))};" in day
    before = dict(matplotlib.rcParams)
    with Image.open(plot(tmp_path / "line.png")) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (251, 250, 247)
    assert dict(matplotlib.rcParams) == before


def test_an_ending_or_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'\.txt'.*\n.*\.gif"):
        check(tmp_path / "film.txt", "painting.gif")
    with pytest.raises(UsageError, match=r"'\.gif'.*\n.*\.pdf, \.png or \.svg"):
        check(tmp_path / "slopes.gif", "saturation.png")
    with pytest.raises(StorageError, match="Make the folder first"):
        check(tmp_path / "missing" / "slopes.svg", "saturation.png")
    check(tmp_path / "slopes.SVG", "saturation.png")


def test_without_matplotlib_a_figure_names_the_extra_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for ask in (lambda: check(tmp_path / "a.png", "xor.png"), lambda: plot(tmp_path / "a.png")):
        with pytest.raises(UsageError, match="needs the package matplotlib") as error:
            ask()
        assert error.value.remedy == 'pip install "vitreous[plots]"'
    check(tmp_path / "a.gif", "painting.gif")  # films need Pillow alone


def test_what_was_there_stays_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strokes = list(paint(torch.rand(8, 8, 3), 2, steps=2))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vitreous.atomic.os.fsync", full)
    for name, draw in (
        ("slopes.png", plot),
        ("film.gif", lambda path: film(strokes, path)),
    ):
        path = tmp_path / name
        path.write_bytes(b"old")
        with pytest.raises(StorageError, match="Free some space"):
            draw(path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.glob(".*")) == []


def test_every_ending_gives_its_format(tmp_path: Path) -> None:
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    for suffix, start in starts.items():
        assert plot(tmp_path / f"slopes{suffix}").read_bytes().startswith(start)


def test_a_film_of_one_frame(tmp_path: Path) -> None:
    strokes = list(paint(torch.rand(8, 8, 3), 2, steps=4))
    with Image.open(film(strokes, tmp_path / "film.gif", frames=1)) as animation:
        assert animation.n_frames == 1  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="0 frames"):
        film(strokes, tmp_path / "film.gif", frames=0)
