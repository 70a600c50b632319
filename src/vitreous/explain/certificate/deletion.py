"""Deletion and insertion curves: does the answer fall when the hottest pixels go, and rise when
they come?

Pixels are ordered by their heat. Deletion covers them one share after the other; a good map makes
the answer fall early, so the area under the curve is small. Insertion uncovers them on the covered
image; there the area is large. Petsiuk et al. (2018), "RISE", arXiv:1806.07421.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitreous.explain.looking import forward, looking
from vitreous.explain.target import Scalar, asked
from vitreous.shapes import Heatmaps, Images

STEPS = 10


@dataclass(frozen=True, eq=False)
class Curves:
    """Of each image, from the image as it is (1) to the covered one (0).

    shares     (S + 1,) of the pixels that are covered, or uncovered
    deletion   (B, S + 1); insertion: (B, S + 1)
    """

    shares: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> Tensor:
        """(B,) by trapezoids; the smaller the better."""
        return torch.trapezoid(self.deletion, self.shares, dim=1)

    @property
    def insertion_area(self) -> Tensor:
        """(B,) by trapezoids; the larger the better."""
        return torch.trapezoid(self.insertion, self.shares, dim=1)


def curves(
    model: nn.Module,
    images: Images,
    scalar: Scalar,
    heat: Heatmaps,
    *,
    cover: Callable[[Images], Images] | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> Curves:
    """The answer along both ways, as a share of what covering everything takes away.

    images  (B, C, H, W) in [0, 1]; heat: (B, H, W). Equal pixels come in random order
    cover   what an image is covered by; None is its own mean color

    Images whose answer is not lowered by covering everything have curves of zeros.
    """
    covered = (
        images.mean((2, 3), keepdim=True).expand_as(images) if cover is None else cover(images)
    )
    count, pixels = len(images), heat[0].numel()
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(pixels, generator=generator)
    order = shuffled[
        heat.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True).cpu()
    ]
    places = torch.empty_like(order).scatter_(1, order, torch.arange(pixels).expand(count, -1))
    places = places.reshape(heat.shape).to(images.device)
    shares = torch.linspace(0, 1, steps + 1)
    gone: list[Tensor] = []
    come: list[Tensor] = []
    with looking(model), torch.no_grad():
        for share in shares:
            hot = (places < round(float(share) * pixels))[:, None]
            for mixed, values in (
                (torch.where(hot, covered, images), gone),
                (torch.where(hot, images, covered), come),
            ):
                values.append(asked(forward(model, mixed), scalar, count).cpu().double())
    whole, nothing = gone[0], gone[-1]
    falls = whole > nothing
    span = torch.where(falls, whole - nothing, 1)

    def scaled(values: list[Tensor]) -> Tensor:
        return torch.stack([torch.where(falls, (v - nothing) / span, 0) for v in values], 1)

    return Curves(shares.double(), scaled(gone), scaled(come))
