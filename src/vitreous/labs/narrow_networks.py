"""Width bound: networks of rectifiers can be narrow if they are deep, but not too narrow.

A wide layer is the same function as a narrow, deep network that carries its inputs along, computes
one wide unit after the other, and adds them up: n + 3 units a layer do, fewer than the n + 4 of Lu
et al. (2017), "The expressive power of neural networks: a view from the width", arXiv:1709.02540.
With n = 1 and one unit a layer a network is monotone, and so never nearer to a hill than the best
monotone function.
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup
from numpy.typing import NDArray

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.lab import Finding, Lab, Values
from vitreous.labs.many_networks import born, train

Array = NDArray[np.float64]
Layers = list[tuple[Array, Array]]


def run(layers: Layers, inputs: Array) -> Array:
    """(N, outputs) of rectified layers and a linear last one."""
    x = inputs
    for weights, biases in layers[:-1]:
        x = np.maximum(x @ weights + biases, 0)
    weights, biases = layers[-1]
    return np.asarray(x @ weights + biases)


def narrow(weights: Array, biases: Array, outs: Array, last: float) -> Layers:
    """The network of n + 3 units a layer that computes what one wide layer does, for inputs ≥ 0.

    weights, biases  (n, K) and (K,) of the wide layer; outs (K,) its weights in the output

    A layer holds the n inputs, one wide unit, and what has been added up so far: what counts
    positively and what negatively, both never below 0, so that the rectifiers let them pass.
    """
    n, units = weights.shape
    layers: Layers = []
    for k in range(units + 1):
        before = n if k == 0 else n + 3
        matrix, bias = np.zeros((before, n + 3)), np.zeros(n + 3)
        matrix[:n, :n] = np.eye(n)
        if k < units:
            matrix[:n, n], bias[n] = weights[:, k], biases[k]
        if k > 0:
            matrix[n + 1, n + 1] = matrix[n + 2, n + 2] = 1
            matrix[n, n + 1], matrix[n, n + 2] = max(outs[k - 1], 0), max(-outs[k - 1], 0)
        layers.append((matrix, bias))
    end = np.zeros((n + 3, 1))
    end[n + 1], end[n + 2] = 1, -1
    return [*layers, (end, np.array([last]))]


def hill(x: Array) -> Array:
    """sin 2πx: what no monotone function is near to."""
    return np.sin(2 * np.pi * x)


def hinges(count: int) -> tuple[Array, Array, Array]:
    """One wide layer that meets sin 2πx at `count` + 1 places in [0, 1], straight between them."""
    knots = np.linspace(0, 1, count + 1)
    slopes = np.diff(hill(knots)) * count
    return np.ones((1, count)), -knots[:-1], np.diff(slopes, prepend=0.0)


def monotone_error(targets: Array) -> float:
    """Mean squared distance to the best monotone function, by pooling adjacent violators."""
    ends = []
    for sign in (1, -1):
        blocks: list[list[float]] = []
        for value in sign * targets:
            blocks.append([value, 1])
            while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
                (b, m), (a, n) = blocks.pop(), blocks.pop()
                blocks.append([(a * n + b * m) / (n + m), n + m])
        fitted = np.concatenate([np.full(int(n), a) for a, n in blocks])
        ends.append(float(np.mean((fitted - sign * targets) ** 2)))
    return min(ends)


def measure(*, seed: int = 0, seeds: int = 50, steps: int = 400) -> Values:
    """Narrow copies of wide layers in 1, 2 and 4 dimensions; hills by 4 units a layer, and by 1."""
    random = np.random.default_rng(seed)
    copies = {}
    for n in (1, 2, 4):
        wide = random.normal(size=(n, 40)), random.normal(size=40), random.normal(size=40)
        inputs = random.uniform(0, 1, (200, n))
        expected = np.maximum(inputs @ wide[0] + wide[1], 0) @ wide[2] + 0.3
        copies[str(n)] = float(np.abs(run(narrow(*wide, 0.3), inputs)[:, 0] - expected).max())
    x = np.linspace(0, 1, 201)[:, None]
    errors = {}
    for count in (4, 8, 16, 32, 64):
        found = run(narrow(*hinges(count), 0.0), x)
        errors[str(count)] = float(np.abs(found - hill(x)).mean())
    stack = born((1, 1, 1, 1, 1), seeds, init="he", seed=seed)
    places, heights = (torch.tensor(a, dtype=torch.float32) for a in (x, hill(x)))
    train(stack, places, heights, steps=steps, lr=0.02)
    lonely = (stack(places) - heights).square().flatten(1).mean(1)
    return {
        "copies": copies,
        "errors": errors,
        "lonely": sorted(lonely.tolist()),
        "monotone": monotone_error(hill(x)[:, 0]),
    }


def judge(values: Values) -> list[Finding]:
    """Narrow equals wide, closer with depth; one unit a layer never beats a monotone function."""
    found = [
        Finding(
            name=f"n = {n}: {int(n) + 3} units a layer less 40 in one",
            ours=off,
            rule="≤",
            bound=1e-9,
            source="width ≤ n + 4",
        )
        for n, off in values["copies"].items()
    ]
    errors = [*values["errors"].values()]
    return [
        *found,
        Finding(
            name="mean error at 64 bends over that at 4",
            ours=errors[-1] / errors[0],
            rule="≤",
            bound=0.01,
            source="any error can be reached",
        ),
        Finding(
            name="one unit a layer: best error over the best monotone",
            rule="≥",
            bound=1 - 1e-6,
            ours=values["lonely"][0] / values["monotone"],
            source="width ≤ n is not enough",
        ),
    ]


def draw(values: Values) -> Markup:
    """The error over the depth."""
    errors = values["errors"]
    line = Line("4 units a layer", [int(n) + 1 for n in errors], [*errors.values()], 2)
    return line_chart([line], title="Mean distance from sin 2πx", x_label="layers", log_x=True)


LAB = Lab(
    row="X9",
    name="narrow",
    title="How narrow a deep network may be",
    claims="Rectified networks of any depth reach every integrable function with n + 4 units a "
    "layer.",
    source="Lecture 000 (Lu et al., 2017)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(narrow,),
    assumed="The proof is by construction, and so is the measurement: nothing is trained but the "
    "networks of one unit a layer, which are to fail.",
    full={"seeds": 500, "steps": 2000},
    tiny={"seeds": 5, "steps": 100},
    tries=(
        "One unit a layer from more starts: none beats the bound.",
        "vitreous lab X9 --full",
    ),
)
