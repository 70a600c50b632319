"""The graph of a formula: its operations, with every value, local derivative and gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from vitreous.backprop.tape.value import Value
from vitreous.trace.graph.expression import evaluate
from vitreous.trace.graph.graph import Edge, Graph, Node


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
