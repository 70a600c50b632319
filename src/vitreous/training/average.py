"""Weight averaging (EMA, SWA): the average along the way is often better than the last weights.

Exponential:  a_t = d · a_{t-1} + (1 - d) · w_t,  hence d^t · w_0 + (1 - d) Σ_i d^{t-i} · w_i.
Uniform (SWA): the plain mean of all w_t since it began, late in training.
Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging";
Izmailov et al. (2018), "Averaging weights leads to wider optima", arXiv:1803.05407.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.training.sharded import is_sharded, own


class Average:
    """A running average of a network's parameters and floating-point buffers.

    decay   d above, in [0, 1); None for the uniform mean
    ramp    start with a shorter memory, min(d, (1 + t) / (10 + t)), so that the random first
            weights are forgotten in a run of any length
    starts  of each step of training, numbered from 0: is it averaged? Until the first that is there
            is no average, and the network's own weights stand for it

    The running statistics of batch norm are averaged along with the weights that they belong to;
    whole numbers, such as the count of batches, are copied.
    """

    def __init__(
        self,
        model: nn.Module,
        decay: float | None = 0.999,
        *,
        ramp: bool = True,
        starts: Callable[[int], bool] = lambda number: True,
    ):
        self.decay = decay
        self.ramp = ramp
        self.starts = starts
        self.steps = 0
        with torch.no_grad():
            self.values = {name: tensor.clone() for name, tensor in _named(model)}

    @torch.no_grad()
    def update(self, model: nn.Module, number: int = 0) -> None:
        """Take in the network's present weights, which step `number` of training has made."""
        if not self.starts(number):
            return
        self.steps += 1
        weight = 1 - self.decay_at(self.steps)
        averages, currents = [], []
        for name, tensor in _named(model):
            if tensor.is_floating_point():
                averages.append(own(self.values[name]))
                currents.append(own(tensor))
            else:
                self.values[name].copy_(tensor)
        torch._foreach_lerp_(averages, currents, weight)

    def decay_at(self, step: int) -> float:
        """The share of the old average that step number `step` (from 1) keeps."""
        if self.decay is None:
            return (step - 1) / step
        return min(self.decay, (1 + step) / (10 + step)) if self.ramp else self.decay

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Give the model the averaged weights for good; without any it keeps its own."""
        if self.steps:
            for name, tensor in _named(model):
                own(tensor).copy_(own(self.values[name]))

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[nn.Module]:
        """The network with the averaged weights, within the block; nothing is copied."""
        self._swap(model)
        try:
            yield model
        finally:
            self._swap(model)

    def _swap(self, model: nn.Module) -> None:
        if not self.steps:
            return
        for name, tensor in _named(model):
            if is_sharded(tensor):  # what is put together lies in this memory
                mine, other = own(tensor), own(self.values[name])
                kept = mine.clone()
                mine.copy_(other)
                other.copy_(kept)
                continue
            tensor.data, self.values[name] = self.values[name], tensor.data

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "values": dict(self.values)}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])
        for name, value in self.values.items():
            own(value).copy_(own(state["values"][name]))


def _named(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What a file of the model would hold, each tensor once, under the first of its names;
    constants such as pixel means are left out.
    """
    state: dict[str, Tensor] = model.state_dict(keep_vars=True)
    seen: set[int] = set()
    for name, tensor in state.items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield name, tensor
