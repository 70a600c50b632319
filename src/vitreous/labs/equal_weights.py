"""Depth against width: the same image by one wide layer and by narrow layers of as many weights.

A unit of the first layer is one straight fold of the picture; a unit of the second folds what is
folded already, so that the same number of weights makes many more pieces.
"""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import gallery, gray, table
from vitreous.labs.gray_image import fit, median_finding, middle, ratio, scene, shape
from vitreous.labs.lab import Finding, Lab, Values, figure

SOURCE = {
    (125,): "2.40e-01",
    (20, 20): "8.31e-02",
    (14, 14, 14): "7.55e-02",
    (15, 15, 15): "5.93e-02",
    (19, 19, 19): "4.38e-02",
}
WIDE = (300,)  # 1,201 weights, of X3


def measure(*, seed: int = 0, seeds: int = 5, steps: int = 4000, others: bool = True) -> Values:
    """Losses and pictures of each shape, and of the equal ones under other assumptions."""
    found = {shape(hidden): fit(hidden, seeds=seeds, steps=steps, seed=seed) for hidden in SOURCE}
    found[shape(WIDE)] = fit(WIDE, seeds=2, steps=steps, seed=seed)
    run = partial(fit, seeds=2, steps=steps // 4, seed=seed)
    kinds = {"tanh units": partial(run, act="tanh"), "rings": partial(run, image="rings")}
    moved = {
        name: [middle(other(hidden)) for hidden in ((125,), (20, 20))]
        for name, other in (kinds.items() if others else ())
    }
    return {"found": found, "moved": moved}


def judge(values: Values) -> list[Finding]:
    """Depth beats width at equal weights, by two at least, and even against twice the weights."""
    found = values["found"]
    claims = (
        ("1 × 125 over 2 × 20, both of 501 weights", "1 × 125", "2 × 20", 2, "2.89"),
        ("1 × 125 over 3 × 14 of 477 weights", "1 × 125", "3 × 14", 2, "3.18"),
        ("1 × 300 of 1,201 weights over 3 × 14 of 477", "1 × 300", "3 × 14", 1.5, "2.54"),
        ("2 × 20 over 3 × 19", "2 × 20", "3 × 19", 1.2, "1.90"),
    )
    ratios = [
        Finding(
            name=f"loss of {name}, geometric means",
            ours=ratio(found[one], found[other])[0],
            rule="≥",
            bound=bound,
            source=source,
        )
        for name, one, other, bound, source in claims
    ]
    figures = [
        median_finding(
            f"median loss of {name}, {found[name]['weights']} weights",
            found[name],
            source,
            reach=2,
            decides=False,
            why="the source's picture is another one",
        )
        for name, source in ((shape(hidden), source) for hidden, source in SOURCE.items())
    ]
    return [*ratios, *figures]


def draw(values: Values) -> Markup:
    """Loss over weights, one curve a depth; the pictures; and the ratio elsewhere."""
    found = values["found"]
    lines = [
        Line(
            f"{depth} hidden layer{'s' * (depth > 1)}",
            [row["weights"] for row in rows],
            [middle(row) for row in rows],
            depth,
        )
        for depth in (1, 3)
        if (rows := [row for name, row in found.items() if name.startswith(f"{depth} ×")])
    ]
    chart = line_chart(
        lines, title="Median loss over the number of weights", x_label="weights", y_format=figure
    )
    pictures = gallery(
        [
            (gray(scene()), "the landscape"),
            *((row["picture"], f"{name}: {figure(middle(row))}") for name, row in found.items()),
        ]
    )
    rows = [
        [name, *map(figure, pair), figure(pair[0] / pair[1])]
        for name, pair in values["moved"].items()
    ]
    head = ("assumption", "1 × 125", "2 × 20", "ratio")
    told = (
        table(head, rows, "With a quarter of the steps, and other assumptions")
        if rows
        else Markup()
    )
    return chart + pictures + told


LAB = Lab(
    row="X4",
    name="depth",
    title="Depth beats width",
    claims="With equally many weights deeper networks come closer to an image: 1 × 125 (501 "
    "weights) 2.40e-01, 2 × 20 (501) 8.31e-02, 3 × 14 (477) 7.55e-02, 3 × 15 (541) 5.93e-02, 3 × "
    "19 (837) 4.38e-02.",
    source="Lecture 001, deep against wide",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(fit,),
    assumed="As in X3: a landscape of 51 × 51 pixels, rectifiers, Adam at 0.01 falling to 0, "
    "steps of 256 pixels; 4,000 steps and the median of five seeds. What stands beside a figure "
    "is the least and the largest of the seeds.",
    full={"seeds": 20, "steps": 10_000},
    tiny={"seeds": 2, "steps": 20, "others": False},
    tries=("Other first weights: the order stays.", "vitreous lab X4 --seed 1"),
    plays="data=bumps&hidden=8,8,8&activation=relu",
)
