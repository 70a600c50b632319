"""Prepared experiments: a question, the settings that ask it, and what to look at.

They are the experiments of a first course, ready to run before a class: a row is a title, a
question, and the settings that differ from the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitreous.labs.xor import LR, corners
from vitreous.playground.plane.page_state import State

CORNERS = [
    [*place, target]
    for place, target in zip(corners().inputs.tolist(), corners().targets.tolist(), strict=True)
]
# Three quarters of the points train, all of them in each step: plain gradient descent.
XOR = {"data": "own", "points": CORNERS, "ratio": 0.75, "batch_size": 27, "lr": LR}
XOR |= {"activation": "relu", "init": "awake"}
LECTURE = ("x1", "x2", "x1_squared", "x2_squared", "product", "sin_x1", "sin_x2")


@dataclass(frozen=True)
class Lesson:
    """title and question are shown; settings are those of `State` that are not the defaults."""

    title: str
    question: str
    settings: dict[str, Any]

    @property
    def state(self) -> State:
        return State.from_json(self.settings)


LESSONS = {
    "first": Lesson(
        "A first network",
        "Four units, each a soft edge. How do they fence in the disk?",
        {},
    ),
    "perceptron": Lesson(
        "A perceptron, and its limit",
        "No hidden layer: one straight line. Two clouds are easy; now choose xor. What happens?",
        {"data": "gauss", "hidden": [], "lr": 0.1},
    ),
    "xor_one": Lesson(
        "XOR with one hidden unit",
        "One unit bends the plane once. Restart with as many seeds as you like: can it work?",
        {**XOR, "hidden": [1]},
    ),
    "xor_two": Lesson(
        "XOR with two hidden units",
        "Two rectifiers suffice, from more than half of the seeds. Where do stuck units look?",
        {**XOR, "hidden": [2]},
    ),
    "xor_linear": Lesson(
        "Depth without non-linearity",
        "Three linear layers in a row. Why is the boundary still a line?",
        {**XOR, "hidden": [4, 4, 4], "activation": "linear"},
    ),
    "xor_feature": Lesson(
        "The right feature",
        "No hidden layer, but the product X₁X₂ as an input. What did the hidden units do before?",
        {"data": "xor", "hidden": [], "features": ["x1", "x2", "product"], "lr": 0.1},
    ),
    "lecture": Lesson(
        "All seven features",
        "Every feature, three layers and an L2 penalty. Which weights does the penalty leave?",
        {
            "data": "circle",
            "features": list(LECTURE),
            "hidden": [8, 8, 8],
            "activation": "relu",
            "lr": 0.1,
            "l2": 0.003,
            "batch_size": 15,
        },
    ),
    "spiral": Lesson(
        "Two spirals from plain coordinates",
        "Watch the layers: edges in the first, curves in the second, arms in the third.",
        {
            "data": "spiral",
            "hidden": [8, 8, 8],
            "activation": "relu",
            "optimizer": "adam",
            "lr": 0.01,
        },
    ),
    "vanishing": Lesson(
        "The vanishing gradient",
        "Seven logistic layers. Compare the gradients of the first and the last; then try relu.",
        {"data": "circle", "hidden": [6] * 7, "activation": "logistic", "lr": 0.3},
    ),
    "dying": Lesson(
        "Dying rectifiers",
        "The rate is far too high. Which units are marked dead? Does leaky_relu bring them back?",
        {"data": "spiral", "hidden": [8, 8], "activation": "relu", "lr": 1.5},
    ),
    "saturation": Lesson(
        "Why cross-entropy",
        "Squared error fades where the output saturates. Switch the loss and compare the start.",
        {"data": "gauss", "hidden": [], "lr": 0.003, "loss": "cross_entropy"},
    ),
    "overfitting": Lesson(
        "Learning the noise by heart",
        "Few noisy points, many weights: when does the test loss turn? Try L2, dropout, more data.",
        {
            "data": "circle",
            "count": 60,
            "noise": 0.8,
            "hidden": [16, 16],
            "activation": "relu",
            "optimizer": "adam",
            "lr": 0.01,
        },
    ),
    "rosenbrock": Lesson(
        "Rosenbrock's banana",
        "Positive where 100(x₂-x₁²)²+(1-x₁)² < 0.5. Take the hidden layers away: is a line enough?",
        {
            "data": "rosenbrock",
            "count": 1000,
            "batch_size": 30,
            "hidden": [16, 16],
            "activation": "relu",
            "loss": "cross_entropy",
            "optimizer": "adam",
            "lr": 0.01,
        },
    ),
    "valley": Lesson(
        "Regression: Rosenbrock's valley",
        "The whole surface on the unit square. Three tanh units come close; what do two do?",
        {"data": "valley", "hidden": [3], "optimizer": "adam", "lr": 0.02},
    ),
    "bumps": Lesson(
        "Regression: hills and hollows",
        "Six bumps. How many units does a single hidden layer need? And two layers?",
        {"data": "bumps", "hidden": [8, 8], "optimizer": "adam", "lr": 0.02, "count": 1000},
    ),
}
