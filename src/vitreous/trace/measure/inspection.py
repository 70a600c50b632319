"""A network opened: a line for every layer, with what it makes, what it learns and what it costs.

Two ways of counting the memory of activations are in use, and they differ by almost a factor of two
for VGG-16 (58 and 110 MiB): with or without what the non-linearities overwrite. Both are given.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from torch import nn

from vitreous.trace.capture.operations import Shape, trace
from vitreous.trace.draw.text import columns
from vitreous.trace.graph.network_graph import graph_of_trace
from vitreous.trace.measure.cost import Cost, costs, total
from vitreous.trace.measure.receptive import fields_by_value


@dataclass(frozen=True)
class LayerRow:
    """One layer, or one operation between layers, for one image.

    name             path of the module, "path#2" at its second call
    kind             its class, or the operation
    detail           such as "3×3, stride 2"
    shape            of its output, without the batch axis
    units            numbers in its output
    parameters       learned numbers, counted where they are used first
    connections      multiply-accumulates: every weight at every place where it is used
    memory           bytes of its results; memory_in_place without what non-linearities overwrite;
                     with the image itself they add up to the totals
    receptive_field  (rows, columns) in pixels; None for the whole image or where there is no map
    stride           pixels between neighboring units, likewise
    """

    name: str
    kind: str
    detail: str
    shape: tuple[int, ...]
    units: int
    parameters: int
    connections: int
    memory: int
    memory_in_place: int
    receptive_field: tuple[int, int] | None
    stride: tuple[float, float] | None


@dataclass(frozen=True)
class Inspection:
    """The layers of a network, and their totals for one image.

    units   of the layers that multiply (convolutions and dense layers)
    memory  includes the image itself, once
    """

    model: str
    size: tuple[int, ...]
    layers: tuple[LayerRow, ...]
    parameters: int
    trainable: int
    units: int
    macs: int
    memory: int
    memory_in_place: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def unit(self) -> tuple[str, int]:
        """In which memory is told, and its bytes."""
        return ("MiB", 1 << 20) if self.memory >= 1 << 20 else ("KiB", 1 << 10)

    def text(self) -> str:
        """A table, with the totals below it."""
        unit, scale = self.unit
        header = (
            "layer",
            "",
            "output",
            "units",
            "parameters",
            "connections",
            unit,
            "field",
            "stride",
        )
        rows = [header]
        for layer in self.layers:
            field, stride = layer.receptive_field, layer.stride
            rows.append(
                (
                    layer.name,
                    f"{layer.kind} {layer.detail}".strip(),
                    "×".join(map(str, layer.shape)),
                    f"{layer.units:,}",
                    f"{layer.parameters:,}" if layer.parameters else "",
                    f"{layer.connections:,}" if layer.connections else "",
                    f"{layer.memory / scale:.2f}" if layer.memory else "",
                    pair(field) if field else "all" if len(layer.shape) == 3 else "",
                    pair(stride) if stride else "",
                )
            )
        title = f"{self.model} at {'×'.join(map(str, self.size))}"
        return "\n".join([title, "", columns(rows, {3, 4, 5, 6, 7, 8}), "", self.totals()])

    def totals(self) -> str:
        """The lines below the table."""
        unit, scale = self.unit
        frozen = self.parameters - self.trainable
        return "\n".join(
            [
                f"parameters   {self.parameters:,}"
                + (f", {frozen:,} of them frozen" if frozen else ""),
                f"units        {self.units:,} in layers with weights",
                f"MACs         {self.macs:,}",
                f"activations  {self.memory_in_place / scale:.1f} {unit} for one image in float32, "
                "non-linearities in place",
                f"             {self.memory / scale:.1f} {unit} if they keep what they read",
            ]
        )

    def __str__(self) -> str:
        return self.text()


def inspect(model: nn.Module, size: Shape) -> Inspection:
    """Open a network: every layer for one image of `size` = (C, H, W), in evaluation mode.

    Nothing is computed, so any network is opened in a moment. Raises ShapeError if it cannot take
    such an image.
    """
    traced = trace(model, size)
    network = graph_of_trace(traced, type(model).__name__)
    fields = fields_by_value(traced) if len(size) == 3 else {}
    spent: dict[str, Cost] = {}
    made: dict[str, int] = {}  # the value that each node hands on
    for maker, operation, cost in zip(
        network.makers, traced.operations, costs(traced), strict=True
    ):
        spent[maker] = spent.get(maker, Cost()) + cost
        made[maker] = operation.value
    layers = []
    for node in network.nodes:
        if node.id not in spent:
            continue
        field = fields.get(made[node.id]) if len(node.shape) == 4 else None
        limited = field is not None and not math.isinf(max(field.size))
        cost = spent[node.id]
        layers.append(
            LayerRow(
                name=node.id,
                kind=node.label,
                detail=node.detail,
                shape=node.shape[1:],
                units=math.prod(node.shape[1:]),
                parameters=node.parameters,
                connections=cost.macs,
                memory=cost.memory,
                memory_in_place=cost.memory_in_place,
                receptive_field=(int(field.size[0]), int(field.size[1]))
                if field and limited
                else None,
                stride=(_number(field.stride[0]), _number(field.stride[1]))
                if field and limited
                else None,
            )
        )
    whole = total(traced)
    return Inspection(
        model=type(model).__name__,
        size=tuple(size),
        layers=tuple(layers),
        parameters=sum(p.numel() for p in model.parameters()),
        trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
        units=sum(row.units for row in layers if row.connections),
        macs=whole.macs,
        memory=whole.memory,
        memory_in_place=whole.memory_in_place,
    )


def _number(ratio: Fraction) -> float:
    return int(ratio) if ratio.denominator == 1 else float(ratio)


def pair(sides: tuple[float, float]) -> str:
    """3 for 3 by 3, else 3×5."""
    return f"{sides[0]:g}" if sides[0] == sides[1] else f"{sides[0]:g}×{sides[1]:g}"
