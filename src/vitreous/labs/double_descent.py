"""Double descent: the test error peaks where parameters and examples are equally many, then falls.

Both ways fit the examples by least squares and, where many solutions exist, take the smallest:
polynomials as in Schaeffer et al. (2023), "Double descent demystified", arXiv:2303.14151; and the
width of a network whose first layer stays as it was drawn, as in Belkin et al. (2019),
arXiv:1812.11118.
"""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.polynomial import legendre
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset
from vitreous.data.formats.open import open
from vitreous.drawing.chart import Line, line_chart
from vitreous.formats import plain, round_percent
from vitreous.labs.gallery import side_by_side, table
from vitreous.labs.lab import Finding, Lab, Values, figure

Array = NDArray[np.float64]

EXAMPLES = 15  # of the polynomials
PARAMETERS = (1, 2, 3, 5, 8, 11, 13, 14, 15, 16, 17, 20, 25, 35, 50, 75, 100, 200)
IMAGES = 200  # of digits that the network learns
WIDTHS = (5, 10, 20, 40, 80, 120, 160, 180, 200, 220, 240, 300, 400, 800, 1600)
TRUTHS = {
    "2x + cos 25x": lambda x: 2 * x + np.cos(25 * x),
    "sin 3x": lambda x: np.sin(3 * x),
}


def least_squares(features: Array, targets: Array) -> Array:
    """The weights of least squared error; of many, the smallest: pinv(A) t."""
    return np.asarray(np.linalg.pinv(features, rcond=1e-10) @ targets)


def polynomial_errors(truth: str, seed: int, noise: float) -> list[float]:
    """Mean squared error on new places for each number of Legendre polynomials."""
    random = np.random.default_rng(seed)
    x, places = random.uniform(-1, 1, EXAMPLES), np.linspace(-1, 1, 500)
    y = TRUTHS[truth](x) + noise * random.normal(size=EXAMPLES)
    errors = []
    for count in PARAMETERS:
        weights = least_squares(np.asarray(legendre.legvander(x, count - 1), np.float64), y)
        off = legendre.legvander(places, count - 1) @ weights - TRUTHS[truth](places)
        errors.append(float(np.mean(off**2)))
    return errors


def network_errors(seed: int, noise: float) -> list[float]:
    """Share of wrong answers on other digits for each width; `noise` is that of wrong labels."""
    random = np.random.default_rng(seed)
    digits = open("digits")
    order = random.permutation(len(digits))
    images = np.stack([digits.read(int(n)).ravel() for n in order]) / 255.0
    labels = class_numbers(digits)[order]
    learned = labels[:IMAGES].copy()
    wrong = random.random(IMAGES) < noise
    learned[wrong] = random.integers(0, 10, int(wrong.sum()))
    errors = []
    for width in WIDTHS:
        first = random.normal(0, 2 / images.shape[1] ** 0.5, (images.shape[1], width))
        hidden = np.maximum(images @ first, 0) / width**0.5
        weights = least_squares(hidden[:IMAGES], np.eye(10)[learned])
        named = (hidden[IMAGES:] @ weights).argmax(axis=1)
        errors.append(float(np.mean(named != labels[IMAGES:])))
    return errors


def class_numbers(data: Dataset) -> NDArray[np.int64]:
    numbers = data.targets["class"].exclusive
    assert numbers is not None
    return numbers


def measure(*, seed: int = 0, seeds: int = 40, networks: int = 3) -> Values:
    """The median error of each number of parameters, over all seeds."""
    polynomials = {
        f"{truth}, noise {noise:g}": np.median(
            [polynomial_errors(truth, 1000 * seed + n, noise) for n in range(seeds)], axis=0
        ).tolist()
        for truth in TRUTHS
        for noise in (0.1, 0.5)
    }
    widths = {
        f"{round_percent(noise)} wrong labels": np.median(
            [network_errors(1000 * seed + n, noise) for n in range(networks)], axis=0
        ).tolist()
        for noise in (0.0, 0.2)
    }
    return {"polynomials": polynomials, "networks": widths}


def peak(sizes: tuple[int, ...], errors: list[float], few: int) -> tuple[int, float, float]:
    """Size of the largest error from the first minimum on, the error there, and the least after.

    few  up to this size there is the first descent
    """
    start = int(np.argmin([error for size, error in zip(sizes, errors, strict=True) if size < few]))
    top = start + int(np.argmax(errors[start:]))
    return sizes[top], errors[top], min(errors[top:])


def judge(values: Values) -> list[Finding]:
    """The peak lies where parameters and examples are equally many, and behind it error falls."""
    found = []
    main = next(iter(values["polynomials"])), [*values["networks"]][1]
    for name, kind, sizes, count, reach in (
        (main[0], "polynomials", PARAMETERS, EXAMPLES, 2),
        (main[1], "networks", WIDTHS, IMAGES, 40),
    ):
        errors = values[kind][name]
        place, height, after = peak(sizes, errors, count)
        before = min(error for size, error in zip(sizes, errors, strict=True) if size < count)
        found += [
            Finding(
                name=f"{kind}: parameters at the peak, of {count} examples",
                ours=place,
                rule="±",
                bound=count,
                reach=reach,
                source="at #parameters ≈ n",
            ),
            Finding(
                name=f"{kind}: least error behind the peak over that at it",
                ours=after / height,
                rule="<",
                bound=0.7,
                source="a second descent",
            ),
            Finding(
                name=f"{kind}: least error behind the peak over the first minimum",
                ours=after / before,
                rule="<",
                bound=1,
                decides=False,
                source="or as measured",
                why="where the truth is one that few parameters can say, or has little to say "
                "between so few examples, the second descent ends above the first",
            ),
        ]
    return found


def draw(values: Values) -> Markup:
    """Both curves, and where the peak lies under other assumptions."""
    charts = []
    for kind, sizes, label in (
        ("polynomials", PARAMETERS, "polynomials, for 15 examples"),
        ("networks", WIDTHS, "hidden units, for 200 images"),
    ):
        lines = [
            Line(name, sizes, errors, color)
            for color, (name, errors) in enumerate(values[kind].items(), 1)
        ]
        title = f"Test error of {kind}"
        charts.append(line_chart(lines, title=title, x_label=label, log_x=True, y_format=plain))
    rows = []
    for kind, sizes, count in (("polynomials", PARAMETERS, EXAMPLES), ("networks", WIDTHS, IMAGES)):
        for name, errors in values[kind].items():
            place, height, after = peak(sizes, errors, count)
            rows.append([f"{kind}, {name}", f"{place}", plain(height), figure(after)])
    head = ("what is fitted", "peak at", "error there", "least behind it")
    return side_by_side(*charts) + table(head, rows, "How the peak moves with the assumptions")


LAB = Lab(
    row="X14",
    name="double-descent",
    title="Double descent",
    claims="The test error falls, rises to a peak where the parameters are as many as the "
    "examples, and falls again.",
    source="Lecture 000 (Belkin et al., 2018; Schaeffer et al., 2023)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(least_squares, polynomial_errors),
    assumed="Legendre polynomials, 15 examples of 2x + cos 25x with noise 0.1, the median of 40 "
    "draws. For the width: 200 of the digits that come along, a fifth with drawn labels, a first "
    "layer that is not trained, so that the parameters are as many as the units.",
    full={"seeds": 1000, "networks": 20},
    tiny={"seeds": 10, "networks": 1},
    tries=("More draws: the peak stays where it is.", "vitreous lab X14 --full"),
)
