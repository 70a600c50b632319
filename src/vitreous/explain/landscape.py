"""Loss landscape: the loss around the weights where training stands, on a plane through them.

    L(a, b) = loss of the network with weights  w + a d + b e

for two random directions d, e. A unit can be made larger and the next one smaller without changing
anything, so a step of one length means nothing by itself: each unit's part of a direction is scaled
to the length of that unit's weights. Sharp and flat can then be compared between networks.
Li et al. (2018), "Visualizing the loss landscape of neural nets", arXiv:1712.09913, section 4.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

Direction = dict[str, Tensor]


def random_direction(model: nn.Module, generator: torch.Generator) -> Direction:
    """A Gaussian direction in the space of the weights, normalized unit by unit.

    return  tensors by parameter name. The part that belongs to one unit (one row of a dense layer,
            one filter of a convolution) is as long as the weights of this unit; biases and the
            scales of normalization layers, which are one number a unit, do not move.
    """
    return {
        name: _drawn(parameter.detach(), generator) for name, parameter in model.named_parameters()
    }


def slice_rows(
    model: nn.Module,
    inputs: Tensor,
    loss: Callable[[Tensor], Tensor],
    across: Direction,
    along: Direction,
    steps: Tensor,
) -> Iterator[Tensor]:
    """The loss on a grid around the weights, row by row, each (S,).

    inputs   what the network is given, (B, ...)
    loss     outputs of the network to one number
    across   the direction within a row
    along    the direction from row to row
    steps    (S,) how far to go along both, in lengths of the weights; 0 is where training stands

    The weights are those of the moment when the first row is asked for, whatever happens to the
    network meanwhile; it is used as for prediction, without dropout. The networks of a row are
    computed together.
    """
    frozen = copy.deepcopy(model).eval().requires_grad_(False)
    weights = dict(frozen.named_parameters())

    def loss_at(a: Tensor, b: Tensor) -> Tensor:
        moved = {name: w + a * across[name] + b * along[name] for name, w in weights.items()}
        return loss(functional_call(frozen, moved, (inputs,)))

    steps = steps.to(inputs.dtype)
    for b in steps:
        with torch.no_grad():
            row: Tensor = vmap(loss_at, in_dims=(0, None))(steps, b)
        yield row


def loss_slice(
    model: nn.Module,
    inputs: Tensor,
    loss: Callable[[Tensor], Tensor],
    across: Direction,
    along: Direction,
    steps: Tensor,
) -> Tensor:
    """All rows of `slice_rows` at once: losses (S, S), a row for each step along `along`."""
    return torch.stack(list(slice_rows(model, inputs, loss, across, along, steps)))


def _drawn(weight: Tensor, generator: torch.Generator) -> Tensor:
    """A Gaussian tensor whose rows are as long as those of `weight`."""
    if weight.dim() < 2:
        return torch.zeros_like(weight)
    drawn = torch.randn(weight.shape, generator=generator).to(weight)
    ones = (1,) * (weight.dim() - 1)
    lengths = weight.flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
    scaled: Tensor = drawn * lengths.reshape(-1, *ones)
    return scaled
