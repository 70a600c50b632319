"""The computational graph of a formula or of a network: what was computed from what.

A node is a variable, an operation, a layer, or a whole module that was folded into one node; an
edge carries a tensor. Formulas show every value and every gradient; networks show shapes and
parameters, and, given images, how large activations and gradients are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.backprop.value import Value
from vitreous.blocks.mode import evaluating
from vitreous.errors import UsageError
from vitreous.trace.cost import cost
from vitreous.trace.expression import evaluate
from vitreous.trace.family import describe, family_of_module, family_of_operation
from vitreous.trace.operations import Operation, Shape, Trace, trace
from vitreous.trace.record import record


@dataclass(frozen=True)
class Node:
    """Something that makes a tensor.

    id          unique in its graph; the path of a module, or of an operation in its module
    label       what it is: "×", "Conv2d", "x"
    family      its kind, which gives it its color: see `family.FAMILIES`
    detail      what distinguishes it from others of its kind, such as "3×3, stride 2"
    shape       of its result
    parameters  learned numbers in it
    macs        multiply-accumulates for one image
    members     layers and operations folded into it, itself included
    value       its result: nested lists for a formula, mean and deviation for a network
    gradient    of the final result with respect to it, likewise
    formula     for an operation of a formula, how it was computed
    """

    id: str
    label: str
    family: str
    detail: str = ""
    shape: Shape = ()
    parameters: int = 0
    macs: int = 0
    members: int = 1
    value: Any = None
    gradient: Any = None
    formula: str = ""


@dataclass(frozen=True)
class Edge:
    """A tensor on its way from the node that made it to one that uses it.

    shape  in which it is used
    local  ∂(target)/∂(source), in formulas
    """

    source: str
    target: str
    shape: Shape = ()
    local: Any = None


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of computation, and edges between them.

    title  what it is a graph of
    kind   "formula" or "network"
    """

    title: str
    kind: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    # Of networks: the class of each container by its path, and the node of each operation.
    modules: dict[str, str] = field(default_factory=dict)
    makers: tuple[str, ...] = ()

    def node(self, id: str) -> Node:
        return next(node for node in self.nodes if node.id == id)

    def to_json(self) -> dict[str, Any]:
        fields = {"title": self.title, "kind": self.kind}
        return fields | {
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [asdict(edge) for edge in self.edges],
        }

    def fold(self, depth: int) -> Graph:
        """The same network with everything deeper than `depth` modules folded into its module."""
        if depth < 1:
            raise UsageError(
                f"a depth of {depth}", where="depth", remedy="Use 1 or more; 1 shows the stages."
            )
        place = {node.id: ".".join(node.id.split(".")[:depth]) for node in self.nodes}
        folded: dict[str, list[Node]] = {}
        for node in self.nodes:
            folded.setdefault(place[node.id], []).append(node)
        edges = {
            (place[e.source], place[e.target]): replace(
                e, source=place[e.source], target=place[e.target]
            )
            for e in self.edges
            if place[e.source] != place[e.target]
        }
        nodes = [
            members[0] if members[0].id == id else self._merged(id, members)
            for id, members in folded.items()
        ]
        return replace(self, nodes=tuple(nodes), edges=tuple(edges.values()))

    def readable(self, limit: int = 48) -> Graph:
        """Folded as little as is needed for at most `limit` nodes, but not further than stages."""
        if len(self.nodes) <= limit:
            return self
        deepest = max(len(node.id.split(".")) for node in self.nodes)
        for depth in range(deepest - 1, 1, -1):
            folded = self.fold(depth)
            if len(folded.nodes) <= limit:
                return folded
        return self.fold(1)

    def _merged(self, id: str, members: list[Node]) -> Node:
        last = members[-1]
        count = sum(node.members for node in members)
        return replace(
            last,
            id=id,
            label=self.modules.get(id, id),
            family="module",
            detail=f"{count} layers",
            parameters=sum(node.parameters for node in members),
            macs=sum(node.macs for node in members),
            members=count,
        )


def expression(text: str, values: dict[str, Any] | None = None, **more: Any) -> Graph:
    """The graph of a formula with its values, local derivatives and gradients.

    >>> f = expression("(x + y) * z", x=-2, y=5, z=-4)
    >>> f.nodes[-1].value, [f.node(name).gradient for name in "xyz"]
    (-12.0, [-4.0, -4.0, 3.0])

    text    see `expression.evaluate`
    values  numbers, nested lists or tensors by name; also as keywords

    Raises UsageError for a formula that cannot be read, ShapeError if its result is no number.
    """
    result = evaluate(text, (values or {}) | more)
    result.backward()
    return graph_of_value(result, text)


def graph_of_value(result: Value, title: str = "") -> Graph:
    """The graph of a tape whose `backward` has been called."""
    order = result.ancestors()
    names: dict[int, str] = {}
    taken = {value.name for value in order}
    constants: Counter[str] = Counter()
    for value in order:
        if value.rule is None:
            name = value.name or "·"
            constants[name] += 1
            names[id(value)] = name + "′" * (constants[name] - 1)  # the same number, twice
        elif value is result and "f" not in taken:
            names[id(value)] = "f"
        else:
            number = sum(v.rule is not None for v in order[: order.index(value) + 1])
            names[id(value)] = f"v{number}" if f"v{number}" not in taken else f"v{number}′"

    nodes, edges = [], []
    for value in order:
        rule = value.rule
        operands = [
            operand.name if operand.constant and operand.name else names[id(operand)]
            for operand in value.operands
        ]
        nodes.append(
            Node(
                id=names[id(value)],
                label=rule.symbol if rule else value.name,
                family="operation" if rule else "constant" if value.constant else "input",
                detail=f"{rule.formula}: {rule.local}" if rule else "",
                shape=value.shape,
                value=value.data.tolist(),
                gradient=None if value.gradient is None else value.gradient.tolist(),
                formula=_written(rule.name, rule.symbol, operands) if rule else "",
            )
        )
        for operand, local in zip(value.operands, value.local_derivatives(), strict=True):
            edges.append(Edge(names[id(operand)], names[id(value)], operand.shape, local.tolist()))
    return Graph(title, "formula", tuple(nodes), tuple(edges))


