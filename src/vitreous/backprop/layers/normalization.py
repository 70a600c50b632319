"""Normalization layers: zero mean and unit deviation, then a learned scale γ and shift β.

    x̂ = (x − μ) / √(σ² + ε)        y = γ x̂ + β

In training the statistics themselves depend on the input, so the gradient loses its mean and its
component along x̂. γ multiplies x̂: it is a deviation, although a lecture may write γ² for it.

Ioffe and Szegedy (2015), "Batch Normalization", arXiv:1502.03167, section 3.
Ba et al. (2016), "Layer Normalization", arXiv:1607.06450.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.backprop.layers.layer import Layer
from vitreous.errors import ShapeError


def standardized_gradient(
    gradient: Tensor, x_hat: Tensor, scale: Tensor, axes: list[int]
) -> Tensor:
    """∂E/∂x from ∂E/∂x̂ when mean and deviation were computed from x itself, over `axes`.

    scale  1 / √(σ² + ε), broadcastable
    """
    mean = gradient.mean(axes, keepdim=True)
    along = (gradient * x_hat).mean(axes, keepdim=True)
    return scale * (gradient - mean - x_hat * along)


class BatchNorm(Layer):
    """(B, C) or (B, C, H, W), each channel standardized over the batch and the positions.

    weight, bias   γ and β, (C,), or None
    mean, variance  running averages (C,), updated in training and used in evaluation; or None,
                   then the batch's own statistics are always used
    momentum       share of the new batch in the running averages; None: plain average of all
    batches        number of batches seen, a tensor of one integer, counted in training; or None
    """

    learned = ("weight", "bias")

    def __init__(
        self,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
        *,
        momentum: float | None = 0.1,
        epsilon: float = 1e-5,
        batches: Tensor | None = None,
    ):
        super().__init__()
        self.weight, self.bias = weight, bias
        self.mean, self.variance = mean, variance
        self.momentum, self.epsilon, self.batches = momentum, epsilon, batches

    def forward(self, x: Tensor) -> Tensor:
        self.axes = [0, *range(2, x.dim())]
        self.channels = [1, -1] + [1] * (x.dim() - 2)
        self.own_statistics = self.training or self.mean is None or self.variance is None
        if self.own_statistics:
            count = x.numel() // x.shape[1]
            if self.training and count == 1:
                raise ShapeError(
                    f"one value a channel, of shape {tuple(x.shape)}, has no statistics",
                    remedy="Train with at least two examples a batch.",
                )
            variance, mean = torch.var_mean(x, self.axes, correction=0)
            if self.training:
                self.remember(mean, variance, count)
        else:
            assert self.mean is not None
            assert self.variance is not None
            mean, variance = self.mean, self.variance
        self.scale = torch.rsqrt(variance + self.epsilon).reshape(self.channels)
        self.x_hat = (x - mean.reshape(self.channels)) * self.scale
        y = self.x_hat if self.weight is None else self.x_hat * self.weight.reshape(self.channels)
        return y if self.bias is None else y + self.bias.reshape(self.channels)

    def remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running averages towards this batch; they keep the unbiased variance."""
        if self.batches is not None:
            self.batches += 1
        if self.mean is None or self.variance is None:
            return
        share = self.momentum
        if share is None:
            share = 1 / float(self.batches) if self.batches is not None else 0.1
        self.mean.lerp_(mean, share)
        self.variance.lerp_(variance * (count / (count - 1)), share)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        if self.weight is not None:
            gradient = gradient * self.weight.reshape(self.channels)
        if not self.own_statistics:
            return gradient * self.scale
        return standardized_gradient(gradient, self.x_hat, self.scale, self.axes)

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        gradients = {}
        if self.weight is not None:
            gradients["weight"] = (gradient * self.x_hat).sum(self.axes)
        if self.bias is not None:
            gradients["bias"] = gradient.sum(self.axes)
        return gradients


class LayerNorm(Layer):
    """(..., *shape), each example standardized over its last axes; weight and bias of `shape`."""

    learned = ("weight", "bias")

    def __init__(
        self,
        shape: tuple[int, ...],
        weight: Tensor | None,
        bias: Tensor | None,
        *,
        epsilon: float = 1e-5,
    ):
        super().__init__()
        self.weight, self.bias, self.epsilon = weight, bias, epsilon
        self.axes = list(range(-len(shape), 0))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, self.axes, correction=0, keepdim=True)
        self.scale = torch.rsqrt(variance + self.epsilon)
        self.x_hat = (x - mean) * self.scale
        y = self.x_hat if self.weight is None else self.x_hat * self.weight
        return y if self.bias is None else y + self.bias

    def input_gradient(self, gradient: Tensor) -> Tensor:
        if self.weight is not None:
            gradient = gradient * self.weight
        return standardized_gradient(gradient, self.x_hat, self.scale, self.axes)

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        batch = list(range(gradient.dim() - len(self.axes)))
        gradients = {}
        if self.weight is not None:
            gradients["weight"] = (gradient * self.x_hat).sum(batch)
        if self.bias is not None:
            gradients["bias"] = gradient.sum(batch)
        return gradients


class LocalResponseNorm(Layer):
    """y = x / dᵝ with d = k + α · the mean of x² over `size` neighboring channels.

    The mean is a product with a fixed banded matrix A, so its gradient is one with Aᵀ:
    x̄ = ȳ d⁻ᵝ − 2αβ x Aᵀ (ȳ x d⁻ᵝ⁻¹). Krizhevsky et al. (2012), section 3.3, with α/n for α.
    """

    def __init__(self, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        channels = torch.arange(x.shape[1], device=x.device)
        distance = channels - channels[:, None]  # neighbor minus channel
        near = (distance >= -(self.size // 2)) & (distance <= (self.size - 1) // 2)
        self.band = near.to(x.dtype) / self.size
        self.x, self.d = x, self.k + self.alpha * self.mix(self.band, x * x)
        return x * self.d**-self.beta

    def input_gradient(self, gradient: Tensor) -> Tensor:
        back = self.mix(self.band.T, gradient * self.x * self.d ** (-self.beta - 1))
        return gradient * self.d**-self.beta - 2 * self.alpha * self.beta * self.x * back

    @staticmethod
    def mix(matrix: Tensor, maps: Tensor) -> Tensor:
        """A product with the channels of (B, C, ...)."""
        return (matrix @ maps.flatten(2)).reshape(maps.shape)
