"""Guided backpropagation: gradients of which only what speaks for the answer goes on.

At each rectifier the gradient passes where its input was positive, and where it is positive itself.
Pictures are sharp because the network is taken apart into edges; they hardly change when its last
layers are made random (see the certificate), so they show the image more than the answer.
Springenberg et al. (2015), "Striving for simplicity", arXiv:1412.6806, section 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitreous.errors import ModelError
from vitreous.explain.layer_gradients import pixel_gradients
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images

RECTIFIERS: dict[Any, float] = dict.fromkeys(
    (torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu), torch.inf
) | {F.relu6: 6.0}
"""Functions that rectify, and where they end. Modules call them, so that none escapes, whether it
is used once or often, in place or not."""


class GuidedReLU(torch.autograd.Function):
    """A rectifier that hands back positive gradients only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, top: float) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < top))
        return x.clamp(0, None if top == torch.inf else top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (passed,) = ctx.saved_tensors
        (gradient,) = gradients
        return gradient.clamp_min(0) * passed, None


def guided(x: Tensor, top: float) -> Tensor:
    y: Tensor = GuidedReLU.apply(x, top)  # type: ignore[no-untyped-call]
    return y


class Guided(TorchFunctionMode):
    """Within this context each rectifier is a guided one.

    count  how many were met
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in RECTIFIERS:
            self.count += 1
            x = args[0] if args else kwargs["input"]
            return guided(x, RECTIFIERS[func])
        if func in (F.hardtanh, F.hardtanh_) and _is_relu6(args, kwargs or {}):
            self.count += 1
            return guided(args[0], 6.0)
        return func(*args, **(kwargs or {}))


def _is_relu6(args: Any, kwargs: Any) -> bool:
    bounds = [*args[1:3], *(kwargs[name] for name in ("min_val", "max_val") if name in kwargs)]
    return bounds == [0.0, 6.0]


def guided_backprop(model: nn.Module, images: Images, target: Target = None) -> Heatmaps:
    """(B, H, W), of either sign: the guided gradient of the channels, added up.

    images  (B, C, H, W) in [0, 1]

    Raises ModelError for a network without rectifiers or without gradients, UsageError for an
    unknown target.
    """
    scalar = scalar_of(model, images, target, once=True)
    with Guided() as rectifiers:
        gradients = pixel_gradients(model, images, scalar)
    if not rectifiers.count:
        raise ModelError(
            "guided backpropagation is about rectifiers, and the network has none",
            where="method",
            remedy="Choose saliency, smoothgrad or integrated_gradients.",
        )
    return gradients.sum(1)
