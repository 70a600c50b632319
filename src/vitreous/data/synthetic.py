"""Synthetic toy data: points in the plane, on which a network can be watched whole.

Two inputs can be drawn, so the decision of every unit becomes a picture. The classification sets
are circle, xor, gauss and spiral, and the banana inside a level curve of Rosenbrock's function
(Rosenbrock (1960), "An automatic method for finding the greatest or least value of a function").
The regression sets are a plane, a landscape of bumps, and Rosenbrock's valley itself.

Every set draws from a generator that is passed in, so a seed and a row of `SETS` are a data set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vitreous.errors import UsageError, unknown

Array = NDArray[np.float64]
Window = tuple[float, float, float, float]  # left, right, bottom, top

RADIUS = 5.0
PLANE: Window = (-6.0, 6.0, -6.0, 6.0)


@dataclass(frozen=True, eq=False)
class Points:
    """inputs (N, 2); targets (N,): -1 or +1 for classification, in [-1, 1] for regression."""

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> Points:
        return Points(self.inputs[rows], self.targets[rows])


@dataclass(frozen=True)
class PointSet:
    """A row of `SETS`.

    kind    classify or regress
    window  the part of the plane that is drawn
    draw    (count, generator) -> inputs (count, 2), targets (count,), without noise
    """

    kind: Literal["classify", "regress"]
    window: Window
    draw: Callable[[int, Generator], tuple[Array, Array]]


def rosenbrock(x1: Array, x2: Array) -> Array:
    """f(x1, x2) = 100 (x2 - x1²)² + (1 - x1)², whose minimum, 0, lies at (1, 1)."""
    return np.asarray(100 * (x2 - x1**2) ** 2 + (1 - x1) ** 2)


def circle(count: int, generator: Generator) -> tuple[Array, Array]:
    """A disk (+1) inside a ring (-1); equal numbers of both, whatever their areas."""
    targets = signs(count)
    low, high = np.where(targets > 0, [[0.0], [0.5]], [[0.7], [1.0]])
    radius = RADIUS * generator.uniform(low, high)
    angle = generator.uniform(0, 2 * np.pi, count)
    return polar(radius, angle), targets


def xor(count: int, generator: Generator) -> tuple[Array, Array]:
    """+1 where both coordinates have one sign; a gap of 0.6 separates the four squares."""
    inputs = generator.uniform(-RADIUS, RADIUS, (count, 2))
    inputs += np.copysign(0.3, inputs)
    return inputs, np.sign(inputs.prod(axis=1))


def gauss(count: int, generator: Generator) -> tuple[Array, Array]:
    """Two round clouds of deviation 1 around (2, 2) and (-2, -2)."""
    targets = signs(count)
    return 2 * targets[:, None] + generator.normal(size=(count, 2)), targets


def spiral(count: int, generator: Generator) -> tuple[Array, Array]:
    """Two arms of 1¾ turns; the one is the other turned by half a turn."""
    targets = signs(count)
    along = generator.uniform(0.02, 1, count)
    angle = 1.75 * 2 * np.pi * along + np.where(targets > 0, 0, np.pi)
    return polar(RADIUS * along, angle), targets


BANANA: Window = (-1.0, 3.0, -0.5, 3.5)
LEVEL = 0.5


def banana(count: int, generator: Generator) -> tuple[Array, Array]:
    """+1 where Rosenbrock's function is below 0.5; one half of the points lies there.

    With a = 1 - x1 and b = 10 (x2 - x1²), f = a² + b²: the banana is a disk seen through a map
    of constant Jacobian, so a uniform draw from the disk is one from the banana.
    """
    inside = count // 2
    radius = np.sqrt(LEVEL * generator.uniform(0, 1, inside))
    a, b = polar(radius, generator.uniform(0, 2 * np.pi, inside)).T
    positive = np.stack([1 - a, (1 - a) ** 2 + b / 10], axis=1)
    left, right, bottom, top = BANANA
    negative = np.empty((0, 2))
    while len(negative) < count - inside:
        some = generator.uniform((left, bottom), (right, top), (count, 2))
        negative = np.concatenate([negative, some[rosenbrock(*some.T) >= LEVEL]])
    inputs = np.concatenate([positive, negative[: count - inside]])
    return inputs, np.where(rosenbrock(*inputs.T) < LEVEL, 1.0, -1.0)


def plane(count: int, generator: Generator) -> tuple[Array, Array]:
    """(x1 + x2) / 12: a slope from -1 in one corner to +1 in the other."""
    inputs = generator.uniform(-6, 6, (count, 2))
    return inputs, inputs.sum(axis=1) / 12


BUMPS = np.array(
    [[-4, 2.5, 1], [0, 2.5, -1], [4, 2.5, 1], [-4, -2.5, -1], [0, -2.5, 1], [4, -2.5, -1]]
)


def bumps(count: int, generator: Generator) -> tuple[Array, Array]:
    """Six Gaussian hills and hollows of deviation 1, in two rows of alternating sign."""
    inputs = generator.uniform(-6, 6, (count, 2))
    squares = ((inputs[:, None] - BUMPS[:, :2]) ** 2).sum(axis=2)  # (count, 6)
    return inputs, np.asarray(np.exp(-squares / 2) @ BUMPS[:, 2])


def valley(count: int, generator: Generator) -> tuple[Array, Array]:
    """Rosenbrock's function on the unit square, f / 50.5 - 1: its range there is [0, 101]."""
    inputs = generator.uniform(0, 1, (count, 2))
    return inputs, rosenbrock(*inputs.T) / 50.5 - 1


