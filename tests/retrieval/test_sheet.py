"""Contact sheets: every found image is on them, and nothing else is loaded."""

from __future__ import annotations

import re
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFont

from vitreous.data.formats.open import open as open_data
from vitreous.errors import UsageError
from vitreous.inference.model_file import Bundle
from vitreous.retrieval import search
from vitreous.retrieval.sheet import SIDE, _font, sheet


def test_a_page_with_every_match(photos: Path, seeing: Bundle) -> None:
    query, dataset = photos / "red" / "3.png", open_data(photos)
    found = search(seeing, dataset, query, top=7)
    page = sheet(found, dataset, query, Path("sheet.html")).decode()
    assert page.count("<li><figure>") == 7
    assert all(match.path in page for match in found.matches)
    assert "Mean average precision" in page
    assert "100.0\u202f%" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_a_picture_with_every_match(photos: Path, seeing: Bundle) -> None:
    query, dataset = photos / "blue" / "3.png", open_data(photos)
    sizes = []
    for top in (1, 4, 5):
        found = search(seeing, dataset, query, top=top)
        with Image.open(BytesIO(sheet(found, dataset, query, Path("a.PNG")))) as image:
            sizes.append(image.size)
            colors = [image.getpixel((48 + SIDE // 2, 48 + 96 + SIDE // 2))]
        assert all(b > r for r, _, b in colors)  # the query is blue
    assert sizes[1] == (48 * 2 + SIDE + 2 * 24 + 4 * SIDE + 3 * 24, sizes[1][1])
    assert sizes[0][0] < sizes[1][0] == sizes[2][0]
    assert sizes[0][1] == sizes[1][1] < sizes[2][1]


@pytest.mark.parametrize("found", ["matplotlib", "system", None])
def test_text_is_written_in_the_best_font_that_is_there(
    found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DejaVu of Matplotlib or of the system; with neither, Pillow's own."""
    files = find_spec("matplotlib")
    assert files is not None
    assert files.origin is not None
    folder = Path(files.origin).parent / "mpl-data" / "fonts" / "ttf"
    if found != "matplotlib":
        monkeypatch.setattr("vitreous.retrieval.sheet.find_spec", lambda name: None)
    truetype = ImageFont.truetype

    def system(name: Any, *given: Any, **options: Any) -> ImageFont.FreeTypeFont:
        if found is None and isinstance(name, str):
            raise OSError("cannot open resource")
        return truetype(folder / name if isinstance(name, str) else name, *given, **options)

    monkeypatch.setattr(ImageFont, "truetype", system)
    font = _font(20, bold=True)
    expected = ("Aileron", "Regular") if found is None else ("DejaVu Sans", "Bold")
    assert font.getname() == expected
    assert font.size == 20


def test_an_image_that_is_gone_leaves_its_place(photos: Path, seeing: Bundle) -> None:
    query, dataset = photos / "red" / "3.png", open_data(photos)
    found = search(seeing, dataset, query, top=3)
    (photos / found.matches[1].path).unlink()
    assert "cannot be read any more" in sheet(found, dataset, query, Path("a.html")).decode()
    assert sheet(found, dataset, query, Path("a.png")).startswith(b"\x89PNG")


def test_hostile_names_are_escaped(photos: Path, seeing: Bundle) -> None:
    evil = photos / "red" / '"><img src=x onerror=alert(1)>.png'
    (photos / "red" / "3.png").rename(evil)
    dataset = open_data(photos)
    found = search(seeing, dataset, evil, top=2)
    assert "<img src=x" not in sheet(found, dataset, evil, Path("a.html")).decode()


def test_other_formats_are_refused(photos: Path, seeing: Bundle) -> None:
    query, dataset = photos / "red" / "3.png", open_data(photos)
    found = search(seeing, dataset, query, top=2)
    with pytest.raises(UsageError, match=r"\.pdf"):
        sheet(found, dataset, query, Path("sheet.pdf"))
