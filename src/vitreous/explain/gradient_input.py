"""Gradient times input: what each pixel would add to the answer, if the network were linear.

    A = Σ_c x_c ∂y / ∂x_c

For a network of rectifiers without biases the sum over all pixels is the answer itself.
Shrikumar et al. (2016), "Not just a black box", arXiv:1605.01713.
"""

from __future__ import annotations

from torch import nn

from vitreous.explain.layer_gradients import pixel_gradients
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images


def gradient_input(model: nn.Module, images: Images, target: Target = None) -> Heatmaps:
    """(B, H, W), of either sign.

    images  (B, C, H, W) in [0, 1]

    Raises ModelError for a network without gradients, UsageError for an unknown target.
    """
    gradients = pixel_gradients(model, images, scalar_of(model, images, target, once=True))
    return (gradients * images.to(gradients)).sum(1)
