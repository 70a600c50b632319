"""Class activation maps (CAM): where in an image the evidence for each class lies.

Pooling over the whole map and one dense layer are both indifferent to place, so the same weights
can be applied at every place instead. Zhou et al. (2016), "Learning deep features for
discriminative localization", arXiv:1512.04150, section 2 and, for maximum pooling, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.blocks.pool import POOLS
from vitreous.errors import ModelError
from vitreous.models.network import Network
from vitreous.models.surgery import head
from vitreous.shapes import Images

AVERAGES = (POOLS["average"], nn.AdaptiveAvgPool2d)
MAXIMA = (POOLS["max"], nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class Pooled:
    """The end of a network that has class activation maps.

    pool  global pool over the maps
    maps  (B, K, h, w) that entered it
    last  the dense layer that made the logits of its vectors (B, K)
    """

    pool: nn.Module
    maps: Tensor
    last: nn.Linear

    def class_maps(self) -> Tensor:
        """(B, L, h, w) float32: M_l = Σ_k w_lk F_k."""
        weights = self.last.weight.detach().float()
        return torch.einsum("lk,bkhw->blhw", weights, self.maps.float())


def pooled(
    last: nn.Module, entered: Tensor, layers: Iterable[tuple[nn.Module, Tensor, Tensor]]
) -> Pooled | None:
    """The end of a network, read off what went through it; None if it has no class activation maps.

    last     the layer that made the logits; entered: its input
    layers   (layer, input, output) of those before it
    """
    for layer, maps, vectors in layers:
        if (
            isinstance(layer, AVERAGES + MAXIMA)
            and isinstance(last, nn.Linear)
            and maps.dim() == 4
            and maps.shape[1] == last.in_features
            and torch.equal(vectors.flatten(1), entered)  # nothing came in between
        ):
            return Pooled(layer, maps, last)
    return None


@torch.no_grad()
def class_maps(model: Network, images: Images) -> Tensor:
    """The class activation maps of a network that ends with a global pool and one dense layer.

        M_l = Σ_k w_lk F_k

    images  (B, C, H, W) RGB in [0, 1]
    return  (B, L, h, w): with average pooling, their mean and the bias add up to the logits

    Raises ModelError for networks that end otherwise.
    """
    with evaluating(model):
        outputs = model.features(images)
    stages = dict(model.stages())
    layers = [(stages[name], outputs[before], outputs[name]) for before, name in pairwise(outputs)]
    found = pooled(head(model), [*outputs.values()][-1], layers)
    if found is None:
        raise ModelError(
            f"{model.name} has no class activation maps",
            remedy="They need a global pool and then one dense layer, as in convnet or resnet18.",
        )
    return found.class_maps()
