"""The layers of a network gathered into stages: few enough to be seen at a glance.

A stage is a module that was folded into one node of the graph, or a layer that stands alone.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from vitreous.trace.graph.graph import Graph
from vitreous.trace.measure.inspection import Inspection, LayerRow

GLANCE = 24  # stages that are seen at a glance


@dataclass(frozen=True)
class Stage:
    """What a part of the network makes, learns and costs, for one image, as `LayerRow` says it.

    name, kind  path of the module, and its class
    detail      such as "7 layers"
    family      kind of layer, for its color: see `family.FAMILIES`
    layers      in the order of computation; the stage itself, if it is a single layer
    """

    name: str
    kind: str
    detail: str
    family: str
    layers: tuple[LayerRow, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its output, without the batch axis."""
        return self.layers[-1].shape

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        return self.layers[-1].receptive_field

    @property
    def stride(self) -> tuple[float, float] | None:
        return self.layers[-1].stride

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def connections(self) -> int:
        return sum(layer.connections for layer in self.layers)

    @property
    def units(self) -> int:
        """Of the layers that multiply."""
        return sum(layer.units for layer in self.layers if layer.connections)

    @property
    def memory(self) -> int:
        return sum(layer.memory for layer in self.layers)

    @property
    def memory_in_place(self) -> int:
        return sum(layer.memory_in_place for layer in self.layers)


def stages(inspection: Inspection, graph: Graph, limit: int = GLANCE) -> list[Stage]:
    """The stages of a network, at most `limit` if its modules allow it.

    inspection, graph  of the same network at the same size, not folded
    """
    folded = graph.readable(limit).nodes
    names = {node.id for node in folded}
    gathered: dict[str, list[LayerRow]] = {}
    for layer in inspection.layers:
        gathered.setdefault(_place(layer.name, names), []).append(layer)
    return [
        Stage(node.id, node.label, node.detail, node.family, tuple(gathered[node.id]))
        for node in folded
        if node.id in gathered
    ]


def _place(name: str, names: Set[str]) -> str:
    """The folded node that holds a layer: the longest beginning of its path that is one."""
    parts = name.split(".")
    paths = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(path for path in paths if path in names)
