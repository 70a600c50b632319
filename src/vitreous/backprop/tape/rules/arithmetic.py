"""What formulas are made of: the four operations, powers, matrix products, elementary functions."""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.backprop.tape.rule import Rule, Sample, pointwise, sum_to
from vitreous.backprop.tape.rules.samples import ONE, POSITIVE, POSITIVE_TWO, PRODUCTS, TWO


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
