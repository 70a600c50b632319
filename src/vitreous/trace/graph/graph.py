"""The computational graph of a formula or of a network: what was computed from what.

A node is a variable, an operation, a layer, or a whole module that was folded into one node; an
edge carries a tensor. Formulas show every value and every gradient; networks show shapes and
parameters, and, given images, how large activations and gradients are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from vitreous.errors import UsageError
from vitreous.trace.capture.operations import Shape

QUIET = ("normalization", "activation", "arrangement")
"""Families of layers that need no mention beside others."""


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
        return self._joined(place, self._merged)

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

    @property
    def branches(self) -> bool:
        """Do two ways through the network meet anywhere, as at a shortcut?"""
        targets = [edge.target for edge in self.edges]
        return len(set(targets)) < len(targets)

    def legible(self, limit: int = 48) -> Graph:
        """As `readable`; but where that would hide every shortcut, layers of a module that follow
        one another are folded instead, and what branches stays.
        """
        folded = self.readable(limit)
        if folded.branches or not self.branches:
            return folded
        chained = self.chained()
        return chained if len(chained.nodes) <= limit else folded

    def chained(self) -> Graph:
        """Each run of nodes of one module, of which each alone feeds the next, as one node."""
        fed = Counter(edge.source for edge in self.edges)
        read = Counter(edge.target for edge in self.edges)
        first = {node.id: node.id for node in self.nodes}
        ends = {node.id for node in self.nodes if node.family in ("input", "output")}
        for edge in self.edges:  # in the order of computation
            alone = fed[edge.source] == 1 and read[edge.target] == 1
            inside = module_of(edge.source) == module_of(edge.target)
            if alone and inside and not ends & {edge.source, edge.target}:
                first[edge.target] = first[edge.source]
        return self._joined(first, _run)

    def _joined(self, place: dict[str, str], merge: Callable[[str, list[Node]], Node]) -> Graph:
        """The same network with all nodes of one place as one node; place: by the node's id."""
        joined: dict[str, list[Node]] = {}
        for node in self.nodes:
            joined.setdefault(place[node.id], []).append(node)
        edges = {
            (place[e.source], place[e.target]): replace(
                e, source=place[e.source], target=place[e.target]
            )
            for e in self.edges
            if place[e.source] != place[e.target]
        }
        nodes = [
            members[0] if [node.id for node in members] == [id] else merge(id, members)
            for id, members in joined.items()
        ]
        return replace(self, nodes=tuple(nodes), edges=tuple(edges.values()))

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


def module_of(id: str) -> str:
    """The path of the module that a node lies in."""
    return id.rpartition(".")[0]


def _run(id: str, members: list[Node]) -> Node:
    """One node for layers that follow one another: it is called after those that do the work."""
    work = [node for node in members if node.family not in QUIET] or members
    counts = Counter(node.label for node in work)
    words = (f"{count} {label}" if count > 1 else label for label, count in counts.items())
    count = sum(node.members for node in members)
    return replace(
        members[-1],
        id=id,
        label=", ".join(words),
        family=work[0].family,
        detail=f"{count} layers" if work[0].family != "operation" else "",
        parameters=sum(node.parameters for node in members),
        macs=sum(node.macs for node in members),
        members=count,
    )
