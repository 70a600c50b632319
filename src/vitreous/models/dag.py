"""A directed acyclic graph as a network: named nodes, their inputs, forks and joins.

    Graph({
        "left": (nn.Conv2d(8, 8, 3, padding=1), "input"),
        "right": (nn.Conv2d(8, 8, 1), "input"),
        "joined": (Concatenate(), "left", "right"),
        "sum": (Add(), "joined", "joined"),
    })

A node with several successors is a fork; one with several inputs a join.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError, unknown


class Add(nn.Module):
    """The sum of all inputs."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.stack(inputs).sum(0) if len(inputs) > 2 else sum(inputs[1:], inputs[0])


class Concatenate(nn.Module):
    """All channels of all inputs."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, 1)


class Graph(nn.Module):
    """Runs its nodes in an order that gives each its inputs; the last one named is the output.

    nodes  name -> (module, name of an input, ...), in any order; "input" is the network's input

    Raises UsageError for an input that is no node, ModelError for a cycle.
    """

    def __init__(self, nodes: Mapping[str, tuple[Any, ...]]) -> None:
        super().__init__()
        self.inputs = {name: tuple(sources) for name, (_, *sources) in nodes.items()}
        self.output = [*nodes][-1]
        for name, sources in self.inputs.items():
            for source in sources:
                if source != "input" and source not in nodes:
                    raise unknown("node", source, ["input", *nodes], where=f"inputs of {name}")
        try:
            order = TopologicalSorter(self.inputs).static_order()
            self.order = tuple(name for name in order if name != "input")
        except CycleError as error:
            raise ModelError(
                f"the nodes {' → '.join(error.args[1])} form a cycle",
                remedy="Remove one of these connections.",
            ) from None
        self.nodes = nn.ModuleDict({name: module for name, (module, *_) in nodes.items()})

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """The output of every node by name."""
        values = {"input": x}
        for name in self.order:
            values[name] = self.nodes[name](*[values[source] for source in self.inputs[name]])
        return values

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)[self.output]
