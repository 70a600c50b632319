"""A network as a page: its stages drawn as blocks, its layers as a table, its graph."""

from __future__ import annotations

import math

from markupsafe import Markup

from vitreous.drawing.html import page
from vitreous.models import MODELS
from vitreous.trace.draw.svg import draw
from vitreous.trace.graph.graph import Graph
from vitreous.trace.measure.inspection import Inspection
from vitreous.trace.measure.stages import stages

LISTED = 60  # layers up to which their table is open
WIDTH, HEIGHT = 100.0, 80.0  # of the picture of a block


def drawing(found: Inspection, graph: Graph) -> str:
    """The text of an HTML file.

    found, graph  of the same network, the graph not folded
    """
    gathered = stages(found, graph)
    unit, scale = found.unit
    sections = [("size", "Size"), ("stages", "Stages"), ("layers", "Layers"), ("graph", "Graph")]
    maps = [row for row in found.layers if row.receptive_field]
    return page(
        "vitreous.cli",
        "network.html.j2",
        title=found.model,
        sections=sections,
        found=found,
        row=MODELS.get(found.model),
        stages=gathered,
        last_map=maps[-1] if maps else None,
        dense=sum(row.parameters for row in found.layers if row.kind == "Linear"),
        open=len(found.layers) <= LISTED,
        unit=unit,
        scale=scale,
        block=lambda shape: block(shape, found.size),
        graph=Markup(draw(graph.legible())),  # which escapes what it is given
    )


def block(shape: tuple[int, ...], image: tuple[int, ...]) -> Markup:
    """A picture of what a layer makes: height and depth are those of the map, thickness grows with
    the logarithm of the channels; tokens are a sheet, a vector is a bar.

    shape  without the batch axis; image: of the network's input
    """
    if len(shape) == 3:
        thick = 4 + 4.6 * math.log2(max(shape[0], 1))
        high, deep = (
            8 + 44 * math.sqrt(min(side / full, 1))
            for side, full in zip(shape[1:], image[1:], strict=True)
        )
    elif len(shape) == 2:
        thick, high, deep = 4 + 4.6 * math.log2(max(shape[1], 1)), 44.0, 0.0
    else:
        thick, high, deep = 7.0, min(8 + 4.6 * math.log2(max(shape[-1], 1)), HEIGHT - 8), 0.0
    right, up = 0.42 * deep, 0.3 * deep
    x, y = (WIDTH - thick - right) / 2, (HEIGHT - high + up) / 2
    front = f"M{x:.1f} {y:.1f}h{thick:.1f}v{high:.1f}h{-thick:.1f}z"
    top = f"M{x:.1f} {y:.1f}l{right:.1f} {-up:.1f}h{thick:.1f}l{-right:.1f} {up:.1f}z"
    side = f"M{x + thick:.1f} {y:.1f}l{right:.1f} {-up:.1f}v{high:.1f}l{-right:.1f} {up:.1f}z"
    lines = ""
    if len(shape) == 2:  # a line between tokens, as far as lines can be told apart
        rows = min(shape[0], 11)
        steps = (y + high * row / rows for row in range(1, rows))
        lines = "".join(f"M{x:.1f} {at:.1f}h{thick:.1f}" for at in steps)
    return Markup(
        '<svg class="block" viewBox="0 0 {:.0f} {:.0f}" aria-hidden="true">'
        '<path class="front" d="{}"/><path class="top" d="{}"/><path class="side" d="{}"/>'
        '<path d="{}"/></svg>'
    ).format(WIDTH, HEIGHT, front, top, side, lines)
