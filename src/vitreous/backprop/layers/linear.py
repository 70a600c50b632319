"""The fully connected layer, Y = X Wᵀ + b, and addition of a bias.

    ∂E/∂X = ∂E/∂Y W        ∂E/∂W = (∂E/∂Y)ᵀ X        ∂E/∂b = Σ ∂E/∂Y

For one example ∂E/∂W is an outer product, of the error of the layer above and the activation of
the layer below: Hebb's rule with an error in place of the output.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import linear

from vitreous.backprop.layers.layer import Layer
from vitreous.backprop.tape.rule import sum_to


class Linear(Layer):
    """(..., D_in) to (..., D_out); weight (D_out, D_in), bias (D_out,) or None."""

    learned = ("weight", "bias")

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return linear(x, self.weight, self.bias)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient @ self.weight

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        rows = gradient.reshape(-1, gradient.shape[-1])
        gradients = {"weight": rows.T @ self.x.reshape(-1, self.x.shape[-1])}
        if self.bias is not None:
            gradients["bias"] = rows.sum(0)
        return gradients


class Bias(Layer):
    """y = x + b, with b of any shape that broadcasts against x."""

    learned = ("bias",)

    def __init__(self, bias: Tensor):
        super().__init__()
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        summed = sum_to(gradient, tuple(self.bias.shape))
        return {"bias": summed.clone() if summed is gradient else summed}
