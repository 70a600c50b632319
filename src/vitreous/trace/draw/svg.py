"""Graphs as pictures: a formula from left to right, a network from top to bottom.

In a formula every wire carries its value in green above and its gradient in red below. The picture
follows the reader's light or dark theme, its colors are CSS variables, and every node has a title
that screen readers and pointers find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import escape
from itertools import pairwise
from typing import Any

from vitreous.trace.draw.layout import Layout, Point, layered
from vitreous.trace.draw.text import number, shaped, written
from vitreous.trace.graph.family import FAMILIES
from vitreous.trace.graph.graph import Graph, Node

COMPACT = 18  # nodes from which on cards have one line
SCREENS = 1400.0  # pixels of height up to which a picture is made to fit on one screen
_MARGIN = 28.0
_HEADER = 62.0

# Hue of each family; light and dark themes choose lightness themselves.
_HUES = {
    "input": 215, "convolution": 205, "linear": 255, "normalization": 45, "activation": 145,
    "pooling": 25, "attention": 300, "arrangement": 220, "operation": 185, "module": 340,
    "constant": 220, "output": 215,
}  # fmt: skip
_SMALL = {"input", "output", "operation"}
_GRAY = {"arrangement", "constant", "input", "output"}

_STYLE = """
.vitreous-graph { --surface: #ffffff; --card: #ffffff; --ink: #1c2330; --muted: #667085;
  --line: #98a2b3; --border: #d5dae3; --value: #17803d; --gradient: #c8242f; --tint: 94%;
  --accent: 46%; font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
@media (prefers-color-scheme: dark) { .vitreous-graph { --surface: #12161d; --card: #1a202a;
  --ink: #e8ecf3; --muted: #98a3b5; --line: #5c6880; --border: #333d4d; --value: #56d27c;
  --gradient: #ff8079; --tint: 19%; --accent: 62%; } }
.vitreous-graph .surface { fill: var(--surface); }
.vitreous-graph text { fill: var(--ink); font-size: 13px; }
.vitreous-graph .heading { font-size: 17px; font-weight: 650; }
.vitreous-graph .label { font-weight: 600; }
.vitreous-graph .symbol { font-size: 17px; font-weight: 600; text-anchor: middle; }
.vitreous-graph .muted { fill: var(--muted); font-size: 11.5px; }
.vitreous-graph .end { text-anchor: end; }
.vitreous-graph .number { font-family: ui-monospace, "SF Mono", Consolas, "DejaVu Sans Mono",
  monospace; font-size: 11.5px; }
.vitreous-graph .number { paint-order: stroke; stroke: var(--surface); stroke-width: 4px; }
.vitreous-graph .value { fill: var(--value); }
.vitreous-graph .gradient { fill: var(--gradient); }
.vitreous-graph .wire { fill: none; stroke: var(--line); stroke-width: 1.5; }
.vitreous-graph .tip { fill: var(--line); }
.vitreous-graph .card { fill: var(--card); stroke: var(--border); }
.vitreous-graph .bar { fill: hsl(var(--hue) var(--strength) var(--accent)); }
.vitreous-graph .disc { fill: hsl(var(--hue) var(--strength) var(--tint));
  stroke: hsl(var(--hue) var(--strength) var(--accent)); stroke-width: 1.5; }
"""


def draw(graph: Graph) -> str:
    """A complete SVG document of the graph as it is; fold large networks first."""
    return _formula(graph) if graph.kind == "formula" else _network(graph)


@dataclass(frozen=True)
class _Text:
    lines: tuple[str, ...]

    @property
    def width(self) -> float:
        return max((len(line) for line in self.lines), default=0) * 7.0


def _matrix(value: Any) -> _Text:
    """A number, a short vector, or the rows of a small matrix; larger tensors by their extremes."""
    if value is None:
        return _Text(())
    if not isinstance(value, list):
        return _Text((number(float(f"{value:.4g}")),))
    rows = value if value and isinstance(value[0], list) else [value]
    flat = [x for row in rows for x in row if not isinstance(x, list)]
    if len(rows) <= 4 and len(flat) <= 16 and len(flat) == sum(map(len, rows)):
        cells = [[number(float(f"{x:.3g}")) for x in row] for row in rows]
        width = max((len(cell) for row in cells for cell in row), default=0)
        return _Text(tuple("[" + "  ".join(c.rjust(width) for c in row) + "]" for row in cells))
    numbers = _flatten(value)
    return _Text(
        (f"{number(float(f'{min(numbers):.3g}'))} … {number(float(f'{max(numbers):.3g}'))}",)
    )


def _flatten(value: Any) -> list[float]:
    return [x for part in value for x in _flatten(part)] if isinstance(value, list) else [value]


def _formula(graph: Graph) -> str:
    """Circles and wires from left to right; the last wire leads out of the picture."""
    line, disc = 15.0, 38.0
    texts = {node.id: (_matrix(node.value), _matrix(node.gradient)) for node in graph.nodes}
    bodies = {
        node.id: disc if node.formula and len(node.label) < 3 else 26.0 + 9.5 * len(node.label)
        for node in graph.nodes
    }
    sizes = {}
    for node in graph.nodes:
        above, below = texts[node.id]
        room = max(above.width, below.width) + 20
        height = max(disc, 2 * max(len(above.lines), len(below.lines)) * line + 8)
        sizes[node.id] = bodies[node.id] + room, height
    pairs = list(dict.fromkeys((edge.source, edge.target) for edge in graph.edges))
    placed = layered(sizes, pairs, rightward=True, gap=20, rank_gap=34)

    parts = [_wire(route, rightward=True) for route in placed.routes.values()]
    for node in graph.nodes:
        x, y = placed.centers[node.id]
        left, right = x - sizes[node.id][0] / 2, x + sizes[node.id][0] / 2
        body = bodies[node.id]
        above, below = texts[node.id]
        tip = 8 if node is graph.nodes[-1] else 0
        parts += [
            _group(node),
            f'<path class="wire" d="M{left + body:.1f} {y:.1f}H{right + tip:.1f}"/>',
            _arrow(right + tip, y, rightward=True) if tip else "",
            f'<rect class="disc" x="{left:.1f}" y="{y - 19:.1f}" width="{body:.1f}" height="38" '
            f'rx="{19 if node.formula else 9}"/>',
            f'<text class="symbol" x="{left + body / 2:.1f}" y="{y + 6:.1f}">'
            f"{escape(node.label)}</text>",
        ]
        for index, row in enumerate(reversed(above.lines)):
            parts.append(_number(left + body + 8, y - 6 - index * line, row, "value"))
        for index, row in enumerate(below.lines):
            parts.append(_number(left + body + 8, y + 15 + index * line, row, "gradient"))
        parts.append("</g>")
    legend = [
        '<text class="number"><tspan class="value">■ value</tspan>'
        '<tspan class="gradient" dx="14">■ gradient</tspan></text>'
    ]
    final = graph.nodes[-1]
    gradients = ", ".join(
        f"{node.id} {written(node.gradient)}" for node in graph.nodes if node.family == "input"
    )
    description = f"{final.id} = {written(final.value)}; gradients: {gradients}"
    return _document(f"{final.id} = {graph.title}", description, placed, parts, legend)


def _network(graph: Graph) -> str:
    """Cards from top to bottom: what a layer is, its name, and the shape of what it hands on."""
    line = 15.0
    compact = len(graph.nodes) > COMPACT
    made = {node.id: node.shape for node in graph.nodes}
    given = {edge.target: made[edge.source] for edge in graph.edges}
    sizes, notes = {}, {}
    for node in graph.nodes:
        first = len(node.label) * 7.9 + len(node.detail) * 6.4 + 12
        second = len(_name(node)) * 6.3 + len(_parameters(node)) * 6.3 + 24
        small = node.family in _SMALL
        width = max(first, second, 84.0 if small else 190.0) + 26
        if compact:
            width = first + second + 6
        told = not compact or given.get(node.id) != node.shape
        notes[node.id] = ([(shaped(node.shape), "muted")] if told else []) + [
            (written(value), kind)
            for value, kind in ((node.value, "value"), (node.gradient, "gradient"))
            if value is not None
        ]
        sizes[node.id] = width, 28.0 if compact else 46.0 if _name(node) else 32.0
    # Cards of one width make a calmer picture.
    widest = max(width for width, _ in sizes.values())
    for node in graph.nodes:
        if node.family not in _SMALL:
            sizes[node.id] = widest, sizes[node.id][1]
    pairs = list(dict.fromkeys((edge.source, edge.target) for edge in graph.edges))
    lines = max((len(note) for note in notes.values()), default=1)
    placed = layered(sizes, pairs, gap=26, rank_gap=(9 if compact else 24) + line * lines)

    parts = [_wire(route) + _arrow(*route[-1]) for route in placed.routes.values()]
    routes = placed.routes.items()
    leaving = {source for source, _ in pairs}
    for node in graph.nodes:
        x, y = placed.centers[node.id]
        width, height = sizes[node.id]
        left, top = x - width / 2, y - height / 2
        first = top + (19 if _name(node) or compact else 21)
        parts += [
            _group(node),
            f'<rect class="card" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="8"/>',
            f'<rect class="bar" x="{left:.1f}" y="{top + 7:.1f}" width="4" '
            f'height="{height - 14:.1f}" rx="2"/>',
            f'<text x="{left + 16:.1f}" y="{first:.1f}"><tspan class="label">'
            f'{escape(node.label)}</tspan> <tspan class="muted" dx="4">{escape(node.detail)}'
            "</tspan></text>",
        ]
        if _name(node):
            parts.append(
                f'<text class="muted end" x="{left + width - 12:.1f}" y="{first:.1f}">'
                f"{escape(_name(node))}</text>"
                if compact
                else f'<text class="muted" x="{left + 16:.1f}" y="{top + 36:.1f}">'
                f"{escape(_name(node))}</text>"
                f'<text class="muted end" x="{left + width - 12:.1f}" y="{top + 36:.1f}">'
                f"{_parameters(node)}</text>"
            )
        if node.id in leaving:
            # On the side to which no wire bends, or beside the card.
            bends = [route[1][0] - x for (source, _), route in routes if source == node.id]
            right, leftward = max(bends) > 1, min(bends) < -1
            at, below = (x - 9 if right else x + 9), top + height + 14
            if right and leftward:
                at, below = left + width + 8, y + 4
            side = "end" if right and not leftward else ""
            for index, (note, kind) in enumerate(notes[node.id]):
                parts.append(_number(at, below + index * line, note, f"{kind} {side}".strip()))
        parts.append("</g>")
    families = [f for f in FAMILIES if any(n.family == f for n in graph.nodes) and f not in _GRAY]
    legend = [
        f'<g style="{_color(family)}"><rect class="bar" x="{{x}}" y="-9" width="9" height="9" '
        f'rx="2"/><text class="muted" x="{{text}}">{family}</text></g>'
        for family in families
    ]
    total = sum(node.parameters for node in graph.nodes)
    macs = sum(node.macs for node in graph.nodes)
    description = f"{len(graph.nodes)} nodes, {total:,} parameters, {macs:,} multiply-accumulates"
    return _document(graph.title, description, placed, parts, legend)


def _name(node: Node) -> str:
    return "" if node.family in ("input", "output") else node.id


def _parameters(node: Node) -> str:
    return f"{node.parameters:,} parameters" if node.parameters else ""


def _color(family: str) -> str:
    return f"--hue: {_HUES[family]}; --strength: {'10%' if family in _GRAY else '62%'}"


def _group(node: Node) -> str:
    facts = [f"{node.id}: {node.label} {node.detail}".strip()]
    if node.formula:
        facts = [f"{node.id} = {node.formula}", node.detail]
    if node.shape:
        facts.append(f"shape {'×'.join(map(str, node.shape))}")
    if node.parameters:
        facts.append(f"{node.parameters:,} parameters")
    if node.macs:
        facts.append(f"{node.macs:,} multiply-accumulates")
    if node.value is not None and len(str(node.value)) < 500:
        facts.append(f"value {written(node.value)}")
    if node.gradient is not None and len(str(node.gradient)) < 500:
        facts.append(f"gradient {written(node.gradient)}")
    return f'<g style="{_color(node.family)}"><title>{escape(chr(10).join(facts))}</title>'


def _number(x: float, y: float, text: str, kind: str) -> str:
    return (
        f'<text class="number {kind}" xml:space="preserve" x="{x:.1f}" y="{y:.1f}">'
        f"{escape(text)}</text>"
    )


def _wire(points: Sequence[Point], *, rightward: bool = False) -> str:
    """A smooth line that leaves and arrives along the direction of the drawing."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        bends = (x, y0, x, y1) if rightward else (x0, y, x1, y)
        path += "C" + " ".join(f"{at:.1f}" for at in (*bends, x1, y1))
    return f'<path class="wire" d="{path}"/>'


def _arrow(x: float, y: float, *, rightward: bool = False) -> str:
    shape = (
        f"M{x - 8:.1f} {y - 4:.1f}l8 4l-8 4z"
        if rightward
        else f"M{x - 4:.1f} {y - 7:.1f}l4 7l4 -7z"
    )
    return f'<path class="tip" d="{shape}"/>'


def _document(
    title: str, description: str, placed: Layout, parts: Sequence[str], legend: Sequence[str]
) -> str:
    width = max(placed.width + 2 * _MARGIN + 16, 7.6 * max(len(title) * 1.2, len(description)) + 60)
    at, chips = 0.0, []
    for chip in legend:
        chips.append(chip.replace("{x}", f"{at:.1f}").replace("{text}", f"{at + 14:.1f}"))
        word = chip.rpartition("</text>")[0].rpartition(">")[2]
        at += 34 + 6.2 * len(word)
    width = max(width, at + 2 * _MARGIN)
    left = (width - placed.width) / 2
    height = placed.height + _HEADER + 2 * _MARGIN + 18
    fitted = ' style="max-height: 100vh"' if height <= SCREENS else ""
    key = blake2b(title.encode(), digest_size=4).hexdigest()
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="vitreous-graph" role="img" '
            f'aria-labelledby="title-{key} text-{key}" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}"{fitted}>',
            f'<title id="title-{key}">{escape(title)}</title>',
            f'<desc id="text-{key}">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="surface" width="{width:.0f}" height="{height:.0f}" rx="12"/>',
            f'<text class="heading" x="{_MARGIN}" y="36">{escape(title)}</text>',
            f'<text class="muted" x="{_MARGIN}" y="55">{escape(description)}</text>',
            f'<g transform="translate({left:.1f} {_HEADER + _MARGIN:.1f})">',
            *(part for part in parts if part),
            "</g>",
            f'<g transform="translate({_MARGIN} {height - 16:.1f})">',
            *chips,
            "</g>",
            "</svg>",
            "",
        ]
    )
