"""HTML for notebooks: a page in a frame, pictures in a row, bars of shares, and a few facts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.thumbnail import thumbnail
from vitreous.formats import percent

SHARP = 64  # pixels of a side up to which an image is shown pixel by pixel
FIGURE = (
    '<figure style="display:inline-block;margin:4px;width:112px;vertical-align:top">'
    '<img src="data:image;base64,{data}" alt="{text}" '
    'style="width:112px;height:112px;object-fit:contain;image-rendering:{scaling}">'
    '<figcaption style="font:12px sans-serif;overflow-wrap:anywhere">{text}</figcaption></figure>'
)


def framed(page: str, height: int = 640) -> str:
    """A whole HTML page inside another one, whose style it neither takes nor changes."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-popups" '
        f'style="width:100%;height:{height}px;border:1px solid #8884"></iframe>'
    )


def row(title: str, pictures: Iterable[tuple[NDArray[np.uint8], str]]) -> str:
    """Pictures (H, W, C) uint8, each with a caption, below a title."""
    figures = (
        FIGURE.format(
            data=b64encode(thumbnail(pixels)).decode(),
            text=escape(text),
            scaling="pixelated" if max(pixels.shape[:2]) <= SHARP else "auto",
        )
        for pixels, text in pictures
    )
    return f"<p>{escape(title)}</p><div>{''.join(figures)}</div>"


def bars(title: str, shares: Iterable[tuple[str, float]]) -> str:
    """Names with their shares in [0, 1], as bars below a title."""
    lines = (
        f'<tr><td style="text-align:left">{escape(name)}</td><td style="width:200px">'
        f'<div style="background:#0e6c82;height:10px;width:{share:.1%}"></div></td>'
        f"<td>{percent(share)}</td></tr>"
        for name, share in shares
    )
    return f"<b>{escape(title)}</b><table>{''.join(lines)}</table>"


def facts(title: str, known: Mapping[str, str]) -> str:
    """What is known of something, a line each, below a title."""
    lines = (
        f'<tr><td style="text-align:left">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in known.items()
    )
    return f"<b>{escape(title)}</b><table>{''.join(lines)}</table>"
