"""Interpolating an image: 2,601 gray values from 471 weights, and from 581 of one layer more."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from vitreous.labs.gallery import gallery, gray, table
from vitreous.labs.gray_image import SIDE, fit, median_finding, middle, ratio, scene, shape
from vitreous.labs.lab import Finding, Lab, Values, figure

SOURCE = {(10, 20, 10): "6.43e-02", (10, 20, 10, 10): "5.30e-02"}
WEIGHTS = {"10/20/10": 471, "10/20/10/10": 581}


def measure(*, seed: int = 0, seeds: int = 10, steps: int = 2500, others: bool = True) -> Values:
    """Losses and pictures of both shapes, and medians under other assumptions."""
    found = {shape(hidden): fit(hidden, seeds=seeds, steps=steps, seed=seed) for hidden in SOURCE}
    run = partial(fit, seeds=5, steps=steps // 2, seed=seed)
    kinds = {"tanh units": partial(run, act="tanh"), "rings": partial(run, image="rings")}
    moved = {
        name: [middle(other(hidden)) for hidden in SOURCE]
        for name, other in (kinds.items() if others else ())
    }
    return {"pixels": SIDE**2, "found": found, "moved": moved}


def judge(values: Values) -> list[Finding]:
    """The counts, both losses, and that the layer more is worth its weights."""
    three, four = values["found"].values()
    less, interval = ratio(four, three)
    counts = [
        Finding(
            name=f"weights of {name}",
            ours=values["found"][name]["weights"],
            rule="=",
            bound=count,
            source=f"{count}",
        )
        for name, count in WEIGHTS.items()
    ]
    figures = [
        median_finding(
            f"median loss of {shape(hidden)}", values["found"][shape(hidden)], source, reach=3
        )
        for hidden, source in SOURCE.items()
    ]
    return [
        Finding(name="gray values", ours=values["pixels"], rule="=", bound=2601, source="2,601"),
        *counts,
        *figures,
        Finding(
            name="loss of 10/20/10/10 over that of 10/20/10, geometric means",
            ours=less,
            rule="<",
            bound=1,
            interval=interval,
            source="0.824",
        ),
    ]


def draw(values: Values) -> Markup:
    """The image, what both networks make of it, and other assumptions."""
    pictures = gallery(
        [
            (gray(scene()), "2,601 gray values"),
            *(
                (row["picture"], f"{name}: {row['weights']} weights, loss {figure(middle(row))}")
                for name, row in values["found"].items()
            ),
        ]
    )
    rows = [[name, *map(figure, pair)] for name, pair in values["moved"].items()]
    if not rows:
        return pictures
    rows.insert(0, ["as assumed", *(figure(middle(row)) for row in values["found"].values())])
    head = ("assumption", "10/20/10", "10/20/10/10")
    return pictures + table(
        head, rows, "How the loss moves with the assumptions, at half the steps"
    )


LAB = Lab(
    row="X5",
    name="interpolation",
    title="Interpolating an image",
    claims="2,601 gray values are interpolated by 471 weights (10/20/10) with a loss of 6.43e-02, "
    "and by 581 (10/20/10/10) with 5.30e-2.",
    source="Lecture 001, interpolation",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(ratio,),
    assumed="As in X3: a landscape of 51 × 51 pixels, rectifiers, Adam at 0.01 falling to 0, 2,500 "
    "steps of 256 pixels, the median of ten seeds. What stands beside a loss is the least and the "
    "largest of the seeds; beside the ratio, 95 % of other seeds.",
    full={"seeds": 40, "steps": 10_000},
    tiny={"seeds": 3, "steps": 20, "others": False},
    tries=("Four times as many steps.", "vitreous lab X5 --full"),
    plays="data=bumps&hidden=8,8,8&activation=relu",
)
