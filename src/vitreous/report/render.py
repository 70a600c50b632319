"""A report rendered as one HTML file: what a run is worth, where it errs, how it was made.

The file needs no script, no network and no server; it can be mailed, printed and read on a phone.
The number that matters comes first, with how far it can be trusted and what simple rules reach.
What a task tells comes as blocks, each drawn by the template of its kind. Everything that comes
from outside (names of classes, files, reasons) is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO

from markupsafe import Markup
from PIL import Image

from vitreous.drawing.chart import Line, line_chart, profile_chart
from vitreous.drawing.html import page
from vitreous.drawing.scatter import scatter_chart
from vitreous.errors import UsageError
from vitreous.formats import counted, percent
from vitreous.report.confusion_table import confusion_table
from vitreous.report.content import DataSummary, Picture, ReportData
from vitreous.report.findings import URGENCY, direction, findings, verdict
from vitreous.report.learning_curves import PARTS, learning_curves, only_epoch
from vitreous.report.reliability import reliability_chart
from vitreous.tasks.section import Block, Curves, Table

LISTED = 25  # rows that a long table shows before the rest is folded away
AT_ONCE = 12  # classes up to which their counts are shown unfolded

MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def render(data: ReportData) -> str:
    """The report as the text of one HTML file."""
    parts = data.parts
    notes = [*data.notes, *findings(parts, data.curves, test_uses=data.test_uses)]
    followed = len(data.curves) > 1
    return page(
        "vitreous.report",
        "report.html.j2",
        title=data.title,
        sections=list(contents(data, bool(notes))),
        run=data,
        scores=next(iter(parts.values()), None),
        part=next(iter(parts), ""),
        verdict=verdict(parts) if parts else None,
        direction=direction,
        notes=sorted(notes, key=lambda note: URGENCY.index(note.kind)),
        charts=learning_curves(data.curves, parts.values(), data.best_epoch) if followed else [],
        only=only_epoch(data.curves[0], parts.values()) if len(data.curves) == 1 else {},
        counts=_counts(data.data) if data.data is not None and data.data.counts else None,
        profile=_profile(data.data) if data.data is not None else None,
        sizes=_sizes(data.data) if data.data is not None else [],
        part_names={name: words.capitalize() for name, (words, _) in PARTS.items()},
        listed=LISTED,
        at_once=AT_ONCE,
        template_of=template_of,
        confusion_table=confusion_table,
        reliability_chart=reliability_chart,
        scatter_chart=scatter_chart,
        share_chart=_share_chart,
        source=_source,
    )


def contents(data: ReportData, noted: bool) -> Iterator[tuple[str, str]]:
    """(anchor, name) of each section that the report has, in order.

    noted  are there notes?
    """
    if data.parts:
        yield "verdict", "Verdict"
    if noted:
        yield "notes", "Notes"
    if data.curves:
        yield "learning", "Learning"
    for section in data.sections:
        yield section.anchor, section.title
    for gallery, pictures in data.galleries:
        if pictures:
            yield gallery.anchor, gallery.short or gallery.title
    if data.data is not None:
        yield "data", "Data"
    if data.recipe:
        yield "recipe", "Recipe"
    if data.timings or data.environment:
        yield "making", "Time and place"


def template_of(block: Block) -> str:
    """The template that draws a block of this kind."""
    return f"blocks/{type(block).__name__.lower()}.html.j2"


def _share_chart(block: Curves) -> Markup:
    lines = [
        Line(name, block.places, shares, color)
        for color, (name, shares) in enumerate(block.lines, 1)
    ]
    return line_chart(
        lines,
        title=block.title,
        x_label=block.axis,
        y_format=lambda share: percent(share, 0),
        kind="shares",
    )


def _counts(data: DataSummary) -> Table:
    names = {part: PARTS.get(part, (part, 0))[0] for part in data.counts}
    classes = next(iter(data.counts.values()))
    return Table(
        "",
        [(data.noun.capitalize(), "name"), *((w.capitalize(), "count") for w in names.values())],
        [(name, *(counts[name] for counts in data.counts.values())) for name in classes],
    )


def _profile(data: DataSummary) -> Markup | None:
    parts = [
        (PARTS.get(part, (part, 0))[0], [*counts.values()]) for part, counts in data.counts.items()
    ]
    if not parts or len(parts[0][1]) <= 2:
        return None
    return profile_chart(parts, title=f"Images of each {data.noun}")


def _sizes(data: DataSummary) -> list[str]:
    """The commonest sizes, and the range of all."""
    common = sorted(data.sizes, key=lambda size: -size[2])
    words = [f"{w} × {h}: {n:,}" for w, h, n in common[:5]]
    if len(common) > 5:
        widths, heights = [w for w, _, _ in common], [h for _, h, _ in common]
        words.append(
            f"{len(common) - 5:,} other sizes, from {min(widths)} to {max(widths)} wide and"
            f" {min(heights)} to {max(heights)} high"
        )
    seen = sum(n for _, _, n in common)
    if 0 < seen < sum(data.examples.values()):
        words.append(f"among the {counted(seen, 'image')} looked at")
    return words


def _source(picture: Picture) -> Markup:
    """The attributes of an <img>: the picture itself as a data URI, its size, how to scale it."""
    with Image.open(BytesIO(picture.image)) as image:
        kind, (width, height) = image.format, image.size
    if kind not in MEDIA:
        raise UsageError(
            f"a picture of format {kind} cannot be shown in a report",
            where=picture.case.id,
            remedy="Use `thumbnail`, or bytes of a PNG, JPEG, WebP or GIF file.",
        )
    uri = f"data:{MEDIA[kind]};base64,{b64encode(picture.image).decode()}"
    fine = Markup(' class="pixels"') if max(width, height) <= 64 else ""
    return Markup('src="{}" width="{}" height="{}"{}').format(uri, width, height, fine)
