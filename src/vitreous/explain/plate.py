"""A plate of pictures: what is seen inside of a network, in a grid, each with a line below it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitreous.drawing.color_scale import rgb
from vitreous.drawing.notebook import row

SIDE = 144  # pixels of the longer side of a picture in the grid
FEW, LARGE = 8, 256  # up to so many pictures are shown so large
ACROSS = 8  # pictures in a line of the grid, at most
GAP, LINE = 10, 18  # pixels between pictures, and of the height of a line of text
INK = (60, 60, 60)


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a plate.

    pixels  (h, w, C) uint8, gray or RGB
    line    what is said below it, in a few words
    sharp   are its pixels to be seen as squares, however much it is enlarged?
    """

    pixels: NDArray[np.uint8]
    line: str = ""
    sharp: bool = True


@dataclass(frozen=True, eq=False)
class Plate:
    """Pictures that belong together. In a notebook it shows itself.

    name      of its file, without an ending
    title     what is seen; says: how it is to be read, a sentence each
    pictures  in their order
    across    pictures in a line; 0 is as many as suit
    facts     the numbers behind them, for JSON
    """

    name: str
    title: str
    pictures: Sequence[Picture]
    says: Sequence[str] = ()
    across: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join([self.title, *(f"  {sentence}" for sentence in self.says)])

    @property
    def side(self) -> int:
        """Pixels of the longer side of a picture in the grid."""
        return LARGE if len(self.pictures) <= FEW else SIDE

    @cached_property
    def shown(self) -> list[Image.Image]:
        """The pictures at the size at which they are looked at."""
        return [_fitted(picture, self.side) for picture in self.pictures]

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """All of them on white, (H, W, 3), with the title above and each line below its picture."""
        count = len(self.pictures)
        suiting = min(ACROSS, count, max(1, math.ceil(math.sqrt(1.6 * count))))
        across = self.across or max(1, suiting)
        down = math.ceil(count / across)
        cell = self.side + GAP, self.side + GAP + LINE
        top = LINE + 2 * GAP
        whole = Image.new("RGB", (GAP + across * cell[0], top + down * cell[1]), "white")
        pen, font = ImageDraw.Draw(whole), ImageFont.load_default(12)
        pen.text((GAP, GAP), _cut(self.title, pen, whole.width - 2 * GAP), fill=INK, font=font)
        for number, (picture, small) in enumerate(zip(self.pictures, self.shown, strict=True)):
            left = GAP + number % across * cell[0]
            upper = top + number // across * cell[1]
            place = left + (self.side - small.width) // 2, upper + (self.side - small.height) // 2
            whole.paste(small, place)
            line = _cut(picture.line, pen, self.side)
            pen.text((left, upper + self.side + 2), line, fill=INK, font=font)
        return np.asarray(whole).copy()

    def png(self) -> bytes:
        file = BytesIO()
        Image.fromarray(self.image).save(file, "PNG", optimize=True)
        return file.getvalue()

    def to_json(self) -> dict[str, Any]:
        lines = [picture.line for picture in self.pictures]
        return {"name": self.name, "title": self.title, "pictures": lines, **self.facts}

    def _repr_html_(self) -> str:
        return row(self.title, [(picture.pixels, picture.line) for picture in self.pictures])

    def __repr__(self) -> str:
        return f"<Plate: {self.title}>"


def _fitted(picture: Picture, side: int) -> Image.Image:
    pixels = rgb(picture.pixels)
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        return image.resize(size, Image.Resampling.LANCZOS)
    if not picture.sharp:
        return image.resize(size, Image.Resampling.BICUBIC)
    # Squares of one size, then means of them: 112 pixels on 144 would else show a grid.
    times = math.ceil(scale)
    squares = image.resize((width * times, height * times), Image.Resampling.NEAREST)
    return squares.resize(size, Image.Resampling.BILINEAR)


def _cut(text: str, pen: ImageDraw.ImageDraw, width: int) -> str:
    """As much of a line as there is room for; Pillow's font has no narrow spaces."""
    font, text = ImageFont.load_default(12), text.replace("\u202f", " ")
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text}…"


def to_bytes(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(C, h, w) in [0, 1] as a picture (h, w, 1 or 3): of other numbers of channels their mean."""
    shown = images if images.shape[0] in (1, 3) else images.mean(0, keepdims=True)
    bytes_: NDArray[np.uint8] = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return np.moveaxis(bytes_, 0, -1)
