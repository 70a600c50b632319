"""Where in an image the evidence for each class lies, read off the network without a gradient.

Pooling over the whole map and one dense layer are both indifferent to place, so the same weights
can be applied at every place instead. Zhou et al. (2016), "Learning deep features for
discriminative localization", arXiv:1512.04150, section 2 and, for maximum pooling, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.blocks.pool import POOLS
from vitreous.errors import ModelError
from vitreous.models.network import Network
from vitreous.models.surgery import head
from vitreous.shapes import Images


@torch.no_grad()
def class_maps(model: Network, images: Images) -> Tensor:
    """The class activation maps of a network that ends with a global pool and one dense layer.

        M_l = sum_k  w_lk F_k

    images  (B, C, H, W) RGB in [0, 1]
    return  (B, L, h, w): with average pooling, their mean and the bias add up to the logits

    Raises ModelError for networks that end otherwise.
    """
    last, names = head(model), [name for name, _ in model.stages()]
    pools = [name for name, stage in model.stages() if isinstance(stage, tuple(POOLS.values()))]
    if not pools or not isinstance(last, nn.Linear):
        raise ModelError(
            f"{model.name} has no class activation maps",
            remedy="They need a global pool and then one dense layer, as in convnet or resnet18.",
        )
    with evaluating(model):
        maps = model.features(images)[names[names.index(pools[0]) - 1]]  # (B, K, h, w)
    return torch.einsum("lk,bkhw->blhw", last.weight, maps)
