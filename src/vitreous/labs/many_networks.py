"""Many small perceptrons trained side by side: each layer's weights are one stack, the seeds first.

A network of a few units keeps no processor busy; a hundred at once do, and a claim about first
weights needs a hundred. Every network has its own first weights, and may have its own examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.blocks.init import INITIALIZERS

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Stack:
    """S perceptrons of one shape.

    weights  of each layer (S, inputs, outputs)
    biases   of each layer (S, 1, outputs)
    act      a name of the activation table; the last layer is linear
    bypass   from the second hidden layer on, shortcuts between layers of equal width as
             `models.mlp.hidden_layers` has them
    """

    weights: list[Tensor]
    biases: list[Tensor]
    act: str
    bypass: bool = False

    def __call__(self, inputs: Tensor) -> Tensor:
        """(N, inputs) or (S, N, inputs) to (S, N, outputs)."""
        return self.layers(inputs)[-1]

    def layers(self, inputs: Tensor) -> list[Tensor]:
        """The activations of each layer, (S, N, units), and last the outputs."""
        act = ACTIVATIONS[self.act].build()
        found: list[Tensor] = []
        x = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = act(x @ weight + bias)
            if self.bypass:
                same = [h for h in found if h.shape[-1] == x.shape[-1]]
                x = x + same[-1] if same else x
            found.append(x)
        return [*found, x @ self.weights[-1] + self.biases[-1]]

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    @property
    def count(self) -> int:
        """Parameters of one network."""
        return sum(tensor[0].numel() for tensor in self.parameters)

    def copy(self, act: str | None = None) -> Stack:
        """The same networks with tensors of their own.

        act  another row of the activation table; None keeps theirs
        """
        weights, biases = ([t.clone() for t in part] for part in (self.weights, self.biases))
        return replace(self, weights=weights, biases=biases, act=act or self.act)

    def rows(self, chosen: Tensor) -> Stack:
        """Some of the networks."""
        return Stack(
            [w.detach()[chosen] for w in self.weights],
            [b.detach()[chosen] for b in self.biases],
            self.act,
            self.bypass,
        )


def born(
    widths: Sequence[int],
    seeds: int,
    *,
    act: str = "relu",
    init: str | None = None,
    bypass: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Stack:
    """Networks that have learned nothing yet.

    widths  units of every layer, inputs and outputs included
    init    a row of `INITIALIZERS`, with biases 0; None draws both evenly within ±1/√inputs, as
            PyTorch does
    """
    generator = torch.Generator().manual_seed(seed)
    weights, biases = [], []
    for before, after in pairwise(widths):
        if init is None:
            reach = 1 / math.sqrt(before)
            weight = torch.empty(seeds, before, after).uniform_(-reach, reach, generator=generator)
            bias = torch.empty(seeds, 1, after).uniform_(-reach, reach, generator=generator)
        else:
            deviation = INITIALIZERS[init](before, after)
            weight = torch.randn(seeds, before, after, generator=generator) * deviation
            bias = torch.zeros(seeds, 1, after)
        weights.append(weight.to(dtype))
        biases.append(bias.to(dtype))
    return Stack(weights, biases, act, bypass)


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """(S,) mean squared error of each network."""
    return (outputs - targets).square().flatten(1).mean(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """(S,) of logits (S, N, L) and class numbers (S, N) or (N,)."""
    picked = targets.expand(outputs.shape[:2])[..., None]
    return -outputs.log_softmax(2).gather(2, picked)[..., 0].mean(1)


def trained(
    stack: Stack,
    inputs: Tensor,
    targets: Tensor,
    *,
    steps: int,
    lr: float,
    loss: Loss = squared,
    method: str = "adam",
    batch: int | None = None,
    cosine: bool = True,
    masks: Sequence[Tensor] | None = None,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Trains in place; yields the loss (S,) of each network before each step.

    The gradient of a sum of losses is each network's own, so none knows of the others.

    inputs  (N, D) for all, or (S, N, D); targets likewise
    batch   examples of a step, drawn anew each time for all networks alike; None takes all
    masks   of each layer (S, inputs, outputs): 0 where a weight keeps the value that it has
    """
    for tensor in stack.parameters:
        tensor.requires_grad_(True)
    methods = {
        "adam": lambda: torch.optim.Adam(stack.parameters, lr=lr, fused=True),
        "sgd": lambda: torch.optim.SGD(stack.parameters, lr=lr),
        "momentum": lambda: torch.optim.SGD(stack.parameters, lr=lr, momentum=0.9),
    }
    optimizer: torch.optim.Optimizer = methods[method]()  # type: ignore[no-untyped-call]
    generator = torch.Generator().manual_seed(seed)
    own = inputs.dim() == 3
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * (0.5 + 0.5 * math.cos(math.pi * step / steps)) if cosine else lr
        x, y = inputs, targets
        if batch is not None:
            rows = torch.randint(len(inputs[0] if own else inputs), (batch,), generator=generator)
            x, y = (inputs[:, rows], targets[:, rows]) if own else (inputs[rows], targets[rows])
        losses = loss(stack(x), y)
        optimizer.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        for weight, mask in zip(stack.weights, masks or (), strict=False):
            assert weight.grad is not None
            weight.grad.mul_(mask)
        optimizer.step()
        yield losses.detach()
    for tensor in stack.parameters:
        tensor.requires_grad_(False)
        tensor.grad = None


def train(stack: Stack, inputs: Tensor, targets: Tensor, **settings: object) -> Stack:
    """As `trained`, to the end."""
    for _ in trained(stack, inputs, targets, **settings):  # type: ignore[arg-type]
        pass
    return stack
