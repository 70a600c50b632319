"""Class activation maps (CAM): where in an image the evidence for each class lies.

Pooling over the whole map and one dense layer are both indifferent to place, so the same weights
can be applied at every place instead. Zhou et al. (2016), "Learning deep features for
discriminative localization", arXiv:1512.04150, section 2 and, for maximum pooling, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError
from vitreous.explain.heat import enlarged
from vitreous.explain.looking import fitting, looking
from vitreous.explain.target import Target, asked, scalar_of
from vitreous.models.surgery import head
from vitreous.shapes import Features, Heatmaps, Images


@dataclass(frozen=True, eq=False)
class Pooled:
    """The end of a network that has class activation maps.

    pool  "average" or "max": what is taken over the maps
    maps  (B, K, h, w) that entered it
    last  the dense layer that made the logits of its vectors (B, K); or a 1 × 1 convolution that
          made them place by place, before the average
    """

    pool: Literal["average", "max"]
    maps: Features
    last: nn.Linear | nn.Conv2d

    @property
    def bias(self) -> Tensor:
        """(L,) what is added to the mean of the maps; zeros where there is none."""
        if self.last.bias is None:
            return self.last.weight.new_zeros(len(self.last.weight)).float()
        return self.last.bias.detach().float()

    def class_maps(self) -> Tensor:
        """(B, L, h, w) float32: M_l = Σ_k w_lk F_k."""
        weights = self.last.weight.detach().float().flatten(1)
        return torch.einsum("lk,bkhw->blhw", weights, self.maps.float())


def pooled(last: nn.Module, entered: Tensor, maps: Iterable[Tensor]) -> Pooled | None:
    """The end of a network, read off what went through it; None if it has no class activation maps.

    last     the layer that made the logits; entered: its input
    maps     what the layers before it made, in order: the last one of which `entered` is the mean
             or the maximum over all places, whoever has computed that
    """
    if isinstance(last, nn.Conv2d) and entered.dim() == 4 and last.kernel_size == (1, 1):
        return Pooled("average", entered, last)
    if not isinstance(last, nn.Linear) or entered.dim() != 2:
        return None
    for before in reversed([*maps]):
        if before.dim() != 4 or before.shape[:2] != entered.shape:
            continue
        vectors = entered.to(before.dtype)
        exact = 1e-5 if before.dtype in (torch.float32, torch.float64) else 2e-2
        mean, largest = before.mean((2, 3)), before.amax((2, 3))
        if torch.allclose(mean, vectors, rtol=exact, atol=exact * float(largest.abs().max())):
            return Pooled("average", before, last)
        if torch.equal(largest, vectors):
            return Pooled("max", before, last)
    return None


@torch.no_grad()
def pooled_end(model: nn.Module, images: Images) -> Pooled:
    """What a network's end is for these images. Raises ModelError for networks that end otherwise.

    images  (B, C, H, W) RGB in [0, 1]
    """
    name = getattr(model, "name", type(model).__name__)
    refused = ModelError(
        f"{name} has no class activation maps",
        remedy="They need a global pool and then one dense layer, as in convnet or resnet18; "
        "gradcam works for other networks with maps.",
    )
    try:
        last = head(model)
    except ModelError as error:
        raise refused from error
    entered: list[Tensor] = []
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if module is last:
            entered.append(inputs[0])
        for tensor in (*inputs, output):
            if isinstance(tensor, Tensor) and tensor.dim() == 4 and not entered:
                # A copy where a later layer may work in place on it.
                maps.append(tensor.clone() if tensor is output else tensor)

    handles = [module.register_forward_hook(keep) for module in model.modules()]
    try:
        with looking(model), torch.no_grad():
            outputs = model(fitting(model, images))
    finally:
        for handle in handles:
            handle.remove()
    found = pooled(last, entered[-1], maps) if entered else None
    if found is None or not isinstance(outputs, Tensor) or not _adds_up(found, outputs):
        raise refused
    return found


def _adds_up(found: Pooled, outputs: Tensor) -> bool:
    """Is nothing done to the logits after the layer that made them?"""
    maps = found.class_maps()
    if outputs.shape != maps.shape[:2]:
        return False
    if found.pool == "max":
        return True
    exact = 1e-4 if found.last.weight.dtype in (torch.float32, torch.float64) else 5e-2
    logits = maps.mean((2, 3)) + found.bias
    scale = float(logits.abs().max())
    return torch.allclose(logits, outputs.float(), rtol=exact, atol=exact * max(scale, 1e-3))


def class_maps(model: nn.Module, images: Images) -> Tensor:
    """The class activation maps of a network that ends with a global pool and one dense layer.

        M_l = Σ_k w_lk F_k

    images  (B, C, H, W) RGB in [0, 1]
    return  (B, L, h, w): with average pooling, their mean and the bias add up to the logits

    Raises ModelError for networks that end otherwise.
    """
    return pooled_end(model, images).class_maps()


def cam(model: nn.Module, images: Images, target: Target = None) -> Heatmaps:
    """(B, H, W), of either sign: the class activation map of the target.

    target  a class for all images, one for each, or None for what is answered

    Raises ModelError for networks that end otherwise, or a target that is
    not linear in the logits; UsageError for a target that there is not.
    """
    maps = class_maps(model, images)
    scalar = scalar_of(model, images, target)
    count, _, height, width = maps.shape
    places = maps.permute(2, 3, 0, 1).reshape(height * width * count, -1)
    heat = asked(places, scalar, len(places)).reshape(height, width, count).permute(2, 0, 1)
    whole = asked(maps.mean((2, 3)), scalar, count)
    if not torch.allclose(heat.mean((1, 2)), whole, rtol=1e-3, atol=1e-5 * float(heat.abs().max())):
        raise ModelError(
            "a class activation map is of a logit or a sum of logits, and the target is neither",
            where="target",
            remedy="Choose gradcam.",
        )
    return enlarged(heat, (images.shape[2], images.shape[3]))
