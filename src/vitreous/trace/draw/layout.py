"""Where to draw the nodes of a directed graph: layer by layer, with few crossings.

The classic four steps: rank nodes by the longest path, order each rank by the barycenters of its
neighbors, place nodes near their neighbors without overlap, and route long edges through the ranks
that they cross. Sugiyama et al. (1981), "Methods for visual understanding of hierarchical system
structures".
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Key = Hashable
Point = tuple[float, float]
Ranks = list[list[Key]]
Neighbors = Mapping[Key, list[Key]]

_DUMMY = 10.0  # breadth of the lane in which an edge passes a rank


@dataclass(frozen=True)
class Layout:
    """Centers of the nodes, and the points that each edge runs through, from border to border."""

    centers: dict[str, Point]
    routes: dict[tuple[str, str], list[Point]]
    width: float
    height: float


def layered(
    sizes: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    *,
    rightward: bool = False,
    gap: float = 24.0,
    rank_gap: float = 44.0,
) -> Layout:
    """A layout from top to bottom, or from left to right.

    sizes      (width, height) of each node, operands before results
    edges      (source, target), each pair once
    gap        between nodes of a rank; rank_gap between ranks
    """
    if rightward:
        flipped = {id: (height, width) for id, (width, height) in sizes.items()}
        down = layered(flipped, edges, gap=gap, rank_gap=rank_gap)
        return Layout(
            {id: (y, x) for id, (x, y) in down.centers.items()},
            {edge: [(y, x) for x, y in route] for edge, route in down.routes.items()},
            down.height,
            down.width,
        )
    rank = _rank(list(sizes), edges)
    ranks: Ranks = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for id in sizes:
        ranks[rank[id]].append(id)
    lanes: dict[tuple[str, str], list[Key]] = {}
    above: defaultdict[Key, list[Key]] = defaultdict(list)
    below: defaultdict[Key, list[Key]] = defaultdict(list)
    for source, target in edges:
        lane: list[Key] = [(source, target, r) for r in range(rank[source] + 1, rank[target])]
        lanes[source, target] = lane
        for dummy, r in zip(lane, range(rank[source] + 1, rank[target]), strict=True):
            ranks[r].append(dummy)
        for upper, lower in pairwise([source, *lane, target]):
            above[lower].append(upper)
            below[upper].append(lower)

    ranks = _order(ranks, above, below)
    breadth = {
        key: sizes[key][0] if isinstance(key, str) else _DUMMY for row in ranks for key in row
    }
    x = _place(ranks, above, below, breadth, gap)

    centers: dict[str, Point] = {}
    tops: list[tuple[float, float]] = []
    y = 0.0
    for row in ranks:
        height = max((sizes[key][1] for key in row if isinstance(key, str)), default=0.0)
        tops.append((y, y + height))
        centers |= {key: (x[key], y + height / 2) for key in row if isinstance(key, str)}
        y += height + rank_gap

    routes = _routes(edges, lanes, centers, sizes, x, tops, rank, above, below)
    width = max((centers[id][0] + sizes[id][0] / 2 for id in sizes), default=0.0)
    lane_edge = max((x[key] + _DUMMY for row in ranks for key in row), default=0.0)
    return Layout(centers, routes, max(width, lane_edge), max(y - rank_gap, 0.0))


def _rank(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest path from any source; sources themselves stand just above their first use."""
    sources: defaultdict[str, list[str]] = defaultdict(list)
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        sources[target].append(source)
        targets[source].append(target)
    rank: dict[str, int] = {}
    for node in nodes:
        rank[node] = max((rank[source] + 1 for source in sources[node]), default=0)
    for node in nodes:
        if not sources[node] and targets[node]:
            rank[node] = min(rank[target] for target in targets[node]) - 1
    return rank


