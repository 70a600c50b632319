"""Markers on an image: points as dots and boxes as outlines, each in a color of its own."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitreous.drawing.palette import palette

FINE = 1 << 4  # parts of a pixel in which cv2 is told where a thing lies
SHIFT = 4  # and the same as a power of two
LARGEST = 1 << 15  # pixels from the origin, beyond which nothing is drawn; cv2's numbers are short
WHITE = (255, 255, 255)
LEAST_TEXT = 200  # pixels of an image's longer side, below which names would hide what is shown


def colored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (h, w, C) as RGB, a copy: 1 channel is gray, of more than 3 the first three."""
    if image.shape[2] >= 3:
        return np.ascontiguousarray(image[..., :3]).copy()
    return np.repeat(image[..., :1], 3, axis=2)


def dots(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    lines: Sequence[tuple[int, int]] = (),
    *,
    one_color: bool = False,
) -> NDArray[np.uint8]:
    """An image with a dot at each point that is seen, (h, w, 3).

    image      (h, w, C) uint8
    points     (P, 3) x and y of pixel centers, and whether the point is seen; what lies outside is
               not drawn
    lines      pairs of points that are joined, where both are seen
    one_color  for points without names; they are small, since there may be many
    """
    drawn = colored(image)
    radius = max(1.0, max(image.shape[:2]) / (160 if one_color else 80))
    colors = _colors(1) * len(points) if one_color else _colors(len(points))
    told = [bool(seen) and max(abs(x), abs(y)) < LARGEST for x, y, seen in points.tolist()]
    fine = [(round(x * FINE), round(y * FINE)) if there else (0, 0)
            for (x, y, _), there in zip(points.tolist(), told, strict=True)]  # fmt: skip
    for one, other in lines:
        if told[one] and told[other]:
            ends, width = (fine[one], fine[other]), max(1, round(radius))
            for size, shade in ((width + 2, WHITE), (width, colors[other])):
                cv2.line(drawn, *ends, shade, size, cv2.LINE_AA, SHIFT)
    for center, there, color in zip(fine, told, colors, strict=True):
        if there:
            for size, shade in ((1.5 * radius, WHITE), (radius, color)):
                cv2.circle(drawn, center, round(size * FINE), shade, -1, cv2.LINE_AA, SHIFT)
    return drawn


def outlines(
    image: NDArray[np.uint8],
    boxes: NDArray[np.floating],
    numbers: Sequence[int],
    names: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """An image with the outline of each box, (h, w, 3), and its name at its top where there is room
    for letters.

    image    (h, w, C) uint8
    boxes    (n, 4) left, top, right and bottom edge
    numbers  of their classes, which choose the colors
    names    of the boxes, in the same order; none are written by default
    """
    drawn = colored(image)
    half = max(image.shape[:2]) // 200  # of the line's width, without the pixel in its middle
    colors = _colors(max(numbers, default=0) + 1)
    for box, number in zip(boxes.tolist(), numbers, strict=True):
        # From edges to centers of the pixels within, of which the first and last are drawn.
        corners = [round(min(max(value, -LARGEST), LARGEST)) for value in box]
        first, last = (corners[0], corners[1]), (corners[2] - 1, corners[3] - 1)
        for reach, shade in ((half + 1, WHITE), (half, colors[number])):
            for out in range(-reach, reach + 1):  # line by line: cv2's thickness 3 is 5 pixels
                begin, end = (first[0] - out, first[1] - out), (last[0] + out, last[1] + out)
                cv2.rectangle(drawn, begin, end, shade)
    if any(names) and max(image.shape[:2]) >= LEAST_TEXT:
        return _named(drawn, boxes, [colors[number] for number in numbers], names)
    return drawn


def color_of(number: int) -> tuple[int, int, int]:
    """The RGB in which boxes of a class are outlined."""
    red, green, blue = _colors(number + 1)[number]
    return red, green, blue


def _named(
    drawn: NDArray[np.uint8],
    boxes: NDArray[np.floating],
    colors: Sequence[tuple[int, ...]],
    names: Sequence[str],
) -> NDArray[np.uint8]:
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, max(drawn.shape[:2]) // 48))
    for (left, top, _, _), color, name in zip(boxes.tolist(), colors, names, strict=True):
        place = max(left, 0), max(top, 0)
        area = pen.textbbox(place, name, font)
        pen.rectangle((area[0] - 1, area[1] - 1, area[2] + 1, area[3] + 1), fill=color)
        bright = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2] > 128
        pen.text(place, name, fill=(0, 0, 0) if bright else WHITE, font=font)
    return np.asarray(picture).copy()


def _colors(count: int) -> list[tuple[int, ...]]:
    """Without the palette's first, which is black: it stands for the ground of a mask."""
    return [tuple(color) for color in palette(count + 1)[1:].tolist()]
