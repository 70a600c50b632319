"""Nested state as plain data: what lies in dictionaries, lists and tensors, and nothing that runs.

The state of an optimizer has numbers as keys, tuples as values and tensors of any memory order.
JSON knows none of them, so each container is written with its kind, each tensor as the name of
an entry beside the JSON, and both come back exactly as they were.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from vitreous.errors import ModelFileError

Tree = Any  # dict, list, tuple, str, int, float, bool, None and tensors, nested


def pack(value: Tree, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON; its tensors are put into `tensors`, contiguous and on the CPU.

    Raises TypeError for anything that is not plain data.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str | int)]:
            raise TypeError(f"the key {strange[0]!r} is neither a name nor a number")
        return {"dict": [[key, pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list):
        return {"list": [pack(item, tensors) for item in value]}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, tensors) for item in value]}
    if isinstance(value, Tensor):
        name = str(len(tensors))
        order = memory_order(value)
        # A copy, since safetensors refuses tensors that share memory.
        tensors[name] = value.detach().permute(order).to("cpu", copy=True).contiguous()
        return {"tensor": name, "order": order}
    raise TypeError(f"{type(value).__name__} is no plain data")


def unpack(tree: Any, tensors: dict[str, Tensor]) -> Tree:
    """The inverse of `pack`. Raises ModelFileError for anything that `pack` does not write."""
    match tree:
        case None | bool() | int() | float() | str():
            return tree
        case {"float": "inf" | "-inf" | "nan" as text, **rest} if not rest:
            return float(text)
        case {"dict": list(pairs), **rest} if not rest and all(map(is_pair, pairs)):
            return {key: unpack(item, tensors) for key, item in pairs}
        case {"list": list(items), **rest} if not rest:
            return [unpack(item, tensors) for item in items]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(unpack(item, tensors) for item in items)
        case {"tensor": str(name), "order": list(order), **rest} if not rest and name in tensors:
            if sorted(order) == list(range(tensors[name].ndim)):
                return tensors[name].permute(inverse(order))
    raise ModelFileError(f"the state holds {str(tree)[:80]}, which is no plain data")


def is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str | int)


def memory_order(tensor: Tensor) -> list[int]:
    """Axes from the slowest to the fastest in memory: 0 1 2 3, or 0 2 3 1 for channels last.

    Fused optimizers walk through weights and their state side by side in memory: a state that came
    back in another order would be added to the wrong weights, without an error. An axis of length 1
    has no place in memory, whatever its stride is.
    """
    if tensor.is_contiguous():
        return [*range(tensor.ndim)]
    shape, strides = tensor.shape, tensor.stride()
    return sorted(
        range(tensor.ndim), key=lambda axis: -strides[axis] if shape[axis] > 1 else -math.inf
    )


def inverse(order: list[int]) -> list[int]:
    return torch.argsort(torch.tensor(order)).tolist() if order else []
