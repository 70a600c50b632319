"""The homework of the course: a Gaussian fitted to a gray image I, by gradients derived by hand.

It minimizes

    E = Σₓ (a exp(−(x − μ)ᵀ Σ (x − μ)) − I(x))²,      Σ = diag(σ₁⁻², σ₂⁻²).

Σ is the *inverse* covariance here, and there is no factor ½. With g = exp(−Σ dₖ²/σₖ²), d = x − μ
and r = a g − I, the gradients are sums over the pixels:

    ∂E/∂a = Σ 2 r g        ∂E/∂μₖ = Σ 2 r a g · 2 dₖ/σₖ²        ∂E/∂σₖ = Σ 2 r a g · 2 dₖ²/σₖ³

The bonus writes σₖ = exp sₖ, which can be neither zero nor negative: ∂E/∂sₖ = σₖ ∂E/∂σₖ.

What was measured: from 20 random starts a planted Gaussian is found 20 times with either way of
writing σ if the amplitude is solved for before each step, and about 7 times if it descends too,
because a Gaussian that overlaps nothing fades away before it arrives anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.drawing.chart import Line, line_chart
from vitreous.errors import ShapeError, unknown
from vitreous.labs.gallery import gallery, gray, side_by_side
from vitreous.labs.lab import Finding, Lab, Values, figure

Parameters = tuple[Tensor, Tensor, Tensor]  # a (), μ (2,) as row and column, σ or s (2,)
Parametrization = Literal["deviation", "exponential"]
Gradients = Literal["hand", "autodiff"]


@dataclass(frozen=True)
class Splat:
    """A Gaussian in an image: a exp(−Σ (xₖ − μₖ)²/σₖ²), with lengths in units of the image's side.

    amplitude  a, in gray values of [0, 1]
    center     μ, (row, column); pixel i of n lies at (i + ½)/n
    deviation  σ, (along the rows, along the columns)
    """

    amplitude: float
    center: tuple[float, float]
    deviation: tuple[float, float]

    def parameters(self, parametrization: Parametrization = "deviation") -> Parameters:
        """As float64 tensors that an optimizer can move."""
        sigma = torch.tensor(self.deviation, dtype=torch.float64)
        return (
            torch.tensor(self.amplitude, dtype=torch.float64),
            torch.tensor(self.center, dtype=torch.float64),
            sigma.log() if parametrization == "exponential" else sigma,
        )

    def image(self, height: int, width: int) -> Tensor:
        """(height, width) float64."""
        return render(self.parameters(), pixels(height, width))

    def error(self, other: Splat) -> float:
        """The largest relative error of amplitude and deviation, or error of the center per σ."""
        errors = [abs(self.amplitude / other.amplitude - 1)]
        for k in (0, 1):
            errors.append(abs(abs(self.deviation[k]) / other.deviation[k] - 1))
            errors.append(abs(self.center[k] - other.center[k]) / other.deviation[k])
        return max(errors)


def pixels(height: int, width: int) -> Tensor:
    """(height, width, 2): where each pixel's middle lies, in [0, 1]²."""
    rows = (torch.arange(height, dtype=torch.float64) + 0.5) / height
    columns = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)


def render(
    parameters: Parameters, x: Tensor, parametrization: Parametrization = "deviation"
) -> Tensor:
    """a exp(−Σ dₖ²/σₖ²) at the positions x (H, W, 2)."""
    a, mu, spread = parameters
    sigma = spread.exp() if parametrization == "exponential" else spread
    return a * torch.exp(-((x - mu) / sigma).square().sum(-1))


def by_hand(
    parameters: Parameters, x: Tensor, image: Tensor, parametrization: Parametrization = "deviation"
) -> tuple[Tensor, Parameters]:
    """E and its gradients, by the formulas above."""
    with torch.no_grad():
        a, mu, spread = parameters
        sigma = spread.exp() if parametrization == "exponential" else spread
        d = x - mu  # (H, W, 2)
        g = torch.exp(-(d / sigma).square().sum(-1))
        r = a * g - image
        common = (2 * r * a * g).unsqueeze(-1)
        by_sigma = (common * 2 * d.square() / sigma**3).sum((0, 1))
        gradients = (
            (2 * r * g).sum(),
            (common * 2 * d / sigma**2).sum((0, 1)),
            by_sigma * sigma if parametrization == "exponential" else by_sigma,
        )
        return r.square().sum(), gradients


