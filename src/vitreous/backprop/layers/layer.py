"""The base class of layers whose derivatives are written by hand: forward, backward, parameters.

LeCun's view of a network: a chain of modules, each of which turns its input into its output, and
the gradient of the error with respect to its output into two others: ∂E/∂X, which goes to the
module below, and ∂E/∂W, by which it learns. Autograd is never used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vitreous.backprop.tape.rule import Rule, sum_to


class Layer:
    """One module: `forward`, and the two gradients of its backward pass.

    learned    names of the attributes that hold the parameters; those may be None
    training   batch norm and dropout behave differently in training and in evaluation
    gradients  ∂E/∂W by parameter name, after `backward`

    A layer remembers its last `forward`, so `backward` belongs to that one. A layer of several
    inputs returns a tuple of gradients, one for each input.
    """

    learned: tuple[str, ...] = ()
    training: bool = True

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}

    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, without those that this layer does without."""
        values = {name: getattr(self, name) for name in self.learned}
        return {name: value for name, value in values.items() if value is not None}

    def forward(self, *inputs: Any) -> Tensor:
        raise NotImplementedError

    def input_gradient(self, gradient: Tensor) -> Tensor | tuple[Tensor, ...]:
        """∂E/∂X from ∂E/∂Y."""
        raise NotImplementedError

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        """∂E/∂W from ∂E/∂Y, for every parameter."""
        return {}

    def backward(self, gradient: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Store ∂E/∂W in `gradients` and return ∂E/∂X."""
        with torch.no_grad():
            self.gradients = self.parameter_gradients(gradient)
            return self.input_gradient(gradient)

    def __call__(self, *inputs: Any) -> Tensor:
        with torch.no_grad():
            return self.forward(*inputs)

    def extra(self) -> str:
        """What tells this layer from others of its class."""
        return ", ".join(f"{name} {tuple(p.shape)}" for name, p in self.parameters().items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra()})"


class Chain(Layer):
    """Layers one after the other: forward in order, backward in the opposite order."""

    def __init__(self, *layers: Layer):
        super().__init__()
        self.layers = layers

    def parameters(self) -> dict[str, Tensor]:
        return collect([layer.parameters() for layer in self.layers])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            layer.training = self.training
            x = layer.forward(x)
        return x

    def backward(self, gradient: Tensor) -> Tensor:
        for layer in reversed(self.layers):
            gradient = single(layer.backward(gradient))
        self.gradients = collect([layer.gradients for layer in self.layers])
        return gradient


class Operation(Layer):
    """Any rule of the table as a layer without parameters, of as many inputs as the rule has."""

    def __init__(self, rule: Rule, **options: Any):
        super().__init__()
        self.rule = rule
        self.options = options

    def forward(self, *inputs: Tensor) -> Tensor:
        self.inputs = inputs
        self.output = self.rule.forward(*inputs, **self.options)
        return self.output

    def input_gradient(self, gradient: Tensor) -> tuple[Tensor, ...]:
        return self.rule.backward(gradient, self.output, self.inputs, **self.options)

    def extra(self) -> str:
        return self.rule.formula


class Pointwise(Layer):
    """An activation z = f(x), element by element: ∂E/∂X = ∂E/∂Z · f′(x)."""

    def __init__(self, rule: Rule):
        super().__init__()
        if rule.slope is None:
            raise ValueError(f"the rule {rule.name} (={rule.formula}) is not pointwise")
        self.rule, self.slope = rule, rule.slope

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.z = x, self.rule.forward(x)
        return self.z

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient * self.slope(self.x, self.z)

    def extra(self) -> str:
        return self.rule.formula


class LeakyReLU(Layer):
    """x where positive, else a small fixed share of it."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, self.share * x)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return torch.where(self.x > 0, gradient, self.share * gradient)


class PReLU(Layer):
    """A leaky ReLU that learns its slope a, one for all channels or one for each (B, C, ...).

    He et al. (2015), "Delving Deep into Rectifiers", arXiv:1502.01852, eq. 4.
    """

    learned = ("weight",)

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        channels = (1, -1) + (1,) * (x.dim() - 2) if x.dim() > 1 else (-1,)
        self.a = self.weight.reshape(channels)
        return torch.where(x > 0, x, self.a * x)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient * torch.where(self.x > 0, 1.0, self.a)

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        by_slope = sum_to(gradient * self.x.clamp(max=0), tuple(self.a.shape))
        return {"weight": by_slope.reshape(self.weight.shape)}


class Dropout(Layer):
    """Each unit is dropped with probability p in training, the others are scaled by 1/(1 − p).

    p is the proportion *dropped*, as in PyTorch; the original paper's p is the proportion kept.
    The mask comes from torch's generator exactly as torch's own dropout draws it.
    channels: drop whole channels (B, C, ...) together, as nn.Dropout2d does.

    Srivastava et al. (2014), "Dropout", JMLR 15.
    """

    def __init__(self, p: float = 0.5, *, channels: bool = False):
        super().__init__()
        self.p, self.channels = p, channels

    def forward(self, x: Tensor) -> Tensor:
        self.mask: Tensor | None = None
        if not self.training or self.p == 0:
            return x
        noise = torch.empty_like(x)
        if self.channels:
            noise = x.new_empty(*x.shape[:2], *(1 for _ in x.shape[2:]))
        keep = 1 - self.p
        self.mask = noise.bernoulli_(keep).div_(keep) if keep > 0 else noise.zero_()
        return x * self.mask

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient if self.mask is None else gradient * self.mask


class DropPath(Layer):
    """A whole branch is left out with probability p, example by example: stochastic depth.

    The draws are those of `torch.rand(B, 1, ...) >= p`. Huang et al. (2016), arXiv:1603.09382.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        self.shares: Tensor | None = None
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.p
        self.shares = (kept / (1 - self.p)).to(x.dtype)
        return x * self.shares

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient if self.shares is None else gradient * self.shares


def single(gradient: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The gradient of a layer that has one input."""
    return gradient if isinstance(gradient, Tensor) else gradient[0]


def collect(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Named tensors of numbered parts as one dictionary: "0.weight", "0.bias", "2.weight", ..."""
    return {
        f"{number}.{name}": tensor
        for number, part in enumerate(parts)
        for name, tensor in part.items()
    }
