"""Bias and variance: error as bias² + variance + noise, for polynomials and networks.

Many models learn from as many draws of the examples. Bias² is how far their mean is from the truth,
variance how far they are from their mean, and no model can be better than the noise. The sum is
compared with the error measured on new noisy targets, which knows nothing of the parts. Geman,
Bienenstock and Doursat (1992), "Neural networks and the bias/variance dilemma".
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup
from numpy.polynomial import legendre
from numpy.typing import NDArray

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values
from vitreous.labs.many_networks import born, train

Array = NDArray[np.float64]

NOISE = 0.3  # deviation of the targets
EXAMPLES = 25
DEGREES = (0, 1, 2, 3, 4, 5, 6)
WIDTHS = (1, 2, 4, 16)


def truth(x: Array) -> Array:
    return np.sin(np.pi * x)


def drawn(count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """As many draws of 25 examples: inputs and noisy targets, both (count, 25)."""
    x = random.uniform(-1, 1, (count, EXAMPLES))
    return x, truth(x) + NOISE * random.normal(size=x.shape)


def parts(answers: Array, places: Array, random: np.random.Generator) -> dict[str, float]:
    """bias², variance, noise and, measured for itself, the error; each a mean over the places.

    answers  (draws, places) of the models
    """
    mean = answers.mean(axis=0)
    news = truth(places) + NOISE * random.normal(size=answers.shape)
    errors = (answers - news) ** 2
    bias, variance = (mean - truth(places)) ** 2, answers.var(axis=0)
    return {
        "bias": float(bias.mean()),
        "variance": float(variance.mean()),
        "noise": NOISE**2,
        "error": float(errors.mean()),
        # Of the difference, over the draws: what chance alone would make of it.
        "deviation": float((errors - (answers - truth(places)) ** 2).mean(axis=1).std())
        / len(answers) ** 0.5,
    }


def measure(*, seed: int = 0, draws: int = 500, networks: int = 100, steps: int = 500) -> Values:
    """The parts for polynomials of each degree, and for networks of each width."""
    random = np.random.default_rng(seed)
    places = np.linspace(-0.9, 0.9, 37)
    x, y = drawn(draws, random)
    polynomials = {}
    for degree in DEGREES:
        answers = np.stack(
            [
                legendre.legval(places, legendre.legfit(*example, degree))
                for example in zip(x, y, strict=True)
            ]
        )
        polynomials[str(degree)] = parts(np.asarray(answers, np.float64), places, random)
    x, y = drawn(networks, random)
    inputs, targets = (torch.tensor(a[..., None], dtype=torch.float32) for a in (x, y))
    widths = {}
    for width in WIDTHS:
        stack = born((1, width, 1), networks, act="tanh", seed=seed)
        train(stack, inputs, targets, steps=steps, lr=0.05)
        found = stack(torch.tensor(places[:, None], dtype=torch.float32))[..., 0]
        widths[str(width)] = parts(found.double().numpy(), places, random)
    return {"polynomials": polynomials, "networks": widths}


def judge(values: Values) -> list[Finding]:
    """The identity holds within four deviations of chance; bias falls and variance grows."""
    found = []
    for kind, rows in values.items():
        off = [
            abs(row["bias"] + row["variance"] + row["noise"] - row["error"]) / row["deviation"]
            for row in rows.values()
        ]
        found.append(
            Finding(
                name=f"{kind}: error less the sum, in deviations of chance",
                ours=max(off),
                rule="≤",
                bound=4,
                source="E = bias² + var + σ²",
            )
        )
    rows = [*values["polynomials"].values()]
    return [
        *found,
        Finding(
            name="bias² of degree 5 over that of degree 1",
            ours=rows[5]["bias"] / rows[1]["bias"],
            rule="<",
            bound=0.1,
            source="bias falls",
        ),
        Finding(
            name="variance of degree 6 over that of degree 1",
            rule=">",
            bound=3,
            ours=rows[-1]["variance"] / rows[1]["variance"],
            source="variance grows",
        ),
    ]


def draw(values: Values) -> Markup:
    """Bias², variance and error over the degree, and over the width."""
    charts = []
    for kind, label in (("polynomials", "degree"), ("networks", "hidden units")):
        xs = [int(size) for size in values[kind]]
        lines = [
            Line(name, xs, [row[part] for row in values[kind].values()], color)
            for color, (part, name) in enumerate(
                [("bias", "bias²"), ("variance", "variance"), ("error", "error, measured")], 1
            )
        ]
        charts.append(line_chart(lines, title=f"Error of {kind}", x_label=label))
    return side_by_side(*charts)


LAB = Lab(
    row="X13",
    name="bias-variance",
    title="Bias and variance",
    claims="The expected error is bias² + variance + σ²: what a model cannot say, what it takes "
    "from chance, and the noise.",
    source="Lecture 000, generalization",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(parts,),
    assumed="The truth is sin πx on [−1, 1], 25 examples with noise of deviation 0.3; 500 draws "
    "for polynomials, 100 for networks with one hidden layer of tanh units.",
    full={"draws": 5000, "networks": 1000, "steps": 2000},
    tiny={"draws": 100, "networks": 20, "steps": 100},
    tries=("Ten times as many draws: the sum comes closer.", "vitreous lab X13 --full"),
)
