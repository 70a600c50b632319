"""Prepared experiments: a question, the settings that ask it, what to do and what to see.

They are the experiments of a first course, ready to run before a class: a row is a title, a
question, what to do, what is seen then, and the settings that differ from the defaults.
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
    """All but the settings is shown; these are those of `State` that are not the defaults."""

    title: str
    question: str
    do: str
    see: str
    settings: dict[str, Any]

    @property
    def state(self) -> State:
        return State.from_json(self.settings)


LESSONS = {
    "first": Lesson(
        "A first network",
        "Four units, each a soft edge. How do they fence in the disk?",
        "Press Play for a few seconds, then point at the units of the first layer.",
        "Each unit is an edge at another angle; the output joins them into a closed curve.",
        {},
    ),
    "perceptron": Lesson(
        "A perceptron, and its limit",
        "No hidden layer: one straight line. What can it separate?",
        "Play until the clouds are apart. Then choose the data set xor and play again.",
        "With xor no line is good enough: the accuracy stays below 80 %, however long it trains.",
        {"data": "gauss", "hidden": [], "lr": 0.1},
    ),
    "xor_one": Lesson(
        "XOR with one hidden unit",
        "One unit bends the plane once. Can it solve XOR?",
        "Play, then press New seed and play again, as often as you like.",
        "One corner always stays on the wrong side: the training loss stops well above zero.",
        {**XOR, "hidden": [1]},
    ),
    "xor_two": Lesson(
        "XOR with two hidden units",
        "Two rectifiers suffice. Why not from every seed?",
        "Play 500 epochs, then New seed, and count how often the loss reaches zero.",
        "More than half of the seeds work; in the others the units get stuck at a loss above 0.2.",
        {**XOR, "hidden": [2]},
    ),
    "xor_linear": Lesson(
        "Depth without non-linearity",
        "Three linear layers in a row. Why is the boundary still a line?",
        "Play, then change the activation to relu and play again.",
        "As long as layers are linear, all of them together are one line; with relu it bends.",
        {**XOR, "hidden": [4, 4, 4], "activation": "linear"},
    ),
    "xor_feature": Lesson(
        "The right feature",
        "What did the hidden units do before?",
        "Play. Then leave the input X₁X₂ out by a click on it, and play again.",
        "With the product one weight is enough; without it nothing is learned.",
        {"data": "xor", "hidden": [], "features": ["x1", "x2", "product"], "lr": 0.1},
    ),
    "lecture": Lesson(
        "All seven features",
        "Which weights does a penalty leave?",
        "Play 100 epochs. Then again with L2 regularization 0.03, and with L1 0.003 alone.",
        "The stronger the penalty, the fewer thick lines: under L1 nine of ten weights vanish.",
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
        "How does a deep network wind around two spirals?",
        "Play for 20 seconds and point at units of each layer in turn.",
        "Edges in the first layer, curves in the second, pieces of the arms in the third.",
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
        "Why did deep networks of logistic units not learn?",
        "Press Step, then compare the gradients of the first and the last layer below the network.",
        "On the way back they shrink to a millionth; with relu by far less.",
        {"data": "circle", "hidden": [6] * 7, "activation": "logistic", "lr": 0.3},
    ),
    "dying": Lesson(
        "Dying rectifiers",
        "The rate is far too high. What happens to rectifiers?",
        "Play for a second and look for ×. Then choose the activation leaky_relu and play again.",
        "Units die and never come back; leaky ones keep a slope, though the rate stays too high.",
        {"data": "spiral", "hidden": [8, 8], "activation": "relu", "lr": 1.5},
    ),
    "saturation": Lesson(
        "Why cross-entropy",
        "Why cross-entropy and not squared error?",
        "Click both lines, set the weights to −5 (wrong), and play. Repeat with squared error.",
        "Cross-entropy recovers. Squared error does not: its gradient fades in saturation.",
        {"data": "gauss", "hidden": [], "lr": 0.003, "loss": "cross_entropy"},
    ),
    "overfitting": Lesson(
        "Learning the noise by heart",
        "Few noisy points, many weights: when does the test loss turn?",
        "Play 300 epochs. Then try L2, dropout or more points, each from a restart.",
        "The training loss goes to zero while the test loss rises; each remedy narrows the gap.",
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
        "Positive where 100(x₂-x₁²)²+(1-x₁)² < 0.5. Is a line enough?",
        "Play, then take the hidden layers away with − layer and play again.",
        "The network finds the thin banana; a single line cannot.",
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
        "The whole surface of Rosenbrock's function: how many tanh units does it need?",
        "Play 200 epochs with three units, then take one away and play again.",
        "Three tanh units come close; with two the loss stays about one half higher.",
        {"data": "valley", "hidden": [3], "optimizer": "adam", "lr": 0.02},
    ),
    "bumps": Lesson(
        "Regression: hills and hollows",
        "Six bumps. Is one wide layer or are two layers better?",
        "Play 200 epochs; then try one layer of 16 units in place of two of 8.",
        "Two layers of 8 come further than one of 16, with about as many units.",
        {"data": "bumps", "hidden": [8, 8], "optimizer": "adam", "lr": 0.02, "count": 1000},
    ),
}
