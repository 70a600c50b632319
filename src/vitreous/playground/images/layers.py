"""The layers of a network that can be shown, and what one image becomes in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.blocks.normalize import Normalize
from vitreous.blocks.pool import GlobalAveragePool, GlobalMaxPool

SHOWN = 64  # maps of a layer, and pixels of a map's side, that are drawn
NUMBERS = 512  # of a vector that are drawn
MOST_LAYERS = 40  # leaves of the network; of a larger one, the outputs of its stages are shown


@dataclass(frozen=True, eq=False)
class View:
    """A layer that is shown: its module, and what went in and came out for one image."""

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor

    @property
    def shown(self) -> int:
        """How many of its maps or numbers are drawn."""
        return min(len(self.maps), NUMBERS if self.output.dim() == 2 else SHOWN)

    @property
    def maps(self) -> Tensor:
        """The output as maps (K, h, w); a vector as maps of one pixel."""
        first = self.output[0]
        return first if first.dim() == 3 else first.reshape(-1, 1, 1)


def shown_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers to draw: all that compute something, or of a large network its stages."""
    silent = (nn.Identity, nn.Dropout, nn.Flatten, Normalize)
    leaves = [
        (name, module)
        for name, module in model.named_modules()
        if name and not list(module.children()) and not isinstance(module, silent)
    ]
    if len(leaves) <= MOST_LAYERS:
        return leaves
    return [(n, m) for n, m in model.named_children() if not isinstance(m, silent)]


@contextmanager
def watched(layers: list[tuple[str, nn.Module]]) -> Iterator[dict[str, View]]:
    """What goes through these layers while the block runs, by name, in the order of computation.

    Unlike `trace.record` it keeps the inputs as well: a number is explained by what went in.
    """
    found: dict[str, View] = {}
    with ExitStack() as stack:
        for name, module in layers:
            hook = partial(_keep, found, name)
            stack.callback(module.register_forward_hook(hook).remove)
        yield found


def kind_of(module: nn.Module) -> str:
    """A word for the page: conv, pool, dense, norm, act or other."""
    if isinstance(module, nn.Conv2d):
        return "conv"
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | GlobalAveragePool | GlobalMaxPool):
        return "pool"
    if isinstance(module, nn.Linear):
        return "dense"
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
        return "norm"
    simple = next(module.parameters(), None) is None and next(module.children(), None) is None
    return "act" if simple else "other"


def source_of(views: Sequence[View], layer: int) -> int | None:
    """The layer whose output went into this one, by number; None for the image and for others."""
    entered = views[layer].input[0].flatten()
    before = range(layer - 1, -1, -1)
    return next((n for n in before if torch.equal(views[n].maps.flatten(), entered)), None)


def reduced(maps: Tensor) -> Tensor:
    """Maps (K, h, w) of at most 64 pixels a side, for drawing."""
    height, width = maps.shape[1:]
    if max(height, width) <= SHOWN:
        return maps
    size = (min(height, SHOWN), min(width, SHOWN))
    return nn.functional.adaptive_avg_pool2d(maps[None].float(), size)[0]


def _keep(
    found: dict[str, View], name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any
) -> None:
    """Remember what went through a layer, if it is maps or a vector."""
    if isinstance(output, Tensor) and output.dim() in (2, 4) and isinstance(inputs[0], Tensor):
        found[name] = View(name, module, inputs[0].detach().clone(), output.detach().clone())
