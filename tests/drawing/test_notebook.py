"""What notebooks show: escaped, self-contained, and images that can be decoded."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
from PIL import Image

import vitreous as vt
from vitreous.drawing.notebook import framed, row


class Attributes(HTMLParser):
    """The attributes of every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_in_a_frame_comes_back_whole() -> None:
    page = '<!doctype html><p class="a">1 < 2 & "three"</p><script>alert(1)</script>'
    ((tag, attributes),) = Attributes(framed(page)).found
    assert (tag, attributes["srcdoc"]) == ("iframe", page)
    assert "allow-scripts" not in str(attributes["sandbox"])


def test_pictures_in_a_row() -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, shape, np.uint8) for shape in ((8, 8, 1), (300, 200, 3))]
    text = row("two <images>", zip(images, ("<b>", "cat"), strict=True))
    assert "two &lt;images&gt;" in text
    assert "<b>" not in text
    pictures = [a for tag, a in Attributes(text).found if tag == "img"]
    assert [p["alt"] for p in pictures] == ["<b>", "cat"]
    decoded = [
        Image.open(io.BytesIO(b64decode(re.sub("^.*?,", "", str(p["src"]))))) for p in pictures
    ]
    np.testing.assert_array_equal(np.asarray(decoded[0]), images[0][..., 0])
    assert max(decoded[1].size) == 192


def test_a_data_set_shows_itself() -> None:
    digits = vt.open("digits")
    assert repr(digits).startswith("ArrayDataset('digits', 1,797 images of 1 channel: class;")
    assert digits._repr_html_().count("<img") == 8
    few = vt.open((np.zeros((2, 8, 8, 3), np.uint8), None))
    assert "2 images of 3 channels: no targets" in repr(few)
    assert few._repr_html_().count("<img") == 2
