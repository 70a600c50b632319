"""The graph of a network: its layers, the operations between them, and what flows where."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.mode import evaluating
from vitreous.trace.capture.operations import Operation, Shape, Trace, trace
from vitreous.trace.capture.record import record
from vitreous.trace.graph.family import describe, family_of_module, family_of_operation
from vitreous.trace.graph.graph import Edge, Graph, Node
from vitreous.trace.measure.cost import cost


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