def _written(name: str, symbol: str, operands: Sequence[str]) -> str:
    if name == "norm2":
        return f"‖{operands[0]}‖²"
    if name == "transpose":
        return f"{operands[0]}ᵀ"
    if name == "negate":
        return f"−{operands[0]}"
    if len(operands) == 2 and not symbol.isalpha():
        return f"{operands[0]} {symbol} {operands[1]}"
    return f"{name}({', '.join(operands)})"


def graph(
    model: nn.Module, shape: Shape, *, images: Tensor | None = None, targets: Tensor | None = None
) -> Graph:
    """The graph of any network: layers, functions between them, and what flows where.

    shape    of one input, such as (3, 224, 224)
    images   (B, *shape); if given, nodes tell the mean and deviation of their activations, and the
             root mean square of the gradient of the loss with respect to them
    targets  class numbers for that loss, cross-entropy; without them the predicted classes are
             taken for right

    Raises ShapeError if the network cannot take such an input.
    """
    traced = trace(model, shape)
    found = graph_of_trace(traced, type(model).__name__)
    if images is None:
        return found
    statistics = _statistics(model, traced, images, targets)
    nodes = [replace(node, **statistics.get(node.id, {})) for node in found.nodes]
    return replace(found, nodes=tuple(nodes))


def graph_of_trace(traced: Trace, title: str) -> Graph:
    """A node for each call of a layer, and for each operation between layers."""
    calls = {call.path: call for call in traced.calls}
    leaves = traced.leaves()
    first, last = (name if name not in calls else f"{name}′" for name in ("input", "output"))
    maker = {traced.input[0]: first}
    nodes: dict[str, Node] = {
        first: Node(first, "input", "input", shape=traced.input[1], members=0)
    }
    edges: dict[tuple[str, str], Edge] = {}
    counts: Counter[str] = Counter()
    makers: list[str] = []

    for operation in traced.operations:
        path = operation.path
        if path in leaves and path:
            key, made = path, _layer(path, calls[path].module)
        else:
            stem = f"{path}.{operation.name}" if path else operation.name
            counts[stem] += 1 + (stem in calls and not counts[stem])  # a layer has that name
            key = stem if counts[stem] == 1 else f"{stem}#{counts[stem]}"
            made = _function(key, operation)
        before = nodes.setdefault(key, made)
        for value, read in operation.reads:
            source = maker.get(value)
            if source is not None and source != key:
                edges.setdefault((source, key), Edge(source, key, read))
        maker[operation.value] = key
        makers.append(key)
        nodes[key] = replace(before, shape=operation.shape, macs=before.macs + cost(operation).macs)
    # A layer's result may have another shape than its last operation: it was rearranged.
    for path, call in calls.items():
        if path in nodes and call.output is not None:
            nodes[path] = replace(nodes[path], shape=call.output[1])
    counted: set[Tensor] = set()
    for key, operation in zip(makers, traced.operations, strict=True):
        # Shared parameters count where they are used first.
        used = calls[key].module.parameters() if key in calls else operation.learned
        own = set(used) - counted
        counted |= own
        learned = nodes[key].parameters + sum(p.numel() for p in own)
        nodes[key] = replace(nodes[key], parameters=learned)
    if traced.output is not None and traced.output[0] in maker:
        value, shape = traced.output
        nodes[last] = Node(last, "output", "output", shape=shape, members=0)
        edges[maker[value], last] = Edge(maker[value], last, shape)
    containers = {
        call.path: type(call.module).__name__ for call in traced.calls if call.path not in leaves
    }
    return Graph(
        title, "network", tuple(nodes.values()), tuple(edges.values()), containers, tuple(makers)
    )


def _layer(path: str, module: nn.Module) -> Node:
    return Node(path, type(module).__name__, family_of_module(module), describe(module))


def _function(id: str, operation: Operation) -> Node:
    label, family = family_of_operation(operation)
    return Node(id, label, family)


def _statistics(
    model: nn.Module, traced: Trace, images: Tensor, targets: Tensor | None
) -> dict[str, dict[str, Any]]:
    with evaluating(model), record(model, gradients=True) as maps, torch.enable_grad():
        outputs = model(images)
        labels = outputs.detach().argmax(1) if targets is None else targets
        kept = [(p, p.grad) for p in model.parameters()]
        for parameter, _ in kept:  # or the caller's own gradients would be added to, in place
            parameter.grad = None
        try:
            torch.autograd.backward(F.cross_entropy(outputs, labels))
        finally:
            for parameter, gradient in kept:
                parameter.grad = gradient
    numbers: Counter[str] = Counter()
    statistics = {}
    for call in traced.calls:
        numbers[call.name] += 1
        key = call.name if numbers[call.name] == 1 else f"{call.name}#{numbers[call.name]}"
        if key in maps:
            x, gradient = maps[key].double(), maps.gradients.get(key)
            statistics[call.path] = {
                "value": {"mean": float(x.mean()), "deviation": float(x.std(correction=0))},
                "gradient": None
                if gradient is None
                else {"rms": math.sqrt(float(gradient.double().square().mean()))},
            }
    return statistics
