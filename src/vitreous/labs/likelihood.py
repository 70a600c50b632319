"""Maximum likelihood: the mean and variance of a Gaussian, found by climbing and by a formula.

The same climb shows where two losses come from: under Gaussian noise the likeliest line is that of
least squares, and under coin flips the likeliest chance is that of least cross-entropy.
"""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.lab import Finding, Lab, Values

Array = NDArray[np.float64]


def log_likelihood(x: Array, mean: float, log_deviation: float) -> float:
    """Σ ln N(x; mean, deviation²), in nats."""
    z = (x - mean) * np.exp(-log_deviation)
    return float(-(0.5 * z**2 + log_deviation + 0.5 * np.log(2 * np.pi)).sum())


def climb(x: Array) -> tuple[float, float]:
    """Mean and variance at which the likelihood is greatest, found without a formula."""
    found = minimize(lambda p: -log_likelihood(x, *p), [0.0, 0.0], tol=1e-12)
    mean, log_deviation = found.x
    return float(mean), float(np.exp(2 * log_deviation))


def likeliest_line(inputs: Array, targets: Array) -> Array:
    """Slope and offset at which targets with Gaussian noise of deviation 1 are likeliest."""
    found = minimize(
        lambda w: -log_likelihood(targets - inputs * w[0] - w[1], 0.0, 0.0), [0.0, 0.0], tol=1e-12
    )
    return np.asarray(found.x)


def likeliest_chance(flips: Array) -> float:
    """The chance p at which Π pᵗ (1 − p)¹⁻ᵗ is greatest: that of the least cross-entropy."""
    found = minimize_scalar(
        lambda p: -(flips * np.log(p) + (1 - flips) * np.log(1 - p)).sum(),
        bounds=(1e-9, 1 - 1e-9),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x)


def measure(*, seed: int = 0, count: int = 200) -> Values:
    """All three, by climbing and by their formulas, from `count` draws each."""
    random = np.random.default_rng(seed)
    x = random.normal(1.5, 2.0, count)
    inputs = random.uniform(-1, 1, count)
    targets = 0.7 * inputs - 0.3 + random.normal(size=count)
    flips = (random.random(count) < 0.3).astype(float)
    means = np.linspace(x.mean() - 2, x.mean() + 2, 81)
    half_log = 0.5 * np.log(x.var())
    design = np.stack([inputs, np.ones(count)], axis=1)
    return {
        "climbed": climb(x),
        "formula": [float(x.mean()), float(x.var())],
        "line": likeliest_line(inputs, targets).tolist(),
        "least_squares": np.linalg.lstsq(design, targets, rcond=None)[0].tolist(),
        "chance": likeliest_chance(flips),
        "share": float(flips.mean()),
        "means": means.tolist(),
        "curve": [log_likelihood(x, mean, half_log) / count for mean in means],
    }


def judge(values: Values) -> list[Finding]:
    """Climbing and formula agree; what is left is how exactly a climb ends."""
    mean, variance = np.abs(np.subtract(values["climbed"], values["formula"]))
    line = float(np.abs(np.subtract(values["line"], values["least_squares"])).max())
    chance = abs(values["chance"] - values["share"])
    return [
        Finding(
            name="climbed mean less Σx/N", ours=float(mean), rule="≤", bound=1e-5, source="equal"
        ),
        Finding(
            name="climbed variance less Σ(x − μ)²/N",
            ours=float(variance),
            rule="≤",
            bound=1e-4,
            source="equal",
        ),
        Finding(
            name="likeliest line less that of least squares",
            ours=line,
            rule="≤",
            bound=1e-5,
            source="equal",
        ),
        Finding(
            name="likeliest chance less that of least cross-entropy",
            ours=chance,
            rule="≤",
            bound=1e-5,
            source="equal",
        ),
    ]


def draw(values: Values) -> Markup:
    """The likelihood over the mean, greatest at Σx/N."""
    return line_chart(
        [Line("log-likelihood an example", values["means"], values["curve"], 2)],
        title="How likely the examples are, for each mean",
        x_label="mean of the Gaussian",
        mark=(values["formula"][0], "Σx/N"),
    )


LAB = Lab(
    row="C5",
    name="likelihood",
    title="Maximum likelihood",
    claims="The likeliest mean is μ = Σx/N; Gaussian noise leads to the squared error, coin flips "
    "to the binary cross-entropy.",
    source="Lecture 003, maximum likelihood",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(log_likelihood, climb),
    full={"count": 100_000},
    tiny={"count": 50},
    tries=("Other draws: the two ways still agree.", "vitreous lab C5 --seed 1"),
)