def by_autodiff(
    parameters: Parameters, x: Tensor, image: Tensor, parametrization: Parametrization = "deviation"
) -> tuple[Tensor, Parameters]:
    """The same by torch."""
    leaves = tuple(p.detach().requires_grad_() for p in parameters)
    error = (render(leaves, x, parametrization) - image).square().sum()  # type: ignore[arg-type]
    a, mu, spread = torch.autograd.grad(error, leaves)
    return error.detach(), (a, mu, spread)


def best_amplitude(
    parameters: Parameters, x: Tensor, image: Tensor, parametrization: Parametrization = "deviation"
) -> Tensor:
    """The a that minimizes E for these μ and σ: Σ g I / Σ g², since E is quadratic in a."""
    _, mu, spread = parameters
    g = render((torch.ones((), dtype=x.dtype), mu, spread), x, parametrization)
    return (g * image).sum() / g.square().sum().clamp_min(1e-300)


GRADIENTS: dict[str, Callable[..., tuple[Tensor, Parameters]]] = {
    "hand": by_hand,
    "autodiff": by_autodiff,
}


def fit(
    image: Tensor,
    start: Splat,
    *,
    parametrization: Parametrization = "exponential",
    gradients: Gradients = "hand",
    solve: bool = True,
    steps: int = 400,
    rate: float = 0.03,
) -> Iterator[tuple[Splat, float]]:
    """One Gaussian fitted to a gray image (H, W): the state and its error E, before each step.

    gradients  "hand" or "autodiff"; the path is the same
    solve      set a to its best value before each step, instead of descending in a as well. A
               Gaussian that is far from the image's fades before it gets there; one whose a is
               always the best does not, and far more starts succeed
    rate       of Adam at the beginning; it falls to zero along a half cosine

    Raises ShapeError for an image that is not gray, UsageError for unknown gradients.
    """
    if image.dim() != 2:
        raise ShapeError(
            f"an image of shape {tuple(image.shape)} is not gray",
            remedy="Give (height, width), or paint() the photo with many Gaussians.",
        )
    if gradients not in GRADIENTS:
        raise unknown("kind of gradients", gradients, GRADIENTS)
    image = image.double()
    x = pixels(*image.shape)

    def slopes(now: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        a, mu, spread = now
        if solve:
            a.copy_(best_amplitude((a, mu, spread), x, image, parametrization))
        return GRADIENTS[gradients]((a, mu, spread), x, image, parametrization)

    for values, error, _ in descend(start.parameters(parametrization), slopes, steps, rate):
        a, mu, spread = values
        sigma = spread.exp() if parametrization == "exponential" else spread
        center, deviation = mu.tolist(), sigma.tolist()
        yield (
            Splat(float(a), (center[0], center[1]), (deviation[0], deviation[1])),
            float(error),
        )


def descend(
    parameters: tuple[Tensor, ...],
    gradients: Callable[[tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]],
    steps: int,
    rate: float,
) -> Iterator[tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]]:
    """Adam with a falling rate: the parameters, the error and the gradients before each step."""
    moving = tuple(p.clone() for p in parameters)
    optimizer = torch.optim.Adam(moving, lr=rate, betas=(0.9, 0.99))
    for step in range(steps + 1):
        error, found = gradients(moving)
        yield moving, error, found
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 + math.cos(math.pi * step / max(steps, 1))) / 2
        for parameter, gradient in zip(moving, found, strict=True):
            parameter.grad = gradient
        optimizer.step()


