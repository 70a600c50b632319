"""A watch over weights: has a network been changed since something was made from it?

What was made from it would go on to answer as the network did before.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks

SAMPLED = 16  # numbers of each tensor, evenly spread over it


class WeightWatch:
    """What was seen of a network when the watch began."""

    def __init__(self, network: nn.Module) -> None:
        self.modules = [*network.modules()]
        self.tensors = [*network.parameters(), *network.buffers()]
        self.parts, self.versions = self._parts(), self._versions()
        # Whoever writes through `.data` changes no version: some numbers are looked at as well.
        self.samples = [_sample(tensor) for tensor in self.tensors]
        self.numbers = self._numbers()

    def holds(self) -> bool:
        """Is the network unchanged, and does nothing look on or intervene?"""
        return (
            not (_global_forward_hooks or _global_forward_pre_hooks)
            and not any(
                module._forward_hooks or module._forward_pre_hooks for module in self.modules
            )
            and self._parts() == self.parts
            and self._versions() == self.versions
            and bool(np.array_equal(self._numbers(), self.numbers))
        )

    def _parts(self) -> list[int]:
        """Of all modules the parts, each by its identity, and a forward pass that was put in."""
        put_in = [id(vars(module).get("forward")) for module in self.modules]
        return put_in + [
            id(part)
            for module in self.modules
            for parts in (module._modules, module._parameters, module._buffers)
            for part in parts.values()
        ]

    def _versions(self) -> list[tuple[int, int]]:
        return [
            (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
            for tensor in self.tensors
        ]

    def _numbers(self) -> NDArray[np.uint8]:
        return np.concatenate(
            [np.empty(0, np.uint8), *(found.reshape(-1) for found in self.samples)]
        )


def _sample(tensor: Tensor) -> NDArray[np.uint8]:
    """Bytes of some of its numbers, in its own memory: they change as it does."""
    flat = torch.empty(0, dtype=torch.uint8).set_(tensor.detach().untyped_storage()).numpy()
    size = tensor.element_size()
    count = len(flat) // size
    return flat[: count * size].reshape(count, size)[:: max(1, count // SAMPLED)]
