"""The matrix of a convolution as a picture: where its few weights stand, again and again.

Each weight has a color, and so has every cell of the matrix where it stands: one can see what
"sparse and shared" means. The bands are as far apart as the rows of the map; beside the matrix is
the kernel that all of it was made from.
"""

from __future__ import annotations

from html import escape

from torch import nn

from vitreous.backprop.conv_as_matrix import matrix_of
from vitreous.backprop.layers.convolution import Convolution
from vitreous.backprop.translate.convert import layer as converted
from vitreous.errors import ModelError, ShapeError
from vitreous.formats import percent

_STYLE = """
.vitreous-band { --surface: #ffffff; --paper: #f3f5f8; --line: #dde2ea; --ink: #1c2330;
  --muted: #667085; --light: 47%;
  font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
@media (prefers-color-scheme: dark) { .vitreous-band { --surface: #12161d; --paper: #1a202a;
  --line: #2a3240; --ink: #e8ecf3; --muted: #98a3b5; --light: 62%; } }
.vitreous-band text { fill: var(--ink); font-size: 17px; font-weight: 650; }
.vitreous-band text.muted { fill: var(--muted); font-size: 12px; font-weight: 400; }
.vitreous-band g { shape-rendering: crispEdges; }
.vitreous-band .paper { fill: var(--paper); }
.vitreous-band .line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
"""
_LIMIT = 40_000  # entries that are not zero
_MARGIN, _TOP, _GAP = 44.0, 88.0, 40.0


def band(layer: nn.Conv2d | Convolution, size: tuple[int, int], *, width: float = 480.0) -> str:
    """An SVG document of the matrix that a convolution of a map of `size` is.

    size   (height, width) of the map, in pixels
    width  of the matrix on the screen; its height follows

    Raises ShapeError for a matrix of more than 40,000 entries that are not zero, ModelError for
    another layer, or one that pads with something else than zeros.
    """
    conv = converted(layer) if isinstance(layer, nn.Module) else layer
    if not isinstance(conv, Convolution):
        raise ModelError(f"{layer} is no convolution", remedy="Give an nn.Conv2d.")
    matrix = matrix_of(conv, size)
    outputs, inputs = matrix.shape
    if len(matrix.rows) > _LIMIT:
        raise ShapeError(
            f"a matrix of {outputs:,}×{inputs:,} with {len(matrix.rows):,} weights is no picture",
            remedy="Draw the same kernel on a smaller map.",
        )
    paths: dict[int, list[str]] = {}
    for row, column, weight in zip(
        matrix.rows.tolist(), matrix.columns.tolist(), matrix.weights.tolist(), strict=True
    ):
        paths.setdefault(weight, []).append(f"M{column} {row}h1v1h-1z")
    values = conv.weight.flatten().tolist()
    cells = [
        f'<path fill="{_color(weight, len(values))}" d="{"".join(places)}"><title>'
        f"weight {weight + 1} of {len(values)}, {values[weight]:.3g}, in {len(places)} places"
        "</title></path>"
        for weight, places in sorted(paths.items())
    ]
    # A line after each row of pixels of the input.
    lines = [f'<path class="line" d="M{x} 0v{outputs}"/>' for x in range(size[1], inputs, size[1])]
    scale = width / inputs
    height = outputs * scale
    legend, legend_width = _kernels(conv, width, height)
    sides = "×".join(map(str, conv.weight.shape[2:]))
    noun = "kernel" if len(conv.weight) * conv.weight.shape[1] == 1 else "kernels"
    title = f"The matrix of a {sides} convolution, {size[0]}×{size[1]} pixels"
    facts = (
        f"{outputs:,} × {inputs:,}, {percent(matrix.density)} of it not zero: "
        f"{len(matrix.rows):,} entries from {len(values):,} weights"
    )
    whole = (
        _MARGIN + max(width + _GAP + legend_width, 6.6 * len(facts)) + _MARGIN / 2,
        _TOP + height + _MARGIN / 2,
    )
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="vitreous-band" role="img" '
            f'aria-label="{escape(title)}" width="{whole[0]:.0f}" height="{whole[1]:.0f}" '
            f'viewBox="0 0 {whole[0]:.0f} {whole[1]:.0f}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(facts)}</desc>",
            f"<style>{_STYLE}</style>",
            '<rect width="100%" height="100%" rx="12" style="fill: var(--surface)"/>',
            f'<text x="{_MARGIN}" y="34">{escape(title)}</text>',
            f'<text class="muted" x="{_MARGIN}" y="54">{escape(facts)}</text>',
            f'<text class="muted" x="{_MARGIN}" y="{_TOP - 8}">pixels of the input →</text>',
            f'<text class="muted" x="{_MARGIN + width + _GAP}" y="{_TOP - 8}">{noun}</text>',
            f'<text class="muted" text-anchor="end" transform="translate({_MARGIN - 10} {_TOP})'
            ' rotate(-90)">← units of the output</text>',
            f'<g transform="translate({_MARGIN} {_TOP}) scale({scale:.6f})">',
            f'<rect class="paper" width="{inputs}" height="{outputs}"/>',
            *lines,
            *cells,
            "</g>",
            f'<g transform="translate({_MARGIN + width + _GAP} {_TOP})">',
            *legend,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _kernels(conv: Convolution, width: float, height: float) -> tuple[list[str], float]:
    """The kernels, one row for each output map and one column for each input map; their width."""
    outputs, channels, rows, columns = conv.weight.shape
    cell = min(22, height / (outputs * (rows + 1)), width / 2 / (channels * (columns + 1)))
    squares = []
    for weight in range(conv.weight.numel()):
        kernel, (row, column) = weight // (rows * columns), divmod(weight, columns)
        output, channel = divmod(kernel, channels)
        x = (channel * (columns + 1) + column) * cell
        y = (output * (rows + 1) + row % rows) * cell
        squares.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{cell:.2f}" height="{cell:.2f}" '
            f'fill="{_color(weight, conv.weight.numel())}"/>'
        )
    return squares, max(48.0, channels * (columns + 1) * cell)


def _color(weight: int, count: int) -> str:
    """Hues from red to violet, so that the last differs from the first."""
    return f"hsl({300 * weight / max(count - 1, 1):.0f} 68% var(--light))"
