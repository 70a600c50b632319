"""The matrix of a convolution as a picture: where its few weights stand, again and again.

Each cell that is not zero has the color of its weight in the kernel, so that one can see what
"shared and sparse" means: diagonal bands, one color along each, and empty space around them.
"""

from __future__ import annotations

from html import escape

from vitreous.backprop.modules.convolution import Convolution
from vitreous.backprop.sharing import matrix_of
from vitreous.errors import ShapeError

_STYLE = """
.vitreous-band { --surface: #ffffff; --paper: #f5f7fa; --ink: #1c2330; --muted: #667085;
  --light: 50%; font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
@media (prefers-color-scheme: dark) { .vitreous-band { --surface: #12161d; --paper: #1a202a;
  --ink: #e8ecf3; --muted: #98a3b5; --light: 62%; } }
.vitreous-band text { fill: var(--ink); font-size: 17px; font-weight: 650; }
.vitreous-band text.muted { fill: var(--muted); font-size: 12px; font-weight: 400; }
"""
_LIMIT = 40_000  # entries that are not zero


def band(layer: Convolution, size: tuple[int, int], *, width: float = 560.0) -> str:
    """An SVG document of the matrix that a convolution of a map of `size` is.

    width  of the matrix on the screen; its height follows

    Raises ShapeError for a matrix of more than 40,000 entries that are not zero.
    """
    matrix = matrix_of(layer, size)
    outputs, inputs = matrix.shape
    if len(matrix.rows) > _LIMIT:
        raise ShapeError(
            f"a matrix of {outputs:,}×{inputs:,} with {len(matrix.rows):,} weights is no picture",
            remedy="Draw the same kernel on a smaller map.",
        )
    kernel = layer.weight.numel()
    paths: dict[int, list[str]] = {}
    for row, column, weight in zip(
        matrix.rows.tolist(), matrix.columns.tolist(), matrix.weights.tolist(), strict=True
    ):
        paths.setdefault(weight, []).append(f"M{column} {row}h1v1h-1z")
    cells = [
        f'<path fill="hsl({360 * weight / kernel:.0f} 68% var(--light))" d="{"".join(places)}">'
        f"<title>weight {weight + 1} of {kernel}, in {len(places)} places</title></path>"
        for weight, places in sorted(paths.items())
    ]
    scale = width / inputs
    height = outputs * scale
    sides = "×".join(map(str, layer.weight.shape[2:]))
    title = f"A {sides} convolution of a {size[0]}×{size[1]} map, as a matrix"
    facts = (
        f"{outputs:,} × {inputs:,}, {matrix.density:.1%} of it not zero, "
        f"{len(matrix.rows):,} entries from {kernel:,} weights"
    )
    margin = 24
    whole = max(width, 7.2 * len(facts)) + 2 * margin, height + 76 + margin
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="vitreous-band" role="img" '
            f'aria-label="{escape(title)}" width="{whole[0]:.0f}" height="{whole[1]:.0f}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(facts)}</desc>",
            f"<style>{_STYLE}</style>",
            '<rect width="100%" height="100%" rx="12" style="fill: var(--surface)"/>',
            f'<text x="{margin}" y="34">{escape(title)}</text>',
            f'<text class="muted" x="{margin}" y="54">{escape(facts)}</text>',
            f'<g transform="translate({margin} 76) scale({scale:.6f})">',
            f'<rect width="{inputs}" height="{outputs}" style="fill: var(--paper)"/>',
            *cells,
            "</g>",
            "</svg>",
            "",
        ]
    )
