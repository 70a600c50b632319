"""Saliency: how much the answer changes with each pixel, the size of its gradient.

    S = max_c |∂y / ∂x_c|

Simonyan et al. (2014), "Deep inside convolutional networks", arXiv:1312.6034, section 3.1.
"""

from __future__ import annotations

from torch import nn

from vitreous.explain.layer_gradients import pixel_gradients
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images


def saliency(model: nn.Module, images: Images, target: Target = None) -> Heatmaps:
    """(B, H, W), not negative: the largest gradient of the channels at each pixel.

    images  (B, C, H, W) in [0, 1]

    Raises ModelError for a network without gradients, UsageError for an unknown target.
    """
    gradients = pixel_gradients(model, images, scalar_of(model, images, target, once=True))
    return gradients.abs().amax(1)
