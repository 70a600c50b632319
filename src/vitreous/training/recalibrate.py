"""Statistics of batch norm over the whole training set, in place of its running averages.

Running averages follow the last hundred batches or so and lag behind the weights. After training,
or after weights were averaged, the exact mean and variance of each layer's input can be taken
instead: one pass over the data, in which nothing learns.
Ioffe & Szegedy (2015), "Batch normalization", arXiv:1502.03167, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vitreous.blocks.mode import evaluating
from vitreous.shapes import Images


class Moments:
    """Mean and variance of each channel over all batches, combined exactly in float64.

    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance".
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros(())

    def add(self, values: Tensor) -> None:
        """values  (B, K, ...)"""
        columns = values.detach().to(torch.float64).transpose(0, 1).flatten(1)  # (K, n)
        count, mean = columns.shape[1], columns.mean(1)
        squares = (columns - mean[:, None]).square().sum(1)
        shift, total = mean - self.mean, self.count + count
        self.squares = self.squares + squares + shift.square() * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """Unbiased, as the running variance is."""
        return self.squares / max(self.count - 1, 1)


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Images]) -> int:
    """Set the running statistics of every batch norm to those of all the images.

    batches  images (B, C, H, W) of the training part, without augmentation

    Returns the number of layers. Layers that are frozen, which stay in evaluation mode when the
    model is put into training mode, keep their statistics. Dropout is off. Each layer sees its
    input as training made it: normalized by the statistics of the batch.
    """
    with evaluating(model):
        layers = [m for m in model.train().modules() if isinstance(m, _BatchNorm) and m.training]
    layers = [layer for layer in layers if layer.track_running_stats]
    moments = {layer: Moments() for layer in layers}
    before = {layer: [b.clone() for b in layer.buffers()] for layer in layers}

    def look(found: Moments, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.add(inputs[0])

    hooks = [
        layer.register_forward_pre_hook(partial(look, found)) for layer, found in moments.items()
    ]
    try:
        with evaluating(model):
            for layer in layers:
                layer.train()
            for images in batches:
                model(images)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, buffers in before.items():
            for buffer, value in zip(layer.buffers(), buffers, strict=True):
                buffer.copy_(value)
    for layer, found in moments.items():
        if found.count and layer.running_mean is not None and layer.running_var is not None:
            layer.running_mean.copy_(found.mean)
            layer.running_var.copy_(found.variance)
    return len(layers)
