"""The trail of a number: back from a map, operation by operation, to the weights that made it.

A rectified, normalized sum of a block and its shortcut is four operations. Each is found by what it
computed: the layer whose output the numbers are, or the two tensors that add up to them. Nothing is
claimed that does not give the number again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.playground.images.layers import View
from vitreous.playground.images.provenance import explained
from vitreous.playground.plane.snapshot import Frame

Place = tuple[int, int, int]
THROUGH = ("pointwise", "normalized")  # operations of one number, behind which lies another
MOST = 12  # operations that are told
RECENT = 60  # tensors that are tried as parts of a sum


def trail(numbers: Tensor, place: Place, views: Sequence[View]) -> Iterator[Frame]:
    """The operations that made the number at a place (channel, row, column) of maps (K, h, w), the
    last one first.

    views  layers in the order in which they computed; those that cannot be followed end the trail

    Each has its facts, among them `name`, `value` and `how`, and its arrays, as `explained` has
    them; further kinds are "sum" and "product" of `parts` (name and value), and "joined" of maps.
    """
    end = len(views)
    for _ in range(MOST):
        value = float(numbers[place])
        maker = next((i for i in range(end - 1, -1, -1) if same(views[i].maps, numbers)), None)
        if maker is not None:
            view, end = views[maker], maker
            if next(view.module.children(), None) is not None:
                yield {"name": view.name, "value": value, "how": "stage"}, {}
                return
            facts, arrays = explained(view, *place)
            if facts["how"] == "unchanged":
                continue
            if "sum" in facts and not close(facts["sum"] + facts["bias"], value, view.output):
                facts, arrays = {"how": "unknown"}, {}
            yield {"name": view.name, "value": value} | facts, arrays
            if facts["how"] not in THROUGH:
                return
            numbers = view.input[0].reshape(view.maps.shape)
            continue
        found = combined(numbers, place, views[:end])
        if found is None:
            return
        facts, (numbers, place) = found
        yield {"name": "", "value": value} | facts, {}


def followed(view: View, place: Place, views: Sequence[View]) -> Frame:
    """The trail of a number of a layer as one frame: `trail`, a list of facts, and the arrays of
    each step with its number behind their names. Of a layer of one number its own step, which the
    page has already, is left out.
    """
    steps = list(trail(view.maps, place, views))
    if views and views[-1] is view:
        steps = steps[1:]
    arrays = {
        f"{name}{number}": array
        for number, (_, pictures) in enumerate(steps)
        for name, array in pictures.items()
    }
    return {"trail": [facts for facts, _ in steps]}, arrays


def combined(
    numbers: Tensor, place: Place, views: Sequence[View]
) -> tuple[dict[str, Any], tuple[Tensor, Place]] | None:
    """How two tensors became these numbers, and the one to go on with, with its place."""
    known = list(tensors(views))
    value, (channel, row, column) = numbers[place], place
    equal = [(name, t) for name, t in known if t.shape == numbers.shape][:RECENT]
    for at, (name, one) in enumerate(equal):
        for other_name, other in equal[at + 1 :]:
            if one[place] + other[place] == value and torch.equal(one + other, numbers):
                return told("sum", (name, one[place]), (other_name, other[place])), (one, place)
    gates = [(name, t) for name, t in known if t.shape == (len(numbers), 1, 1)]
    for name, one in equal:
        for gate_name, gate in gates:
            factor = gate[channel, 0, 0]
            if one[place] * factor == value and torch.equal(one * gate, numbers):
                return told("product", (name, one[place]), (gate_name, factor)), (one, place)
    for name, one in known:
        for first in range(
            max(0, channel - len(one) + 1), min(channel, len(numbers) - len(one)) + 1
        ):
            inner = channel - first, row, column
            part = numbers[first : first + len(one)]
            fits = part.shape == one.shape and len(one) < len(numbers) and one[inner] == value
            if fits and torch.equal(part, one):
                facts = told("joined", (name, value))
                return facts | {"first": first, "count": len(one)}, (one, inner)
    return None


def tensors(views: Sequence[View]) -> Iterator[tuple[str, Tensor]]:
    """What the layers made, and what went into them, the latest first."""
    for view in reversed(views):
        yield view.name, view.maps
        if view.input.dim() == 4:
            yield f"input of {view.name}", view.input[0]


def told(how: str, *parts: tuple[str, Tensor]) -> dict[str, Any]:
    return {"how": how, "parts": [[name, float(value)] for name, value in parts]}


def same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def close(found: float, value: float, like: Tensor) -> bool:
    """Is it the value, as exactly as numbers of this kind can be added?"""
    error = 0.02 if like.dtype != torch.float32 else 1e-3
    return math.isclose(found, value, rel_tol=error, abs_tol=error)


def inner_leaves(module: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    """The layers inside of a stage that have none inside of them, by their names in the network."""
    return [
        (f"{name}.{inner}", leaf)
        for inner, leaf in module.named_modules()
        if inner and next(leaf.children(), None) is None
    ]
