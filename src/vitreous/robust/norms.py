"""Norms of a perturbation: its size, the steepest way up within it, the nearest point of a ball.

    inf  the largest change of a value        2  the root of the summed squares
    1    the sum of all changes               0  the share of the pixels that are changed at all

A norm is a value, not a kind of attack: an attack is a loop that asks it for a direction and a
projection. Sizes are of images in [0, 1]; what people write and read is in gray levels, see
`epsilon`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.errors import UsageError, unknown

SPARSE = 0.05  # share of the values that one step of the L1 norm moves
TINY = 1e-30  # a gradient of zeros stays one


@dataclass(frozen=True)
class Norm:
    """One way to measure a perturbation δ (B, C, H, W).

    title     as it is written
    unit      of a size that people read
    size      δ to (B,)
    steepest  a gradient to the δ of size 1 that raises a linear function most, or for L1 to one
              that moves a twentieth of the values, because one alone soon meets black or white
    project   δ and a radius to the nearest δ of the ball
    draw      (like, radius, generator) to a δ that is random in the ball
    widest    values of an image to the size that no δ within [0, 1] exceeds
    """

    title: str
    unit: str
    size: Callable[[Tensor], Tensor]
    steepest: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, float], Tensor]
    draw: Callable[[Tensor, float, torch.Generator], Tensor]
    widest: Callable[[int], float]


def largest(delta: Tensor) -> Tensor:
    return delta.abs().flatten(1).amax(1)


def root(delta: Tensor) -> Tensor:
    lengths: Tensor = delta.flatten(1).norm(dim=1)
    return lengths


def total(delta: Tensor) -> Tensor:
    return delta.abs().flatten(1).sum(1)


def changed(delta: Tensor) -> Tensor:
    """(B,) share of the pixels of which any channel is changed."""
    return (delta != 0).any(1).flatten(1).double().mean(1).to(delta.dtype)


def sign(gradient: Tensor) -> Tensor:
    return gradient.sign()


def direction(gradient: Tensor) -> Tensor:
    return gradient / _spread(root(gradient), gradient)


def sparse(gradient: Tensor) -> Tensor:
    """The largest values alone, as many as SPARSE of all, so that their sizes sum to 1."""
    flat = gradient.flatten(1)
    count = max(1, round(SPARSE * flat.shape[1]))
    top = flat.abs().topk(count, dim=1).indices
    kept = torch.zeros_like(flat).scatter(1, top, flat.gather(1, top))
    return (kept / _spread(total(kept), kept)).view_as(gradient)


def clipped(delta: Tensor, radius: float) -> Tensor:
    return delta.clamp(-radius, radius)


def shrunk(delta: Tensor, radius: float) -> Tensor:
    """To the ball of L2. What is inside stays as it is."""
    return delta * (radius / _spread(root(delta), delta)).clamp(max=1)


def thresholded(delta: Tensor, radius: float) -> Tensor:
    """To the ball of L1: every value loses the same, down to zero (Duchi et al. 2008)."""
    flat = delta.flatten(1)
    ordered = flat.abs().sort(dim=1, descending=True).values
    over = ordered.cumsum(1) - radius
    places = torch.arange(1, flat.shape[1] + 1, device=delta.device, dtype=delta.dtype)
    count = (ordered * places > over).sum(1, keepdim=True).clamp(min=1)
    lost = (over.gather(1, count - 1) / count).clamp(min=0)
    return (flat.sign() * (flat.abs() - lost).clamp(min=0)).view_as(delta)


def uniform(like: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(like.shape, generator=generator).to(like) - 1) * radius


def in_sphere(like: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    way = direction(torch.randn(like.shape, generator=generator).to(like))
    return way * radius * _depth(like, generator)


def in_diamond(like: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    sizes = torch.empty(like.shape).exponential_(generator=generator)
    signs = 2 * torch.randint(0, 2, like.shape, generator=generator) - 1
    way = (sizes * signs).to(like)
    return way / _spread(total(way), way) * radius * _depth(like, generator)


def _depth(like: Tensor, generator: torch.Generator) -> Tensor:
    """How far from the middle, as a share of the radius, so that the ball is filled evenly."""
    shares = torch.rand(len(like), generator=generator) ** (1 / math.prod(like.shape[1:]))
    return shares.to(like).view(-1, 1, 1, 1)


def _spread(sizes: Tensor, like: Tensor) -> Tensor:
    return sizes.clamp(min=TINY).view(-1, *[1] * (like.dim() - 1))


def _none(*_: object) -> Tensor:
    raise UsageError(
        "no gradient leads to few changed pixels",
        where="norm",
        remedy="Choose inf, 2 or 1; the attack `patch` is measured by 0.",
    )


NORMS: dict[str, Norm] = {
    "inf": Norm("L∞", "gray levels", largest, sign, clipped, uniform, lambda values: 1.0),
    "2": Norm("L2", "gray levels", root, direction, shrunk, in_sphere, math.sqrt),
    "1": Norm("L1", "gray levels", total, sparse, thresholded, in_diamond, float),
    "0": Norm("L0", "% of the pixels", changed, _none, _none, _none, lambda values: 1.0),
}
"""The norms by the name that an attack is given."""


def norm_of(name: str) -> Norm:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in NORMS:
        raise unknown("norm", name, NORMS, where="--norm")
    return NORMS[name]
