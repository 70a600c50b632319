"""Graphs as text: a network as a table, a formula as its derivation, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitreous.trace.graph.graph import Graph


def number(value: float) -> str:
    """Six significant digits, with a real minus sign."""
    return f"{value:.6g}".replace("-", "−")


def written(value: Any) -> str:
    """A number or nested lists, as a reader writes them."""
    if isinstance(value, dict):
        if "rms" in value:
            return f"{value['rms']:.2g}"
        return f"{number(round(value['mean'], 4))} ± {value['deviation']:.3g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return number(value)


def shaped(shape: tuple[int, ...], batch: bool = True) -> str:
    """64×56×56: without the batch axis."""
    sizes = shape[1:] if batch and len(shape) > 1 else shape
    return "×".join(map(str, sizes)) or "number"


def columns(rows: Sequence[tuple[str, ...]], right: set[int]) -> str:
    """Rows as aligned columns, two spaces apart; those in `right` are set flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def layers(graph: Graph) -> list[tuple[str, ...]]:
    """A network: a node a row, in the order of computation, with where its inputs come from."""
    previous: str | None = None
    sources: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    with_values = any(node.value is not None for node in graph.nodes)
    header = ("name", "layer", "output", "parameters", "MACs", "from")
    rows: list[tuple[str, ...]] = [(*header, "value", "gradient") if with_values else header]
    for node in graph.nodes:
        # What simply follows the line above needs no mention.
        origin = "" if sources[node.id] in ([], [previous]) else ", ".join(sources[node.id])
        row = (
            node.id,
            f"{node.label} {node.detail}".strip(),
            shaped(node.shape),
            f"{node.parameters:,}" if node.parameters else "",
            f"{node.macs:,}" if node.macs else "",
            origin,
        )
        values = ("" if v is None else written(v) for v in (node.value, node.gradient))
        rows.append((*row, *values) if with_values else row)
        previous = node.id
    return rows


def totals(graph: Graph) -> str:
    """What a network learns and computes altogether."""
    total = sum(node.parameters for node in graph.nodes), sum(node.macs for node in graph.nodes)
    return f"{total[0]:,} parameters, {total[1]:,} multiply-accumulates"


def listing(graph: Graph) -> str:
    """A network: a node a line, and the totals below."""
    return f"{graph.title}\n\n{columns(layers(graph), {3, 4, 6, 7})}\n\n{totals(graph)}"


def forward(graph: Graph) -> list[tuple[str, ...]]:
    """A formula: (name, how it is computed, value) of every variable and every step."""
    return [
        (node.id, f"= {node.formula}" if node.formula else "", written(node.value))
        for node in sorted(graph.nodes, key=lambda node: bool(node.formula))
        if node.family != "constant"
    ]


def backward(graph: Graph) -> list[tuple[str, ...]]:
    """A formula: (∂f/∂name, the chain rule, gradient, the rule's derivatives), last node first."""
    nodes = {node.id: node for node in graph.nodes}
    final = graph.nodes[-1]
    rows: list[tuple[str, ...]] = [(f"∂{final.id}/∂{final.id}", "", written(final.gradient), "")]
    for node in reversed(graph.nodes[:-1]):
        if node.gradient is None:
            continue
        paths = [(edge.local, nodes[edge.target]) for edge in graph.edges if edge.source == node.id]
        if node.shape or any(target.shape for _, target in paths):
            terms = [f"∂{final.id}/∂{t.id} · ∂{t.id}/∂{node.id}" for _, t in paths]
            remark = "; ".join(dict.fromkeys(target.detail for _, target in paths))
        else:
            terms = [f"{written(local)}·{written(target.gradient)}" for local, target in paths]
            remark = ""
        gradient = written(node.gradient)
        rows.append((f"∂{final.id}/∂{node.id}", f"= {' + '.join(terms)}", gradient, remark))
    return rows


def derivation(graph: Graph) -> str:
    """A formula: the values forward, then the gradients backward by the chain rule."""

    def indented(rows: list[tuple[str, ...]]) -> str:
        return columns([(f"  {row[0]}", *row[1:]) for row in rows], {2})

    return "\n".join(
        [
            f"{graph.nodes[-1].id} = {graph.title}",
            "",
            "forward",
            indented(forward(graph)),
            "",
            "backward",
            indented(backward(graph)),
        ]
    )


def text(graph: Graph) -> str:
    """A network as a table, a node a line; a formula as its derivation, step by step."""
    return derivation(graph) if graph.kind == "formula" else listing(graph)
