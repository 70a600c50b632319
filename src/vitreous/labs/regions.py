"""Linear regions: how many pieces a network of rectifiers cuts its input into.

Each rectifier is a hyperplane, on one side of which it is off. One layer of n of them cuts the
plane into at most 1 + n + n(n−1)/2 regions. With depth the pieces multiply, since a later layer
sees several pieces of the line folded onto each other: Montúfar et al. (2014), arXiv:1402.1869.
"""

from __future__ import annotations

from itertools import pairwise
from math import comb, prod

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vitreous.drawing.palette import palette
from vitreous.formats import counted
from vitreous.labs.gallery import gallery, png, table
from vitreous.labs.lab import Finding, Lab, Values

Array = NDArray[np.float64]
Layers = list[tuple[Array, Array]]  # weights (inputs, outputs) and biases

SHAPES = ((2, 2), (3, 3), (4, 4), (3, 3, 3))


def pieces(layers: Layers) -> int:
    """Into how many affine pieces a network cuts the line from 0 to 1, counted exactly.

    Each piece (from, to, a + b x of every unit) is cut where a unit of the next layer changes sign.
    """
    found = [(0.0, 1.0, np.zeros(1), np.ones(1))]
    for weights, biases in layers:
        cut = []
        for low, high, offset, slope in found:
            a, b = offset @ weights + biases, slope @ weights
            with np.errstate(divide="ignore", invalid="ignore"):
                zeros = -a / b
            inside = zeros[np.isfinite(zeros) & (zeros > low + 1e-12) & (zeros < high - 1e-12)]
            edges = [low, *np.unique(inside.round(12)), high]
            for left, right in pairwise(edges):
                on = a + b * (left + right) / 2 > 0
                cut.append((left, right, a * on, b * on))
        found = cut
    return len(found)


def folded(widths: tuple[int, ...]) -> Layers:
    """Layers that fold the line [0, 1] onto itself `width` times each, as a fan is folded.

    The fold 0 → 1 → 0 → 1 … with n pieces is Σ cₖ relu(n x − k), with c₀ = 1 and cₖ = ±2; the sum
    of one layer's units is taken into the weights of the next.
    """
    layers: Layers = []
    signs = np.ones(1)
    for width in widths:
        weights = width * signs[:, None] * np.ones((1, width))
        layers.append((weights, -np.arange(width, dtype=float)))
        signs = np.array([1.0, *(2.0 * (-1) ** k for k in range(1, width))])
    return layers


def random_layers(widths: tuple[int, ...], random: np.random.Generator) -> Layers:
    """First weights as they are usually drawn: He's, with biases as "
    "large."""
    sizes = (1, *widths)
    return [
        (random.normal(0, np.sqrt(2 / a), (a, b)), random.normal(0, np.sqrt(2 / a), b))
        for a, b in zip(sizes, widths, strict=False)
    ]


def plane(units: int, side: int, random: np.random.Generator) -> tuple[int, NDArray[np.int64]]:
    """Regions of the plane that `units` lines cut, and (side, side) which one each pixel lies in.

    Up to three lines touch a circle within the picture, so that all crossings can be seen.
    """
    angles = (np.arange(units) + random.uniform(0.4, 0.6, units)) * 2 * np.pi / 3
    normals = np.stack([np.cos(angles), np.sin(angles)])
    x = np.stack(np.meshgrid(*[np.linspace(-8, 8, side)] * 2), axis=2)
    on = (x @ normals - 0.8 > 0) @ (1 << np.arange(units))
    _, numbers = np.unique(on, return_inverse=True)
    return int(numbers.max()) + 1, numbers.reshape(side, side).astype(np.int64)


def measure(*, seed: int = 0, draws: int = 200, side: int = 200) -> Values:
    """Regions of 1, 2 and 3 lines in the plane; pieces of folded and of random networks."""
    random = np.random.default_rng(seed)
    seen, maps = {}, []
    for units in (1, 2, 3):
        seen[str(units)], numbers = plane(units, side, random)
        maps.append((png(palette(9)[1:][numbers]), _caption(units, seen[str(units)])))
    rows = []
    for widths in SHAPES:
        counted = [pieces(random_layers(widths, random)) for _ in range(draws)]
        rows.append(
            {
                "widths": widths,
                "folded": pieces(folded(widths)),
                "bound": bound(widths),
                "most": max(counted),
                "mean": float(np.mean(counted)),
            }
        )
    return {"regions": seen, "maps": maps, "pieces": rows}


def _caption(units: int, count: int) -> str:
    return f"{counted(units, 'rectifier')}: {count} regions"


def bound(widths: tuple[int, ...]) -> int:
    """No network cuts the line into more: each unit of a layer bends a piece at one place."""
    return prod(width + 1 for width in widths)


def judge(values: Values) -> list[Finding]:
    """Lines cut the plane as the formula has it; folds give Π wₙ, and nothing exceeds the bound."""
    found = [
        Finding(
            name=f"regions of {counted(n, 'hyperplane')} in the plane",
            ours=values["regions"][str(n)],
            rule="=",
            bound=1 + n + comb(n, 2),
            source=counted(n, "hyperplane"),
        )
        for n in (1, 2, 3)
    ]
    for row in values["pieces"]:
        name, folds = "-".join(map(str, row["widths"])), prod(row["widths"])
        found += [
            Finding(
                name=f"pieces of a folding {name} network",
                ours=row["folded"],
                rule="=",
                bound=folds,
                source="∝ Π wₙ",
            ),
            Finding(
                name=f"most pieces of random {name} networks",
                ours=row["most"],
                rule="≤",
                bound=row["bound"],
                source="the formula's bound",
            ),
        ]
    return found


def draw(values: Values) -> Markup:
    """The plane cut by one, two and three rectifiers; the pieces of the line as a table."""
    rows = [
        [
            "-".join(map(str, row["widths"])),
            f"{row['folded']}",
            f"{row['mean']:.1f}",
            f"{row['most']}",
            f"{row['bound']}",
        ]
        for row in values["pieces"]
    ]
    head = ("units of each layer", "folded", "random, mean", "random, most", "bound Π(w + 1)")
    return gallery(values["maps"]) + table(head, rows, "Pieces of the line from 0 to 1")


LAB = Lab(
    row="X8",
    name="regions",
    title="A rectifier is a fold",
    claims="A network of rectifiers is piecewise affine: one, two, three units are as many "
    "hyperplanes, and on the line the number of pieces grows like the product of the widths.",
    source="Lecture 001, hyperplanes; lecture 000, folding (Montúfar et al.)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(folded, pieces),
    assumed="The pieces are counted on [0, 1]; random networks have He's weights and biases as "
    "large.",
    full={"draws": 5000},
    tiny={"draws": 10, "side": 60},
    tries=("How near do random networks come to the bound?", "vitreous lab X8 --full"),
    plays="hidden=3&activation=relu",
)
