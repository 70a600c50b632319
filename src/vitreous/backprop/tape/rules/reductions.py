"""Sums, means, maxima and softmax: many numbers become one, or share one."""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.backprop.tape.rule import Rule, Sample
from vitreous.backprop.tape.rules.samples import NORMALIZED, ONE, REDUCED, SUMMED

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