def starts(count: int, seed: int = 0) -> list[Splat]:
    """Random Gaussians to begin with: anywhere in the image, and wide, so that they overlap it."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(count, 5, generator=generator, dtype=torch.float64).tolist()
    return [
        Splat(0.3 + 0.9 * a, (row, column), (0.15 + 0.35 * s, 0.15 + 0.35 * t))
        for a, row, column, s, t in draws
    ]


@dataclass(frozen=True)
class Recovery:
    """How often a planted Gaussian was found again.

    errors      of each start, as `Splat.error`, infinite where the fit broke down
    successes   starts that ended within the tolerance
    """

    errors: tuple[float, ...]
    successes: int

    @property
    def rate(self) -> float:
        return self.successes / len(self.errors)


def recover(
    planted: Splat,
    *,
    parametrization: Parametrization,
    size: tuple[int, int] = (32, 32),
    begin: list[Splat] | None = None,
    solve: bool = True,
    tolerance: float = 0.01,
    steps: int = 400,
    rate: float = 0.03,
) -> Recovery:
    """Fit the image of a known Gaussian from many starts (20 unless others are given)."""
    image = planted.image(*size)
    errors = []
    for start in starts(20) if begin is None else begin:
        found, error = start, math.inf
        for found, error in fit(  # noqa: B007
            image, start, parametrization=parametrization, solve=solve, steps=steps, rate=rate
        ):
            if not math.isfinite(error):
                break
        errors.append(found.error(planted) if math.isfinite(error) else math.inf)
    return Recovery(tuple(errors), sum(error <= tolerance for error in errors))


PLANTED = Splat(0.8, (0.45, 0.6), (0.12, 0.2))
PARAMETRIZATIONS: tuple[Parametrization, ...] = ("deviation", "exponential")


def measure(*, seed: int = 0, count: int = 20) -> Values:
    """The errors that all starts end at, in both parametrizations; and both gradients compared."""
    begin = starts(count, seed)
    errors = {
        name: list(recover(PLANTED, parametrization=name, begin=begin).errors)
        for name in PARAMETRIZATIONS
    }
    image, x = PLANTED.image(32, 32), pixels(32, 32)
    off = 0.0
    for name in PARAMETRIZATIONS:
        for start in begin[:5]:
            where = start.parameters(name), x, image, name
            _, hand = by_hand(*where)
            _, auto = by_autodiff(*where)
            for one, other in zip(hand, auto, strict=True):
                off = max(off, float(((one - other).abs() / other.abs().clamp_min(1)).max()))
    shown = [PLANTED, begin[0]]
    return {"errors": errors, "off": off, "maps": [gray(s.image(48, 48).numpy()) for s in shown]}


def judge(values: Values) -> list[Finding]:
    """Every start ends within one percent, and gradients by hand are those of autograd."""
    found = [
        Finding(
            name=f"share of starts that end within 1 %, {name}",
            rule="=",
            bound=1,
            ours=sum(error <= 0.01 for error in errors) / len(errors),
            source="20 of 20",
        )
        for name, errors in values["errors"].items()
    ]
    return [
        *found,
        Finding(
            name="gradients by hand less autograd's, relative",
            ours=values["off"],
            rule="≤",
            bound=1e-9,
            source="equal",
        ),
    ]


def draw(values: Values) -> Markup:
    """Where all starts end, the best first, and what was planted."""
    lines = [
        Line(name, list(range(1, len(errors) + 1)), sorted(errors), color)
        for color, (name, errors) in enumerate(values["errors"].items(), 2)
    ]
    chart = line_chart(
        lines,
        title="Relative error that each start ends at",
        x_label="starts, the best first",
        y_format=figure,
    )
    names = ("planted", "a start")
    return side_by_side(chart, gallery(zip(values["maps"], names, strict=True)))


LAB = Lab(
    row="G11",
    name="splat",
    title="One Gaussian, by hand",
    claims="The gradients of one Gaussian's error, derived by hand, find a planted one again from "
    "20 starts; with an exponential the width stays positive.",
    source="Lecture 000, homework on Gaussian splatting",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(by_hand,),
    assumed="An image of 32 × 32, the amplitude solved for exactly in each of 400 steps.",
    full={"count": 200},
    tiny={"count": 5},
    tries=("Ten times as many starts.", "vitreous lab G11 --full"),
)
