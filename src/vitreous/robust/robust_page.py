"""The page of a test of robustness: the curve, attacked images with their changes enlarged, doubts,
corruptions; one HTML file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vitreous.drawing.chart import Line, line_chart
from vitreous.drawing.html import page, sentence
from vitreous.formats import percent, plain
from vitreous.robust.adversarial_example import enlarged, uri
from vitreous.robust.norms import norm_of
from vitreous.robust.robust_scores import Robustness


@dataclass(frozen=True)
class Pictured:
    """An attacked image, to be looked at.

    clean, attacked  (H, W, C) uint8, as the network sees them
    before, after    what was answered
    size             of the change, in the norm's unit
    """

    id: str
    clean: NDArray[np.uint8]
    attacked: NDArray[np.uint8]
    before: str
    after: str
    size: float

    @property
    def gain(self) -> float:
        """How many times the change is enlarged, so that its largest value meets black or white."""
        return enlarged(self.clean, self.attacked)[1]

    @property
    def enlarged(self) -> NDArray[np.uint8]:
        """(H, W, C): gray where nothing was changed."""
        return enlarged(self.clean, self.attacked)[0]


@dataclass(frozen=True)
class Row:
    """The three pictures of an image as data URIs. small: are pixels to be seen as squares?"""

    shown: Pictured
    clean: str
    attacked: str
    change: str
    small: bool


def robust_page(found: Robustness, pictured: Sequence[Pictured], title: str) -> str:
    """The text of the page."""
    rows = [
        Row(
            one,
            uri(one.clean),
            uri(one.attacked),
            uri(one.enlarged),
            max(one.clean.shape[:2]) <= 64,
        )
        for one in pictured
    ]
    sections = [
        (anchor, name)
        for anchor, name, there in (
            ("curve", "Attacked", found.curve),
            ("doubts", "Doubts", found.doubts),
            ("images", "Images", rows),
            ("corrupted", "Corrupted", found.corruptions),
            ("notes", "Notes", found.notes),
        )
        if there
    ]
    return page(
        "vitreous.robust",
        "robust.html.j2",
        title=title,
        sections=sections,
        found=found,
        chart=curve_chart(found) if found.curve else None,
        unit=norm_of(found.norm).unit if found.norm else "",
        rows=rows,
    )


def curve_chart(found: Robustness) -> Markup:
    """The score over the size of the attack."""
    sizes = [one.eps for one in found.curve]
    share = found.unit == "%"
    return line_chart(
        [
            Line(found.title, sizes, [one.value for one in found.curve], 1),
            Line(f"{found.title}, as bytes", sizes, [one.rounded for one in found.curve], 2),
        ],
        title=sentence(f"{found.title} under attack"),
        x_label=f"{norm_of(found.norm).title} of the change, {norm_of(found.norm).unit}",
        y_format=(lambda value: percent(value, 0)) if share else plain,
        kind="shares" if share else "curves",
    )
