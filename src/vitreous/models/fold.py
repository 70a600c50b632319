"""Batch norm folded into the convolution before it: the same function, with one layer less.

In evaluation both are linear, so that their product is one convolution:

    γ (W x - μ) / σ + β  =  (γ/σ W) x + (β - γ μ / σ)

It is a copy to be asked for. Model files are measured, predicted with and served as they were
trained: the same function rounds differently, and these must be one network.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vitreous.errors import ModelError
from vitreous.models.network import Network
from vitreous.shapes import Images


@torch.no_grad()
def fold(model: nn.Module, images: Images | None = None) -> nn.Module:
    """A copy in evaluation mode, in which convolutions have swallowed the batch norms after them.

    images  a few examples, with which pairs are found and the result is checked; a network of the
            table makes its own

    Raises ModelError if the copy does not give the same outputs.
    """
    folded = copy.deepcopy(model).eval()
    if images is None:
        if not isinstance(model, Network):
            raise ModelError("an example is needed", where="images", remedy="Give some images.")
        height, width = model.sizes.fixed or (model.sizes.fit(32),) * 2
        generator = torch.Generator().manual_seed(0)
        images = torch.rand(2, model.in_channels, height, width, generator=generator)
        images = images.to(next(folded.parameters()))
    before = folded(images)
    names = {module: name for name, module in folded.named_modules()}
    for conv, norm in pairs(folded, images):
        folded.set_submodule(names[conv], fuse_conv_bn_eval(conv, norm))
        folded.set_submodule(names[norm], nn.Identity())
    after = folded(images)
    scale = max(1.0, before.abs().max().item())
    worst = (after - before).abs().max().item() / scale
    if not worst <= 1e-4:
        raise ModelError(
            f"folding changed the outputs by {worst:.2g} of their size",
            remedy="This network uses the output of a convolution twice; leave it as it is.",
        )
    return folded


def pairs(model: nn.Module, images: Images) -> list[tuple[nn.Conv2d, _BatchNorm]]:
    """Each batch norm with statistics whose input is the very output of a convolution, found by
    running."""
    made: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # an output must live, or its id could be given to another tensor
    found: list[tuple[nn.Conv2d, _BatchNorm]] = []

    def after_conv(conv: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        made[id(output)] = conv
        kept.append(output)

    def before_norm(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, _BatchNorm)
        # Without statistics of its own, a norm is no linear function: it looks at the batch.
        if id(inputs[0]) in made and norm.running_mean is not None:
            found.append((made[id(inputs[0])], norm))

    hooks = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(after_conv))
        elif isinstance(module, _BatchNorm):
            hooks.append(module.register_forward_pre_hook(before_norm))
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found