SETS = {
    "circle": PointSet("classify", PLANE, circle),
    "xor": PointSet("classify", PLANE, xor),
    "gauss": PointSet("classify", PLANE, gauss),
    "spiral": PointSet("classify", PLANE, spiral),
    "rosenbrock": PointSet("classify", BANANA, banana),
    "plane": PointSet("regress", PLANE, plane),
    "bumps": PointSet("regress", PLANE, bumps),
    "valley": PointSet("regress", (0.0, 1.0, 0.0, 1.0), valley),
}


def sample(name: str, count: int, *, noise: float = 0.0, generator: Generator) -> Points:
    """`count` points of a set, in random order.

    noise  in classification, the deviation of a displacement, in sixths of the window's width,
           after the answer was given; in regression, the deviation added to the target

    Raises UsageError for an unknown set, a count below 2 or a noise that is negative.
    """
    if name not in SETS:
        raise unknown("set of points", name, SETS)
    if count < 2 or not noise >= 0:
        raise UsageError(
            f"{count} points with noise {noise}",
            remedy="Ask for at least 2 points and a noise of 0 or more.",
        )
    row = SETS[name]
    inputs, targets = row.draw(count, generator)
    if row.kind == "classify":
        left, right, bottom, top = row.window
        scale = np.array([right - left, top - bottom]) / 6
        inputs = inputs + noise * scale * generator.normal(size=inputs.shape)
    else:
        targets = np.clip(targets + noise * generator.normal(size=count), -1, 1)
    return Points(inputs, targets)[generator.permutation(count)]


def divide(points: Points, ratio: float) -> tuple[Points, Points]:
    """The first `ratio` of the points for training, the rest for testing; each gets one at least.

    Raises UsageError if the ratio is not between 0 and 1 or there are fewer than 2 points.
    """
    if not 0 < ratio < 1 or len(points) < 2:
        raise UsageError(
            f"{len(points)} points cannot be divided at {ratio}",
            remedy="Give 2 points or more, and a ratio between 0 and 1.",
        )
    cut = min(max(round(ratio * len(points)), 1), len(points) - 1)
    return points[:cut], points[cut:]


def signs(count: int) -> Array:
    """+1 for one half, -1 for the other."""
    return np.where(np.arange(count) < count // 2, 1.0, -1.0)


def polar(radius: Array, angle: Array) -> Array:
    """Radius and angle (counter-clockwise, radians) to (N, 2) coordinates."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
