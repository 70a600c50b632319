"""A contact sheet of answers: each image with what a network says of it, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.data.images.decode import decode
from vitreous.drawing.html import page
from vitreous.drawing.thumbnail import Thumbnail, thumbnail

if TYPE_CHECKING:
    from vitreous.tasks import Answer

SIDE = 320  # pixels of the longer side of a picture on the sheet


@dataclass(frozen=True)
class Tile(Thumbnail):
    """An image with its answer drawn on it, and the answer."""

    path: Path
    answer: Answer


def tile(path: Path, answer: Answer, channels: int) -> Tile:
    return Tile(thumbnail(answer.draw(decode(path, channels=channels)), SIDE), path, answer)


def answer_sheet(tiles: Sequence[Tile], model: str) -> str:
    """One file without script or request, in the style of the report: a section for each answer
    where answers repeat, as classes do. In each, those of which the network is least sure come
    first: there a look is worth most.
    """
    ranked = sorted(tiles, key=lambda each: 1.0 if each.answer.score is None else each.answer.score)
    groups: dict[str, list[Tile]] = {}
    for each in ranked:
        groups.setdefault(each.answer.text, []).append(each)
    if 2 * len(groups) > len(ranked):
        groups = {"Answers": ranked}
    names = sorted(groups)
    return page(
        "vitreous.cli",
        "answers.html.j2",
        title=f"Answers of {model}",
        sections=[(f"answer-{place}", name) for place, name in enumerate(names)],
        groups=[groups[name] for name in names],
        count=len(ranked),
        scored=any(each.answer.score is not None for each in ranked),
    )
