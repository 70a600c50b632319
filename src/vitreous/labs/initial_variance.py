"""Initialization laboratory: how large a signal is after fifty layers, for each way to begin.

With n inputs, weights of variance v multiply the mean square of a signal by n v at each layer, and
a rectifier halves it: 2/n is right for rectifiers, 1/n for units that are straight around 0, and
anything else is magnified to the fiftieth power. Only tanh, which bends, forgives weights that are
too large; it is saturated then.
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.blocks.init import INITIALIZERS
from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import table
from vitreous.labs.lab import Finding, Lab, Values, figure

LAYERS, EXAMPLES = 50, 32
ACTS = ("linear", "tanh", "logistic", "relu")
RIGHT = (("xavier", "linear"), ("glorot", "linear"), ("he", "relu"))


def mean_squares(width: int, seed: int) -> dict[tuple[str, str], list[float]]:
    """The mean square of the activations of each of 50 layers, for inputs of mean square 1.

    All pairs of weights and activation have the same draws, each scaled as its rule says.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(EXAMPLES, width, generator=generator).double()  # 10⁵⁰ and more
    signals = {(init, act): inputs for init in INITIALIZERS for act in ACTS}
    found: dict[tuple[str, str], list[float]] = {pair: [] for pair in signals}
    for _ in range(LAYERS):
        weight = torch.randn(width, width, generator=generator).double()
        for (init, act), x in signals.items():
            sums = x @ weight * INITIALIZERS[init](width, width)
            signals[init, act] = ACTIVATIONS[act].build()(sums)
            found[init, act].append(float(signals[init, act].square().mean()))
    return found


def measure(*, seed: int = 0, seeds: int = 4, width: int = 1024) -> Values:
    """For each pair, the geometric mean over seeds of each layer; and the gradients of zeros."""
    runs = [mean_squares(width, 1000 * seed + n) for n in range(seeds)]
    found: dict[str, dict[str, list[float]]] = {init: {} for init in INITIALIZERS}
    for init, act in runs[0]:
        with np.errstate(divide="ignore"):
            logs = np.log([run[init, act] for run in runs])
        found[init][act] = np.exp(logs.mean(axis=0)).tolist()
    return {"found": found, "zero": gradient_of_zeros(seed)}


def gradient_of_zeros(seed: int) -> float:
    """The largest gradient of the first layer's weights where all weights are 0."""
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = torch.randn(2, 32, 8, generator=generator)
    weights = [torch.zeros(8, 8, requires_grad=True) for _ in range(3)]
    x = inputs
    for weight in weights:
        x = torch.tanh(x @ weight)
    (slope,) = torch.autograd.grad((x - targets).square().mean(), [weights[0]])
    return float(slope.abs().max())


def ratio(values: Values, init: str, act: str) -> float:
    """Mean square of the last layer over that of the first."""
    layers = values["found"][init][act]
    return float(layers[-1] / layers[0]) if layers[0] else 0.0


def judge(values: Values) -> list[Finding]:
    """The right pairs keep the signal; the rules taken for the wrong units do not."""
    found = [
        Finding(
            name=f"{init} and {act}: layer 50 over layer 1",
            ours=ratio(values, init, act),
            rule="×",
            bound=1,
            reach=2,
            source="kept, within [0.5, 2]",
        )
        for init, act in RIGHT
    ]
    return [
        *found,
        Finding(
            name="xavier and relu: layer 50 over layer 1",
            ours=ratio(values, "xavier", "relu"),
            rule="×",
            bound=2.0**-49,
            reach=4,
            source="halved by each layer: 2⁻⁴⁹",
        ),
        Finding(
            name="largest gradient of the first layer, all weights 0",
            ours=values["zero"],
            rule="=",
            bound=0,
            source="0",
        ),
    ]


def draw(values: Values) -> Markup:
    """The signal layer by layer under rectifiers, and all pairs as a table."""
    layers = range(1, LAYERS + 1)
    lines = [
        Line(f"{init}, {act}", [*layers], values["found"][init][act], color)
        for color, (init, act) in enumerate(
            [("he", "relu"), ("xavier", "relu"), ("xavier", "tanh"), ("he", "tanh")], 1
        )
    ]
    chart = line_chart(
        lines, title="Mean square of the activations", x_label="layer", y_format=figure
    )
    rows = [[init, *(figure(ratio(values, init, act)) for act in ACTS)] for init in values["found"]]
    return chart + table(("weights", *ACTS), rows, "Layer 50 over layer 1, 1 where it is kept")


LAB = Lab(
    row="T6",
    name="variance",
    title="How to begin",
    claims="Weights have to keep the size of a signal: variance 1/n for units that are straight "
    "around 0, 2/n for rectifiers; from zeros nothing is learned.",
    source="Lecture 003, initialization; lecture 000, std 1/√n and √(2/n)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(mean_squares,),
    assumed="50 layers of 1,024 units, inputs from N(0, 1), no biases; the geometric mean of four "
    "seeds. The mean square is measured, which is the variance where the mean is 0; normal is "
    "N(0, 0.01) at any width, as the lecture has it.",
    full={"seeds": 20, "width": 2048},
    tiny={"seeds": 2, "width": 400},
    tries=("A wider network keeps closer to the rule.", "vitreous lab T6 --full"),
)
