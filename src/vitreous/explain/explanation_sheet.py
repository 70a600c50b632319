"""A contact sheet of explanations: each image beside its heatmap, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitreous.drawing.html import page
from vitreous.drawing.thumbnail import Thumbnail, thumbnail
from vitreous.explain.explanation import Explanation

SIDE = 320  # pixels of the longer side of a picture on the sheet


@dataclass(frozen=True)
class Row:
    """An image, its heatmap, and what is said of them."""

    path: str
    image: Thumbnail
    heat: Thumbnail
    found: Explanation


def sheet(found: Sequence[tuple[str, Explanation]], title: str) -> str:
    """One file without script or request, in the style of the report.

    found  (path, explanation) of each image
    """
    rows = [
        Row(
            path,
            Thumbnail(thumbnail(each.image, SIDE)),
            Thumbnail(thumbnail(each.overlay, SIDE)),
            each,
        )
        for path, each in found
    ]
    return page(
        "vitreous.explain",
        "explanations.html.j2",
        title=title,
        sections=[("explained", "Explained"), ("reading", "How to read it")],
        rows=rows,
        says=sorted({(row.found.method, row.found.layer, row.found.says) for row in rows}),
    )
