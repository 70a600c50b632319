"""The gallery of activations, from Rosenblatt's step to GELU.

At a kink each takes the derivative that torch takes, so that training by hand and by autograd agree
to the last bit.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.tape.rule import Rule, Sample, pointwise
from vitreous.backprop.tape.rules.samples import WIDE


def gelu_slope(x: Tensor, z: Tensor) -> Tensor:
    density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density


def between(x: Tensor, low: float, high: float) -> Tensor:
    """1 inside the open interval, 0 outside: the slope of a clamp."""
    return ((x > low) & (x < high)).to(x.dtype)


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
        "hardtanh",
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
        "hardsigmoid",
        "hard σ",
        "z = min(1, max(0, x/6 + ½))",
        "dz/dx = ⅙ for |x| < 3, else 0",
        lambda x: (x / 6 + 0.5).clamp(0, 1),  # torch's own rounds 1/6 to single precision
        lambda x, z: between(x, -3, 3) / 6,
        kinks=(-3.0, 3.0),
        samples=WIDE,
    ),
    pointwise(
        "hardswish",
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
