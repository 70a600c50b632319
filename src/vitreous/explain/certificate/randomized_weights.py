"""The weight-randomization test: a map of a network that knows nothing must look different.

If the map stays when what was learned is thrown away, it shows the image and not the network.
Adebayo et al. (2018), "Sanity checks for saliency maps", arXiv:1810.03292.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitreous.shapes import Heatmaps


def randomized(model: nn.Module, generator: torch.Generator, share: float = 1.0) -> nn.Module:
    """A copy with weights drawn anew, each tensor with the mean and the spread that it had.

    share  of the weight tensors, from the answer down; biases and normalizations, which only scale,
           stay
    """
    made = copy.deepcopy(model)
    weights = [p for p in made.parameters() if p.dim() > 1 and p.is_floating_point()]
    with torch.no_grad():
        for weight in weights[len(weights) - max(1, round(share * len(weights))) :]:
            drawn = torch.randn(weight.shape, generator=generator).to(weight)
            weight.copy_(weight.mean() + weight.std(correction=0) * drawn)
    return made


def rank_correlation(one: Heatmaps, other: Heatmaps) -> Tensor:
    """(B,) Spearman's correlation of two maps, pixel by pixel; 0 where one is flat.

    Of maps of either sign, not of their sizes: what multiplies the image by something is 0 on a
    black ground whatever the network is, and that alone must not count as agreement.
    """
    first, second = (_ranks(maps.flatten(1).double()) for maps in (one, other))
    length = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(length > 0, (first * second).sum(1) / length.clamp_min(1e-12), 0)


def _ranks(values: Tensor) -> Tensor:
    """(B, N) ranks around 0; equal values share their mean rank."""
    found = torch.empty_like(values)
    for row, out in zip(values, found, strict=True):
        _, place, count = row.unique(return_inverse=True, return_counts=True)
        last = count.cumsum(0).double()
        out.copy_((last - (count - 1) / 2)[place])
    centered: Tensor = found - found.mean(1, keepdim=True)
    return centered


def kept_without_weights(
    explain: Callable[[nn.Module], Heatmaps],
    model: nn.Module,
    *,
    share: float = 1.0,
    tries: int = 3,
    seed: int = 0,
) -> float:
    """How much of the maps is left when weights are random: their mean rank correlation,
    1 for the same map, about 0 for another one.

    explain  from a network to maps (B, H, W) of the same images and targets
    """
    generator = torch.Generator().manual_seed(seed)
    own = explain(model)
    found = [
        rank_correlation(own, explain(randomized(model, generator, share))) for _ in range(tries)
    ]
    return float(torch.stack(found).mean())
