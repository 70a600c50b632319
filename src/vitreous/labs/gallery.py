"""Pictures of a chapter: charts side by side, and small images with their captions.

Maps are kept as PNG files in base64, so that the JSON of a chapter holds them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from io import BytesIO

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from vitreous.drawing.chart import join
from vitreous.drawing.color_scale import shades

STOPS = np.array(
    [[67, 41, 143], [148, 131, 207], [246, 244, 240], [239, 182, 80], [184, 95, 0]], np.float64
)
"""Violet, white, orange: the colors of answers from −1 to 1, those of the playground."""


def png(pixels: NDArray[np.uint8]) -> str:
    """An image (H, W) or (H, W, 3) as PNG in base64."""
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def gray(values: ArrayLike) -> str:
    """A map (H, W) of values from 0 to 1, black to white, as PNG in base64."""
    levels = np.clip(np.asarray(values, np.float64), 0, 1)
    return png(np.rint(255 * levels).astype(np.uint8))


def answers(values: ArrayLike) -> str:
    """A map (H, W) of answers from −1 to 1, violet to orange, as PNG in base64."""
    places = (np.clip(np.asarray(values, np.float64), -1, 1) + 1) * (len(STOPS) - 1) / 2
    channels = [np.interp(places, np.arange(len(STOPS)), stops) for stops in STOPS.T]
    return png(np.rint(np.stack(channels, axis=-1)).astype(np.uint8))


def heat(values: ArrayLike) -> str:
    """A map (H, W) of any numbers, the lowest dark blue, the highest yellow, as PNG in base64."""
    array = np.asarray(values, np.float64)
    return png(shades(array, float(np.nanmin(array)), float(np.nanmax(array))))


def gallery(pictures: Iterable[tuple[str, str]], *, pixels: bool = True) -> Markup:
    """Pictures in a row.

    pictures  (PNG in base64, caption)
    pixels    whether each pixel is to be seen as a square
    """
    kind = "pixels" if pixels else "smooth"
    items = join(
        Markup(
            '<li><figure><div class="frame"><img class="{}" alt="{}" '
            'src="data:image/png;base64,{}"></div><figcaption>{}</figcaption></figure></li>'
        ).format(kind, caption, data, caption)
        for data, caption in pictures
    )
    return Markup('<ul class="gallery maps">{}</ul>').format(items)


def side_by_side(*charts: Markup) -> Markup:
    """Charts beside each other where there is room."""
    return Markup('<div class="charts">{}</div>').format(join(charts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Markup:
    """A small table; the first cell of a row is its name."""
    names = join(Markup('<th scope="col">{}</th>').format(name) for name in head)
    lines = join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            first, join(Markup("<td>{}</td>").format(cell) for cell in rest)
        )
        for first, *rest in rows
    )
    said = Markup("<caption>{}</caption>").format(caption) if caption else ""
    return Markup(
        '<div class="scroll"><table class="classes">{}<thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(said, names, lines)
