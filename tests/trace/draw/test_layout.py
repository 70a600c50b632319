"""Layered layout: ranks, order, separation, routes."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from vitreous.trace.draw.layout import layered

Graph = tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]


def randomly(seed: int, nodes: int, density: float) -> Graph:
    chance = random.Random(seed)
    names = [f"n{i}" for i in range(nodes)]
    sizes = {name: (chance.uniform(20, 120), chance.uniform(20, 60)) for name in names}
    edges = [pair for pair in combinations(names, 2) if chance.random() < density]
    return sizes, edges


@pytest.mark.parametrize("rightward", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_nodes_keep_apart_and_edges_run_forward(seed: int, rightward: bool) -> None:
    sizes, edges = randomly(seed, 25, 0.1)
    placed = layered(sizes, edges, rightward=rightward, gap=10, rank_gap=30)
    along = 0 if rightward else 1
    for a, b in edges:
        assert placed.centers[a][along] < placed.centers[b][along]
    for a, b in combinations(sizes, 2):
        (xa, ya), (xb, yb) = placed.centers[a], placed.centers[b]
        wide, high = (sizes[a][0] + sizes[b][0]) / 2, (sizes[a][1] + sizes[b][1]) / 2
        assert abs(xa - xb) >= wide - 1e-6 or abs(ya - yb) >= high - 1e-6
    for name, (x, y) in placed.centers.items():
        assert sizes[name][0] / 2 - 1e-6 <= x <= placed.width - sizes[name][0] / 2 + 1e-6
        assert sizes[name][1] / 2 - 1e-6 <= y <= placed.height - sizes[name][1] / 2 + 1e-6


def test_routes_begin_and_end_at_their_nodes_and_pass_between_the_others() -> None:
    sizes, edges = randomly(3, 25, 0.1)
    placed = layered(sizes, edges, gap=10, rank_gap=30)
    for (a, b), route in placed.routes.items():
        assert route[0] == (placed.centers[a][0], placed.centers[a][1] + sizes[a][1] / 2)
        assert route[-1][1] == pytest.approx(placed.centers[b][1] - sizes[b][1] / 2)
        assert abs(route[-1][0] - placed.centers[b][0]) <= sizes[b][0] / 2
        for x, y in route[1:-1]:
            for name, (cx, cy) in placed.centers.items():
                inside = (
                    abs(x - cx) < sizes[name][0] / 2 and abs(y - cy) < sizes[name][1] / 2 - 1e-6
                )
                assert not inside


def test_a_chain_is_a_straight_line() -> None:
    names = [f"n{i}" for i in range(10)]
    sizes = {name: (40.0 + 7 * i, 20.0) for i, name in enumerate(names)}
    placed = layered(sizes, list(pairwise(names)))
    assert max(x for x, _ in placed.centers.values()) == pytest.approx(placed.centers["n0"][0])


def test_crossings_that_can_be_avoided_are() -> None:
    sizes = {name: (20.0, 20.0) for name in "abcdef"}
    placed = layered(sizes, [("a", "f"), ("b", "e"), ("c", "d")])
    top, bottom = ([placed.centers[n][0] for n in row] for row in ("abc", "fed"))
    assert sorted(top) == pytest.approx(sorted(bottom))
    assert [sorted(top).index(x) for x in top] == [sorted(bottom).index(x) for x in bottom]


def test_operands_stand_just_before_their_use() -> None:
    sizes = {name: (20.0, 20.0) for name in ("x", "a", "b", "late", "f")}
    placed = layered(sizes, [("x", "a"), ("a", "b"), ("b", "f"), ("late", "f")])
    assert placed.centers["late"][1] == placed.centers["b"][1]


def test_a_single_node_and_nothing_at_all() -> None:
    assert layered({"a": (30.0, 20.0)}, []).centers == {"a": (15.0, 10.0)}
    assert layered({}, []).centers == {}