def _order(ranks: Ranks, above: Neighbors, below: Neighbors, sweeps: int = 12) -> Ranks:
    """Each rank sorted by the mean position of its neighbors; the best of several sweeps."""
    best, fewest = ranks, _crossings(ranks, below)
    for sweep in range(sweeps):
        if not fewest:
            break
        ranks = [list(row) for row in ranks]
        downward = sweep % 2 == 0
        numbers = range(1, len(ranks)) if downward else range(len(ranks) - 2, -1, -1)
        for number in numbers:
            neighbors = above if downward else below
            fixed = ranks[number - 1 if downward else number + 1]
            position = {key: index for index, key in enumerate(fixed)}
            row = ranks[number]
            center = {
                key: sum(near) / len(near)
                if (near := [position[n] for n in neighbors.get(key, ()) if n in position])
                else index * len(fixed) / max(len(row), 1)
                for index, key in enumerate(row)
            }
            row.sort(key=center.__getitem__)
        count = _crossings(ranks, below)
        if count < fewest:
            best, fewest = ranks, count
    return best


def _crossings(ranks: Ranks, below: Neighbors) -> int:
    """How many pairs of edges cross: inversions between neighboring ranks."""
    count = 0
    for upper, lower in pairwise(ranks):
        position = {key: index for index, key in enumerate(lower)}
        seen: list[int] = []
        for key in upper:
            ends = sorted(position[n] for n in below.get(key, ()) if n in position)
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _place(
    ranks: Ranks, above: Neighbors, below: Neighbors, breadth: Mapping[Key, float], gap: float
) -> dict[Key, float]:
    """Centers along each rank: as near to the neighbors as order and breadth allow."""
    x: dict[Key, float] = {}
    for row in ranks:
        at = 0.0
        for key in row:
            x[key] = at + breadth[key] / 2
            at += breadth[key] + gap
        for key in row:
            x[key] -= (at - gap) / 2
    for sweep in range(24):
        downward = sweep % 2 == 0
        for row in ranks if downward else reversed(ranks):
            targets, weights = [], []
            for key in row:
                first, second = (above, below) if downward else (below, above)
                near = first.get(key) or second.get(key) or []
                targets.append(sum(x[n] for n in near) / len(near) if near else x[key])
                # Long edges shall be straight, even if nodes have to give way.
                straight = not isinstance(key, str) and any(not isinstance(n, str) for n in near)
                weights.append(8.0 if straight else 1.0)
            steps = [(breadth[a] + breadth[b]) / 2 + gap for a, b in pairwise(row)]
            for key, center in zip(row, _separate(targets, steps, weights), strict=True):
                x[key] = center
    left = min((x[key] - breadth[key] / 2 for key in x), default=0.0)
    return {key: center - left for key, center in x.items()}


def _separate(
    targets: Sequence[float], steps: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """Least squares to the targets, with at least `steps` between neighbors (pool adjacent)."""
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, members
    for target, offset, weight in zip(targets, offsets, weights, strict=True):
        mean, total, members = target - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, heavy, count = blocks.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, members = total + heavy, members + count
        blocks.append((mean, total, members))
    levels = [mean for mean, _, members in blocks for _ in range(members)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _routes(
    edges: Sequence[tuple[str, str]],
    lanes: Mapping[tuple[str, str], list[Key]],
    centers: Mapping[str, Point],
    sizes: Mapping[str, tuple[float, float]],
    x: Mapping[Key, float],
    tops: Sequence[tuple[float, float]],
    rank: Mapping[str, int],
    above: Neighbors,
    below: Neighbors,
) -> dict[tuple[str, str], list[Point]]:
    """From the lower border of the source, along the lanes, to a port on the target's top."""
    routes = {}
    for source, target in edges:
        lane = lanes[source, target]
        start = centers[source][0], centers[source][1] + sizes[source][1] / 2
        points = [start]
        for dummy, (top, bottom) in zip(lane, tops[rank[source] + 1 :], strict=False):
            points += [(x[dummy], top), (x[dummy], bottom)]
        arriving = sorted(above[target], key=x.__getitem__)
        place = arriving.index(lane[-1] if lane else source) - (len(arriving) - 1) / 2
        spread = min(16.0, (sizes[target][0] - 16) / max(len(arriving), 1))
        end = centers[target][0] + place * spread, centers[target][1] - sizes[target][1] / 2
        routes[source, target] = [*points, end]
    return routes
