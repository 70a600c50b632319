"""One table of differentiable operations: what each computes, and how gradients pass back.

A rule knows its forward function, its vector-Jacobian product and inputs to test it on. The tape,
the layers, the graph viewer and the tests all read this table, so an operation without a
derivative, or a derivative without a test, cannot exist.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.rule import Rule, Sample, pointwise, sum_to

# Shared by the table: sample shapes, and derivatives that need more than a line.

ONE = (Sample(shapes=((3, 4),)),)
POSITIVE = (Sample(shapes=((3, 4),), interval=(0.3, 3.0)),)
WIDE = (Sample(shapes=((3, 4),), interval=(-5.0, 5.0)),)
TWO = (
    Sample(shapes=((3, 4), (3, 4))),
    Sample(shapes=((3, 4), (4,))),
    Sample(shapes=((3, 1), (2, 1, 4))),
    Sample(shapes=((), (2, 3))),
)
POSITIVE_TWO = tuple(Sample(shapes=sample.shapes, interval=(0.3, 3.0)) for sample in TWO)
REDUCED = (
    Sample(shapes=((3, 4),)),
    Sample(shapes=((3, 4),), options={"dim": 1}),
    Sample(shapes=((2, 3, 4),), options={"dim": -2, "keepdim": True}),
)
SUMMED = (
    *REDUCED,
    Sample(shapes=((2, 3, 2, 2),), options={"dim": (2, 3)}),
    Sample(shapes=((2, 3, 2),), options={"dim": (-1, 0)}),
)
NORMALIZED = (
    Sample(shapes=((3, 4),), options={"dim": 1}),
    Sample(shapes=((2, 3, 4),), options={"dim": 0}),
)
PRODUCTS = (
    Sample(shapes=((3, 4), (4, 2))),
    Sample(shapes=((3, 4), (4,))),
    Sample(shapes=((4,), (4, 2))),
    Sample(shapes=((4,), (4,))),
    Sample(shapes=((2, 3, 4), (4, 2))),
    Sample(shapes=((2, 3, 4), (2, 4, 2))),
    Sample(shapes=((4,), (2, 4, 2))),
)


Axes = int | tuple[int, ...] | None


def spread(reduced: Tensor, like: Tensor, dim: Axes, keepdim: bool) -> Tensor:
    """A reduced tensor, copied back over the axes that the reduction removed."""
    if dim is not None and not keepdim:
        axes = (dim,) if isinstance(dim, int) else dim
        for axis in sorted(axis % like.dim() for axis in axes):
            reduced = reduced.unsqueeze(axis)
    return reduced.expand_as(like)


def reduce_sum(x: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    return x.sum() if dim is None else x.sum(dim, keepdim)


def reduce_mean(x: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    return x.mean() if dim is None else x.mean(dim, keepdim)


def reduce_max(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return x.max() if dim is None else x.max(dim, keepdim).values


def max_vjp(
    gradient: Tensor, z: Tensor, x: Tensor, dim: int | None = None, keepdim: bool = False
) -> tuple[Tensor]:
    """The winner takes it all; of several equal winners, the first takes it."""
    if dim is None:
        mask = torch.zeros_like(x).flatten()
        mask[x.argmax()] = 1
        return (gradient * mask.reshape(x.shape),)
    mask = torch.zeros_like(x).scatter_(dim, x.argmax(dim, keepdim=True), 1)
    return (spread(gradient, x, dim, keepdim) * mask,)


def mean_vjp(
    gradient: Tensor, z: Tensor, x: Tensor, dim: Axes = None, keepdim: bool = False
) -> tuple[Tensor]:
    share = z.numel() / x.numel()
    return (spread(gradient, x, dim, keepdim) * share,)


def power_vjp(gradient: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    by_base = torch.where(y == 0, 0.0, y * x ** (y - 1))
    by_exponent = torch.where(x == 0, 0.0, z * torch.log(x))
    return gradient * by_base, gradient * by_exponent


def matmul_vjp(gradient: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """X̄ = Z̄ Yᵀ and Ȳ = Xᵀ Z̄; a vector is a matrix of one row (left) or one column (right)."""
    rows = x.unsqueeze(-2) if x.dim() == 1 else x
    columns = y.unsqueeze(-1) if y.dim() == 1 else y
    if y.dim() == 1:
        gradient = gradient.unsqueeze(-1)
    if x.dim() == 1:
        gradient = gradient.unsqueeze(-2)
    by_x = gradient @ columns.mT
    by_y = rows.mT @ gradient
    return (
        sum_to(by_x, tuple(rows.shape)).reshape(x.shape),
        sum_to(by_y, tuple(columns.shape)).reshape(y.shape),
    )


def gelu_slope(x: Tensor, z: Tensor) -> Tensor:
    density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density


def between(x: Tensor, low: float, high: float) -> Tensor:
    """1 inside the open interval, 0 outside: the slope of a clamp."""
    return ((x > low) & (x < high)).to(x.dtype)


ARITHMETIC = (
    Rule(
        name="add",
        symbol="+",
        formula="z = x + y",
        local="∂z/∂x = 1, ∂z/∂y = 1",
        forward=torch.add,
        vjp=lambda g, z, x, y: (g, g),
        samples=TWO,
    ),
    Rule(
        name="subtract",
        symbol="−",
        formula="z = x − y",
        local="∂z/∂x = 1, ∂z/∂y = −1",
        forward=torch.sub,
        vjp=lambda g, z, x, y: (g, -g),
        samples=TWO,
    ),
    Rule(
        name="multiply",
        symbol="×",
        formula="z = x y",
        local="∂z/∂x = y, ∂z/∂y = x",
        forward=torch.mul,
        vjp=lambda g, z, x, y: (g * y, g * x),
        samples=TWO,
    ),
    Rule(
        name="divide",
        symbol="÷",
        formula="z = x / y",
        local="∂z/∂x = 1/y, ∂z/∂y = −z/y",
        forward=torch.div,
        vjp=lambda g, z, x, y: (g / y, -g * z / y),
        samples=POSITIVE_TWO,
    ),
    Rule(
        name="power",
        symbol="^",
        formula="z = xʸ",
        local="∂z/∂x = y xʸ⁻¹, ∂z/∂y = z ln x",
        forward=torch.pow,
        vjp=power_vjp,
        samples=POSITIVE_TWO,
    ),
    Rule(
        name="maximum",
        symbol="max",
        formula="z = max(x, y)",
        local="1 for the larger operand, 0 for the other, ½ each when equal",
        forward=torch.maximum,
        vjp=lambda g, z, x, y: (
            g * torch.where(x == y, 0.5, (x > y).to(g.dtype)),
            g * torch.where(x == y, 0.5, (y > x).to(g.dtype)),
        ),
        samples=TWO,
    ),
    Rule(
        name="matmul",
        symbol="@",
        formula="Z = X Y",
        local="X̄ = Z̄ Yᵀ, Ȳ = Xᵀ Z̄",
        forward=torch.matmul,
        vjp=matmul_vjp,
        samples=PRODUCTS,
    ),
    Rule(
        name="transpose",
        symbol="ᵀ",
        formula="Z = Xᵀ",
        local="X̄ = Z̄ᵀ",
        forward=lambda x: x.mT if x.dim() > 1 else x,
        vjp=lambda g, z, x: (g.mT if x.dim() > 1 else g,),
        samples=(*ONE, Sample(shapes=((4,),))),
    ),
    pointwise("negate", "−", "z = −x", "dz/dx = −1", torch.neg, lambda x, z: -torch.ones_like(x)),
    pointwise(
        "abs",
        "|·|",
        "z = |x|",
        "dz/dx = sign x",
        torch.abs,
        lambda x, z: torch.sign(x),
        kinks=(0.0,),
    ),
    pointwise("square", "²", "z = x²", "dz/dx = 2x", torch.square, lambda x, z: 2 * x),
    pointwise(
        "sqrt", "√", "z = √x", "dz/dx = 1/(2z)", torch.sqrt, lambda x, z: 0.5 / z, samples=POSITIVE
    ),
    pointwise("exp", "exp", "z = eˣ", "dz/dx = z", torch.exp, lambda x, z: z),
    pointwise(
        "log", "ln", "z = ln x", "dz/dx = 1/x", torch.log, lambda x, z: 1 / x, samples=POSITIVE
    ),
    pointwise("sin", "sin", "z = sin x", "dz/dx = cos x", torch.sin, lambda x, z: torch.cos(x)),
    pointwise("cos", "cos", "z = cos x", "dz/dx = −sin x", torch.cos, lambda x, z: -torch.sin(x)),
)

REDUCTIONS = (
    Rule(
        name="sum",
        symbol="Σ",
        formula="z = Σᵢ xᵢ",
        local="∂z/∂xᵢ = 1",
        forward=reduce_sum,
        vjp=lambda g, z, x, dim=None, keepdim=False: (spread(g, x, dim, keepdim),),
        samples=SUMMED,
    ),
    Rule(
        name="mean",
        symbol="mean",
        formula="z = 1/n Σᵢ xᵢ",
        local="∂z/∂xᵢ = 1/n",
        forward=reduce_mean,
        vjp=mean_vjp,
        samples=SUMMED,
    ),
    Rule(
        name="max",
        symbol="max",
        formula="z = maxᵢ xᵢ",
        local="1 for the (first) largest element, 0 for the others",
        forward=reduce_max,
        vjp=max_vjp,
        samples=REDUCED,
    ),
    Rule(
        name="norm2",
        symbol="‖·‖²",
        formula="z = Σᵢ xᵢ²",
        local="∂z/∂x = 2x",
        forward=lambda x: (x * x).sum(),
        vjp=lambda g, z, x: (2 * g * x,),
        samples=(*ONE, Sample(shapes=((4,),))),
    ),
    Rule(
        name="softmax",
        symbol="softmax",
        formula="zᵢ = exp xᵢ / Σⱼ exp xⱼ",
        local="∂zᵢ/∂xⱼ = zᵢ (δᵢⱼ − zⱼ)",
        forward=lambda x, dim=-1: torch.softmax(x, dim),
        vjp=lambda g, z, x, dim=-1: (z * (g - (g * z).sum(dim, keepdim=True)),),
        samples=NORMALIZED,
    ),
    Rule(
        name="log_softmax",
        symbol="ln softmax",
        formula="zᵢ = xᵢ − ln Σⱼ exp xⱼ",
        local="∂zᵢ/∂xⱼ = δᵢⱼ − exp zⱼ",
        forward=lambda x, dim=-1: torch.log_softmax(x, dim),
        vjp=lambda g, z, x, dim=-1: (g - torch.exp(z) * g.sum(dim, keepdim=True),),
        samples=NORMALIZED,
    ),
)

# The gallery of activations, from Rosenblatt's step to GELU. At a kink each takes the derivative
# that torch takes, so that training by hand and by autograd agree to the last bit.
ACTIVATIONS = (
    pointwise(
        "step",
        "step",
        "z = 0 (x < 0), ½ (x = 0), 1 (x > 0)",
        "dz/dx = 0",
        lambda x: (torch.sign(x) + 1) / 2,
        lambda x, z: torch.zeros_like(x),
        kinks=(0.0,),
    ),
    pointwise(
        "sign",
        "sign",
        "z = sign x",
        "dz/dx = 0",
        torch.sign,
        lambda x, z: torch.zeros_like(x),
        kinks=(0.0,),
    ),
    pointwise("linear", "id", "z = x", "dz/dx = 1", torch.clone, lambda x, z: torch.ones_like(x)),
    pointwise(
        "hard_tanh",
        "hard tanh",
        "z = min(1, max(−1, x))",
        "dz/dx = 1 for |x| < 1, else 0",
        F.hardtanh,
        lambda x, z: between(x, -1, 1),
        kinks=(-1.0, 1.0),
    ),
    pointwise(
        "sigmoid",
        "σ",
        "z = 1 / (1 + e⁻ˣ)",
        "dz/dx = z (1 − z) ≤ ¼",
        torch.sigmoid,
        lambda x, z: z * (1 - z),
    ),
    pointwise("tanh", "tanh", "z = tanh x", "dz/dx = 1 − z²", torch.tanh, lambda x, z: 1 - z * z),
    pointwise(
        "relu",
        "ReLU",
        "z = max(0, x)",
        "dz/dx = 1 for x > 0, else 0",
        torch.relu,
        lambda x, z: torch.sign(z),  # 0 or 1, since z is never negative
        kinks=(0.0,),
    ),
    pointwise(
        "relu6",
        "ReLU6",
        "z = min(6, max(0, x))",
        "dz/dx = 1 for 0 < x < 6, else 0",
        F.relu6,
        lambda x, z: between(x, 0, 6),
        kinks=(0.0, 6.0),
        samples=(Sample(shapes=((3, 4),), interval=(-2.0, 8.0)),),
    ),
    pointwise(
        "leaky_relu",
        "leaky ReLU",
        "z = x (x > 0), 0.01 x (x ≤ 0)",
        "dz/dx = 1 for x > 0, else 0.01",
        F.leaky_relu,
        lambda x, z: torch.where(x > 0, torch.ones_like(x), 0.01),
        kinks=(0.0,),
    ),
    pointwise(
        "elu",
        "ELU",
        "z = x (x > 0), eˣ − 1 (x ≤ 0)",
        "dz/dx = 1 for x > 0, else z + 1",
        F.elu,
        lambda x, z: torch.where(x > 0, 1.0, z + 1),
        kinks=(0.0,),
    ),
    pointwise(
        "softplus",
        "softplus",
        "z = ln(1 + eˣ)",
        "dz/dx = σ(x)",
        F.softplus,
        lambda x, z: torch.sigmoid(x),
    ),
    pointwise("gelu", "GELU", "z = x Φ(x)", "dz/dx = Φ(x) + x φ(x)", F.gelu, gelu_slope),
    pointwise(
        "silu",
        "SiLU",
        "z = x σ(x)",
        "dz/dx = σ(x) (1 + x − z)",
        F.silu,
        lambda x, z: torch.sigmoid(x) * (1 + x - z),
    ),
    pointwise(
        "hard_sigmoid",
        "hard σ",
        "z = min(1, max(0, x/6 + ½))",
        "dz/dx = ⅙ for |x| < 3, else 0",
        lambda x: (x / 6 + 0.5).clamp(0, 1),  # torch's own rounds 1/6 to single precision
        lambda x, z: between(x, -3, 3) / 6,
        kinks=(-3.0, 3.0),
        samples=WIDE,
    ),
    pointwise(
        "hard_swish",
        "hard swish",
        "z = x min(1, max(0, x/6 + ½))",
        "dz/dx = 0 (x < −3), x/3 + ½, 1 (x > 3)",
        F.hardswish,
        lambda x, z: torch.where(x.abs() < 3, x / 3 + 0.5, (x >= 3).to(x.dtype)),
        kinks=(-3.0, 3.0),
        samples=WIDE,
    ),
    Rule(
        name="prelu",
        symbol="PReLU",
        formula="z = x (x > 0), a x (x ≤ 0)",
        local="∂z/∂x = 1 for x > 0, else a; ∂z/∂a = Σ min(0, x)",
        forward=lambda x, a: torch.where(x > 0, x, a * x),
        vjp=lambda g, z, x, a: (g * torch.where(x > 0, 1.0, a), g * x.clamp(max=0)),
        samples=(Sample(shapes=((3, 4), ())), Sample(shapes=((3, 4), (4,)))),
        kinks=(0.0,),
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in (*ARITHMETIC, *REDUCTIONS, *ACTIVATIONS)}
