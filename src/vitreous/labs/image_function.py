"""Image from one hidden layer: I = f(x, y) with 50 to 300 units, each a fold across the picture."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from vitreous.formats import counted
from vitreous.labs.gallery import gallery, gray, table
from vitreous.labs.gray_image import examples, fit, median_finding, middle, ratio, scene
from vitreous.labs.lab import Finding, Lab, Values, figure

SOURCE = {50: "3.65e-01", 100: "2.50e-01", 125: "2.40e-01", 300: "1.92e-01"}
PAIRS = ((50, 100), (100, 125), (125, 300), (50, 300))


def measure(*, seed: int = 0, seeds: int = 5, steps: int = 1200, others: bool = True) -> Values:
    """Losses and pictures of each width; of the narrowest and widest, other assumptions too."""
    found = {str(units): fit((units,), seeds=seeds, steps=steps, seed=seed) for units in SOURCE}
    moved = {}
    if others:
        run = partial(fit, seeds=2, seed=seed, steps=steps // 2)
        for name, other in (
            ("tanh units", partial(run, act="tanh")),
            ("rings", partial(run, image="rings")),
            ("half the steps", run),
        ):
            moved[name] = [middle(other((units,))) for units in (min(SOURCE), max(SOURCE))]
    return {"found": found, "moved": moved}


def judge(values: Values) -> list[Finding]:
    """More units come closer, and each figure is of the source's size."""
    found = {int(units): row for units, row in values["found"].items()}
    ratios = {pair: ratio(found[pair[1]], found[pair[0]]) for pair in PAIRS}
    steps = [
        Finding(
            name=f"loss with {more} units over that with {fewer}, geometric means",
            ours=ratios[fewer, more][0],
            interval=ratios[fewer, more][1],
            rule="<",
            bound=1,
            source=figure(float(SOURCE[more]) / float(SOURCE[fewer])),
            decides=more >= 2 * fewer,
            why="a quarter more units is less than what first weights change",
        )
        for fewer, more in PAIRS
    ]
    figures = [
        median_finding(
            f"median loss with {units} units",
            found[units],
            source,
            reach=2,
            decides=False,
            why="the source's picture is another one",
        )
        for units, source in SOURCE.items()
    ]
    return [*steps, *figures]


def draw(values: Values) -> Markup:
    """The picture, and what each width makes of it."""
    pictures = gallery(
        [
            (gray(scene()), "the landscape"),
            *(
                (row["picture"], f"{counted(int(units), 'unit')}, {row['weights']:,} weights")
                for units, row in values["found"].items()
            ),
        ]
    )
    rows = [[name, *map(figure, pair)] for name, pair in values["moved"].items()]
    if not rows:
        return pictures
    ends = [values["found"][str(units)] for units in (min(SOURCE), max(SOURCE))]
    rows.insert(0, ["as assumed", *(figure(middle(row)) for row in ends)])
    head = ("assumption", "50 units", "300 units")
    return pictures + table(head, rows, "How the loss moves with the assumptions")


LAB = Lab(
    row="X3",
    name="image",
    title="An image as a function",
    claims="One hidden layer learns I = f(x, y) from the pixels of an image: with 50, 100, 125, "
    "300 units the loss is 3.65e-01, 2.50e-01, 2.40e-01, 1.92e-01.",
    source="Lecture 001, universal approximation of an image",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(examples,),
    assumed="The source's image is not in the source. Taken: a landscape of 51 × 51 pixels made of "
    "formulas, gray values with variance 1, rectifiers, Adam at 0.01 falling to 0, 1,200 steps of "
    "256 pixels, five seeds. What stands beside a median is the least and the largest of the "
    "seeds; beside a ratio, 95 % of other seeds.",
    full={"seeds": 10, "steps": 10_000},
    tiny={"seeds": 2, "steps": 10, "others": False},
    tries=("Do more steps close the gap to deeper networks of X4?", "vitreous lab X3 --full"),
)
