"""A contact sheet: the query and what was found, as one picture or as one HTML file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from vitreous.atomic import check_ending
from vitreous.data.dataset import Dataset
from vitreous.data.images.decode import Source, decode
from vitreous.drawing.html import page
from vitreous.drawing.thumbnail import Thumbnail, thumbnail
from vitreous.errors import VitreousError
from vitreous.formats import percent
from vitreous.retrieval.search import Match, Search

SIDE = 288  # pixels of the longer side of a picture on the sheet
KINDS = (".html", ".htm", ".png")


@dataclass(frozen=True)
class Tile(Thumbnail):
    """A found image with its place in the ranking."""

    rank: int
    match: Match


def sheet(found: Search, dataset: Dataset, image: Source, path: Path) -> bytes:
    """The sheet in the format that the name of the file asks for, .html or .png.

    dataset  that was searched; image: the query

    Raises UsageError for other names.
    """
    check(path)
    query = Thumbnail(thumbnail(decode(image, at_least=SIDE), SIDE))
    tiles = [
        Tile(_picture(dataset, match), rank, match) for rank, match in enumerate(found.matches, 1)
    ]
    if path.suffix.lower() == ".png":
        return as_png(found, query, tiles)
    return as_html(found, query, tiles).encode("utf-8")


def check(path: Path) -> None:
    """Raises UsageError if no sheet can be written under this name."""
    check_ending(path, KINDS, "a contact sheet")


def _picture(dataset: Dataset, match: Match) -> bytes:
    try:
        return thumbnail(dataset.read(match.index, SIDE), SIDE)
    except VitreousError:
        return b""


def headline(found: Search) -> str:
    """What was searched, by what, and how well that works, in a sentence or two."""
    text = f"{found.model} on {found.count:,} images of {found.data}"
    if found.scores is None:
        return text
    return (
        f"{text}; mean average precision {percent(found.scores.map)} at {found.scores.k}, "
        f"the first image right {percent(found.scores.first)}"
    )


def as_html(found: Search, query: Thumbnail, tiles: list[Tile]) -> str:
    """One file without script or request, in the style of the report."""
    sections = [("found", "Found")]
    if found.scores is not None:
        sections.append(("trust", "How good this is"))
    name = Path(found.image).name or "this image"
    return page(
        "vitreous.retrieval",
        "sheet.html.j2",
        title=f"Images like {name}",
        sections=sections,
        found=found,
        query=query,
        name=name,
        tiles=tiles,
    )


# The picture: the light theme of the pages, at twice the density of a screen.
_PAPER, _SOFT, _INK, _QUIET, _ACCENT = "#fbfaf7", "#f0efe9", "#18222a", "#5c6a72", "#0e6c82"
_GAP, _MARGIN, _LINE, _COLUMNS = 24, 48, 30, 4


def as_png(found: Search, query: Thumbnail, tiles: list[Tile]) -> bytes:
    """The query on the left, what was found in rows beside it."""
    columns = min(_COLUMNS, max(len(tiles), 1))
    rows = -(-max(len(tiles), 1) // _COLUMNS)
    cell = SIDE + 3 * _LINE + _GAP
    left = _MARGIN + SIDE + 2 * _GAP
    width = left + columns * (SIDE + _GAP) - _GAP + _MARGIN
    top = _MARGIN + 96
    height = top + rows * cell + _MARGIN - _GAP
    canvas = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    _write(
        draw, (_MARGIN, _MARGIN - 8), f"Images like {Path(found.image).name}", width, 34, bold=True
    )
    _write(draw, (_MARGIN, _MARGIN + 42), headline(found), width - 2 * _MARGIN, 20, color=_QUIET)
    _paste(canvas, query, _MARGIN, top)
    _write(draw, (_MARGIN, top + SIDE + 8), "the query", SIDE, 20, color=_QUIET)
    for tile in tiles:
        row, column = divmod(tile.rank - 1, _COLUMNS)
        x, y = left + column * (SIDE + _GAP), top + row * cell
        _paste(canvas, tile, x, y)
        share = max(0.0, min(tile.match.score, 1.0))
        draw.rectangle((x, y + SIDE + 4, x + SIDE - 1, y + SIDE + 8), fill=_SOFT)
        if share:
            draw.rectangle((x, y + SIDE + 4, x + share * (SIDE - 1), y + SIDE + 8), fill=_ACCENT)
        score = f"{tile.match.score:.3f}"
        _write(
            draw,
            (x, y + SIDE + 14),
            tile.match.label or f"no. {tile.rank}",
            SIDE - 72,
            20,
            bold=True,
        )
        _write(draw, (x + SIDE - 62, y + SIDE + 14), score, 62, 20, color=_QUIET)
        name = tile.match.path.rpartition("/")[2]
        _write(draw, (x, y + SIDE + 14 + _LINE), name, SIDE, 17, color=_QUIET)
    file = BytesIO()
    canvas.save(file, "PNG", optimize=True)
    return file.getvalue()


def _paste(canvas: Image.Image, shown: Thumbnail, x: int, y: int) -> None:
    """As large as a square allows, in its middle; pixels of small images stay squares."""
    ImageDraw.Draw(canvas).rectangle((x, y, x + SIDE - 1, y + SIDE - 1), fill=_SOFT)
    if not shown.picture:
        return
    with Image.open(BytesIO(shown.picture)) as opened:
        image = opened.convert("RGB")
    scale = SIDE / max(image.size)
    size = (max(round(side * scale), 1) for side in image.size)
    method = Image.Resampling.NEAREST if shown.small else Image.Resampling.LANCZOS
    image = image.resize((next(size), next(size)), method)
    canvas.paste(image, (x + (SIDE - image.width) // 2, y + (SIDE - image.height) // 2))


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    room: int,
    size: int,
    *,
    color: str = _INK,
    bold: bool = False,
) -> None:
    """Text that ends in … where the room does."""
    text = text.replace("\u202f", " ")  # which Pillow's font lacks
    font = _font(size, bold)
    if draw.textlength(text, font) > room:
        while text and draw.textlength(f"{text}…", font) > room:
            text = text[:-1]
        text += "…"
    draw.text(at, text, color, font)


def _font(size: int, bold: bool) -> Any:
    """DejaVu, which knows most of the world's letters, as Matplotlib or the system brings it; where
    there is neither, Pillow's own font, which knows those of English.
    """
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else None
    for folder in (*(folders or ()), None):
        path = name if folder is None else Path(folder) / "mpl-data" / "fonts" / "ttf" / name
        with suppress(OSError):
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)
