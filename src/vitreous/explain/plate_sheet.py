"""A page of plates: all pictures of a look into a network, as one HTML file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from vitreous.drawing.html import page
from vitreous.explain.plate import Plate

MOST = 60  # plates of a page


@dataclass(frozen=True)
class Tile:
    """A picture as a data URI, with the line below it."""

    source: str
    line: str


@dataclass(frozen=True)
class Shelf:
    """A plate on the page."""

    anchor: str
    plate: Plate
    tiles: Sequence[Tile]


def plate_sheet(plates: Sequence[Plate], title: str) -> str:
    """One file without script or request, in the style of the report."""
    shelves = [
        Shelf(
            f"plate{number}",
            plate,
            [
                Tile(_source(small), picture.line)
                for small, picture in zip(plate.shown, plate.pictures, strict=True)
            ],
        )
        for number, plate in enumerate(plates[:MOST])
    ]
    return page(
        "vitreous.explain",
        "plates.html.j2",
        title=title,
        sections=[(shelf.anchor, shelf.plate.name) for shelf in shelves],
        shelves=shelves,
        left_out=len(plates) - len(shelves),
    )


def _source(picture: Image.Image) -> str:
    """PNG of few colors, as enlarged pixels are; JPEG of photos."""
    file = BytesIO()
    few = picture.getcolors(4096)
    if few is not None:
        picture.save(file, "PNG", optimize=True)
        return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    picture.save(file, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
