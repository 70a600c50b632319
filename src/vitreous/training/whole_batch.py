"""Synchronized batch norm, and dropout for a share: what in a network concerns the whole batch.

Batch norm takes mean and variance of all examples, whoever has them; the numbers are those of one
process with the whole batch, also where shares differ in size. Dropout and stochastic depth draw
for the whole batch, and take the rows of the share. Layers are not replaced: only within the block
they compute in another way, so that a network is saved and looked at as it is.
Ioffe & Szegedy (2015), arXiv:1502.03167; Chan, Golub & LeVeque (1983), on combining variances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from vitreous.blocks.drop import DropPath
from vitreous.data.batches.batch import Batch
from vitreous.distributed import Ranks


def looks_at_all(layer: nn.Module) -> bool:
    """Does it take statistics of the batch when it learns?"""
    return isinstance(layer, _BatchNorm) and (layer.training or layer.running_mean is None)


@contextmanager
def looking_at_all(model: nn.Module, batch: Batch, ranks: Ranks) -> Iterator[None]:
    """Within the block these layers of the model see the whole batch."""
    if ranks.size == 1:
        yield
        return
    changed: list[nn.Module] = []
    for layer in model.modules():
        forward: Callable[[Tensor], Tensor] | None = None
        if isinstance(layer, _BatchNorm) and looks_at_all(layer):
            forward = partial(normalized, layer, ranks=ranks)
        elif batch.whole is not None and isinstance(layer, nn.Dropout | DropPath):
            forward = partial(dropped, layer, batch=batch)
        if forward is not None:
            layer.forward = forward
            changed.append(layer)
    try:
        yield
    finally:
        for layer in changed:
            del layer.forward  # that of its class again


def dropped(layer: nn.Dropout | DropPath, x: Tensor, *, batch: Batch) -> Tensor:
    """Dropout by a mask that is drawn for the whole batch: on a CPU that of one process.

    x  (B, ...), or (B·k, ...) with k rows an example
    """
    if not layer.training or layer.p == 0 or batch.whole is None:
        return x
    rows = len(x) // len(batch)
    first, count = batch.whole.first * rows, batch.whole.examples * rows
    own = slice(first, first + len(x))
    if isinstance(layer, DropPath):
        shape = (count, *[1] * (x.dim() - 1))
        kept = torch.rand(shape, device=x.device)[own] >= layer.p
        return x * (kept / (1 - layer.p)).to(x.dtype)
    strides = x.stride()
    order = sorted(range(x.dim()), key=lambda axis: -strides[axis])  # torch draws as memory goes
    drawn = x.new_empty([(count, *x.shape[1:])[axis] for axis in order]).bernoulli_(1 - layer.p)
    mask = drawn.permute([order.index(axis) for axis in range(x.dim())])[own]
    return x * (mask / (1 - layer.p))


def normalized(layer: _BatchNorm, x: Tensor, *, ranks: Ranks) -> Tensor:
    """Batch norm by the statistics of the examples of all processes.

    x  (B, K, ...)
    """
    layer._check_input_dim(x)  # type: ignore[no-untyped-call]
    mean, variance, count = statistics(x.detach(), ranks)
    remember(layer, mean, variance * (count / max(count - 1, 1)))
    kind = torch.promote_types(x.dtype, torch.float32)
    moments = mean.to(kind), variance.to(kind)
    found: Tensor = _Normalized.apply(  # type: ignore[no-untyped-call]
        x, layer.weight, layer.bias, *moments, count, layer.eps, ranks
    )
    return found


def statistics(x: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, int]:
    """(K,) mean and biased variance of each channel over all processes, and of how many numbers."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    kind = torch.promote_types(x.dtype, torch.float32)
    variance, mean = torch.var_mean(x.to(kind), axes, correction=0)
    own = torch.cat([mean, variance, mean.new_tensor([x.numel() / x.shape[1]])]).double()
    means, variances, counts = torch.split(ranks.stacked(own), [len(mean), len(mean), 1], 1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    spread = (counts * (variances + (means - mean).square())).sum(0) / total
    return mean, spread, int(total)


@torch.no_grad()
def remember(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, as batch norm does. variance: the unbiased one"""
    if layer.running_mean is None or layer.running_var is None or not layer.track_running_stats:
        return
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    part = layer.momentum
    if part is None:
        part = 1 / float(layer.num_batches_tracked)
    for running, value in ((layer.running_mean, mean), (layer.running_var, variance)):
        running.copy_((1 - part) * running + part * value.to(running.dtype))


class _Normalized(torch.autograd.Function):
    """γ (x - μ) / √(σ² + ε) + β, where μ and σ² depend on the x of all processes."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: int,
        eps: float,
        ranks: Ranks,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.count, ctx.eps, ctx.ranks = count, eps, ranks
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        # With μ and σ² held fixed; what they add is the same for all numbers of a channel.
        direct, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            slopes, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.cat([by_weight, by_bias]).double()
        ctx.ranks.add_up([sums])
        by_spread, by_shift = sums.to(mean.dtype).chunk(2)
        scale = torch.rsqrt(variance + ctx.eps)
        factor = scale / ctx.count if weight is None else weight * scale / ctx.count
        # dx = direct - factor (Σ s + x̂ Σ s x̂), with x̂ = (x - μ) scale
        tilt = factor * by_spread * scale
        level = factor * by_shift - tilt * mean
        shape = [1, -1, *[1] * (x.dim() - 2)]
        slope = direct - (x * tilt.view(shape).to(x.dtype) + level.view(shape).to(x.dtype))
        return slope, None if weight is None else by_weight, by_bias, *[None] * 5
