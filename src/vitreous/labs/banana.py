"""Rosenbrock's banana: where f < 0.5, told apart by a bent boundary; and the height itself.

No straight line parts the banana from what surrounds it, so logistic regression has to fail; one
hidden layer bends its boundary. The same network without the question mark of a class, with a
linear output, answers with the height: classification and regression differ in the loss alone.
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor, nn

from vitreous.data.synthetic import BANANA, sample
from vitreous.formats import percent
from vitreous.labs import gallery
from vitreous.labs.lab import Finding, Lab, Values, figure, over_seeds
from vitreous.labs.many_networks import born, squared, train
from vitreous.metrics.interval import spread

SHAPES = {"logistic regression": (), "4 units": (4,), "16 units": (16,), "16 and 16": (16, 16)}
BEST = "16 and 16"
MAP = 81  # pixels of a side


def logistic(outputs: Tensor, targets: Tensor) -> Tensor:
    """(S,) cross-entropy of logits (S, N, 1) and targets of −1 and 1."""
    return nn.functional.softplus(-outputs * targets).flatten(1).mean(1)


def drawn(name: str, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points (N, 2), inside [−1, 1]², and their answers (N, 1)."""
    points = sample(name, count, generator=np.random.default_rng(seed))
    if name == "rosenbrock":
        inputs = scaled(points.inputs)
    else:
        inputs = 2 * points.inputs - 1  # the unit square
    as_tensor = [torch.tensor(a, dtype=torch.float32) for a in (inputs, points.targets[:, None])]
    return as_tensor[0], as_tensor[1]


def scaled(places: np.ndarray) -> np.ndarray:
    """Places of the window, from −1 to 1."""
    left, right, bottom, top = BANANA
    middle, half = (
        np.array([left + right, bottom + top]) / 2,
        np.array([right - left, top - bottom]) / 2,
    )
    return np.asarray((places - middle) / half)


def measure(*, seed: int = 0, seeds: int = 10, examples: int = 2000, steps: int = 1500) -> Values:
    """Test accuracies of each shape and seed, maps; and the regression's share of the variance."""
    x, y = drawn("rosenbrock", examples, seed)
    new_x, new_y = drawn("rosenbrock", 4000, seed + 1000)
    axis = torch.linspace(-1, 1, MAP)
    places = torch.cartesian_prod(axis.flip(0), axis).flip(1)  # rows from top to bottom
    accuracies, maps = {}, []
    for name, hidden in SHAPES.items():
        networks = born((2, *hidden, 1), seeds, act="tanh", seed=seed)
        train(networks, x, y, steps=steps, lr=0.03, batch=256, loss=logistic, seed=seed)
        right = (networks(new_x) * new_y > 0).double().mean((1, 2))
        accuracies[name] = right.tolist()
        middle = int(right.argsort()[seeds // 2])
        answers = torch.tanh(networks(places)[middle, :, 0] / 2)
        maps.append((gallery.answers(answers.reshape(MAP, MAP).numpy()), name))
    return {
        "accuracies": accuracies,
        "maps": maps,
        "regression": regress(seed, seeds, examples, steps),
    }


def regress(seed: int, seeds: int, examples: int, steps: int) -> dict[str, list[float]]:
    """Mean squared error on new points of the valley, over the variance of the heights there."""
    x, y = drawn("valley", examples, seed)
    new_x, new_y = drawn("valley", 4000, seed + 1000)
    found = {}
    for name, hidden in SHAPES.items():
        networks = born((2, *hidden, 1), seeds, act="tanh", seed=seed)
        train(networks, x, y, steps=steps, lr=0.03, batch=256, seed=seed)
        found[name if hidden else "a plane"] = (
            squared(networks(new_x), new_y) / new_y.var()
        ).tolist()
    return found


def judge(values: Values) -> list[Finding]:
    """A network with hidden layers tells 99 % rightly, logistic regression far fewer."""
    straight, bent = (spread(values["accuracies"][n]) for n in ("logistic regression", BEST))
    plane, surface = (spread(values["regression"][n]) for n in ("a plane", BEST))
    return [
        over_seeds(f"accuracy on new points, {BEST} units", bent, "≥", 0.99, source="≥ 0.99"),
        over_seeds("accuracy of logistic regression", straight, "≤", 0.9, source="clearly lower"),
        over_seeds(
            f"regression: squared error over the variance, {BEST} units",
            surface,
            "≤",
            0.01,
            source="the surface itself",
        ),
        over_seeds("regression: the same of a plane", plane, "≥", 0.1, source="clearly worse"),
    ]


def draw(values: Values) -> Markup:
    """Decision maps and the accuracies."""
    maps = gallery.gallery(values["maps"])
    names = [*values["regression"]]
    rows = [
        [name, percent(float(np.mean(right))), figure(float(np.mean(values["regression"][other])))]
        for (name, right), other in zip(values["accuracies"].items(), names, strict=True)
    ]
    head = ("network", "accuracy, f < 0.5", "squared error of the height, over its variance")
    return maps + gallery.table(head, rows, "How the figures move with the units")


LAB = Lab(
    row="X7",
    name="banana",
    title="Rosenbrock's banana: a class and a height",
    claims="A network tells whether Rosenbrock's function is below 0.5, which no straight line "
    "does, and with a linear output it gives the height.",
    source="Lecture 001, classification and regression",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(logistic, scaled),
    assumed="Half of the points lie in the banana, the others around it in [−1, 3] × [−0.5, 3.5]; "
    "tanh units, 2,000 points, Adam at 0.03 falling to 0, 1,500 steps of 256; 4,000 new points; "
    "ten seeds. The height is learned on the unit square.",
    full={"seeds": 50, "steps": 5000},
    tiny={"seeds": 2, "examples": 200, "steps": 10},
    tries=("How few units will do?", "vitreous play"),
    plays="data=rosenbrock&hidden=16,16&activation=tanh&optimizer=adam&lr=0.03",
)
