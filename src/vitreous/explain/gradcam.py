"""Grad-CAM: where in a layer the evidence lies, each of its maps weighed by its mean gradient.

    L = relu( Σ_k a_k F_k ),   a_k = mean_hw ∂y / ∂F_k                                     (eq. 1-2)

Where average pooling and one dense layer follow, a_k is w_k / (h w): the class activation map but
for a factor. Selvaraju et al. (2017), "Grad-CAM", arXiv:1610.02391.
"""

from __future__ import annotations

from torch import nn

from vitreous.errors import ShapeError
from vitreous.explain.heat import enlarged
from vitreous.explain.layer_gradients import layer_gradients
from vitreous.explain.layer_maps import as_map, last_map
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images


def gradcam(
    model: nn.Module, images: Images, target: Target = None, *, layer: str | None = None
) -> Heatmaps:
    """(B, H, W), not negative, enlarged from the layer's own size.

    images  (B, C, H, W) in [0, 1]
    layer   as in `model.named_modules()`; None is what `last_map` finds

    Raises UsageError for an unknown layer or target, ShapeError for a layer without a map, and
    ModelError for one that does not reach the answer, or a network without maps or gradients.
    """
    maps = coarse_gradcam(model, images, target, layer=layer)
    return enlarged(maps, (images.shape[2], images.shape[3]))


def coarse_gradcam(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    layer: str | None = None,
    signed: bool = False,
) -> Heatmaps:
    """(B, h, w) as the layer has it. signed: what speaks against the target as well."""
    scalar = scalar_of(model, images, target, once=layer is not None)
    layer = last_map(model, images, scalar) if layer is None else layer
    output, gradients = layer_gradients(model, images, scalar, layer)
    size = (images.shape[2], images.shape[3])
    maps, slopes = as_map(output, size), as_map(gradients, size)
    if maps is None or slopes is None or maps.shape[2:].numel() < 2:
        raise ShapeError(
            f"{layer} has no map: it gives {tuple(output.shape)}",
            where="layer",
            remedy=f"Choose a layer that keeps places apart, such as "
            f"{last_map(model, images, scalar)}.",
        )
    weights = slopes.float().mean((2, 3), keepdim=True)
    heat = (weights * maps.float()).sum(1)
    return heat if signed else heat.clamp_min(0)
