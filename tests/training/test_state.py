from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from vitreous.errors import ModelFileError
from vitreous.training.state import pack, unpack

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
)


def round_trip(value: object) -> object:
    tensors: dict[str, torch.Tensor] = {}
    return unpack(json.loads(json.dumps(pack(value, tensors), allow_nan=False)), tensors)


def kinds(value: object) -> object:
    """The types of a nested value, which `==` overlooks: True == 1 == 1.0."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [kinds(item) for item in value]
    return type(value)


@settings(deadline=None, derandomize=True)
@given(trees)
def test_plain_data_comes_back_exactly(value: object) -> None:
    again = round_trip(value)
    assert again == value
    assert kinds(again) == kinds(value)


def test_floats_come_back_to_the_bit() -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf]
    again = round_trip(values)
    assert [x.hex() for x in again] == [x.hex() for x in values]
    assert math.isnan(round_trip(math.nan))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3),
        torch.zeros(0, 4),
        torch.arange(6, dtype=torch.int64).reshape(2, 3),
        torch.randn(3).to(torch.bfloat16),
        torch.tensor([True, False]),
        torch.tensor([math.nan, math.inf, -0.0]),
        torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last),
        torch.randn(3, 4).T,
        torch.randn(1, 3, 1, 5).to(memory_format=torch.channels_last),
        torch.randn(6, 4)[::2, 1:3],
        torch.zeros(1).expand(4),
    ],
    ids=lambda tensor: f"{tensor.dtype}{tuple(tensor.shape)}{tensor.stride()}",
)
def test_tensors_come_back_exactly(tensor: torch.Tensor) -> None:
    again = round_trip({"t": tensor})["t"]
    torch.testing.assert_close(again, tensor, rtol=0, atol=0, equal_nan=True)
    assert again.dtype == tensor.dtype


def test_the_order_in_memory_comes_back() -> None:
    """Fused Adam walks through memory: weights and state must lie in the same order."""
    tensor = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    assert round_trip(tensor).stride() == tensor.stride()


@pytest.mark.parametrize("shape", [(8, 1, 3, 3), (8, 3, 1, 1), (1, 3, 5, 5), (4, 3, 5, 5)])
def test_what_was_read_is_written_as_before(shape: tuple[int, ...]) -> None:
    """Axes of length 1 come back with other strides: a resumed run would end in other bytes."""
    tensor, tensors = torch.randn(shape).to(memory_format=torch.channels_last), {}
    packed = pack(tensor, tensors)
    assert pack(unpack(packed, load(save(tensors))), {}) == packed


def test_shared_memory_is_no_obstacle() -> None:
    tensor = torch.arange(4.0)
    again = round_trip([tensor, tensor, tensor[1:]])
    assert [t.tolist() for t in again] == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize("value", [object(), {1.5: 2}, {(1,): 2}, b"bytes", {"deep": [print]}])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value, {})


@pytest.mark.parametrize(
    "tree",
    [
        [1],
        {"dict": [[1]]},
        {"dict": [[[1], 2]]},
        {"dict": [], "more": 1},
        {"float": "1.5"},
        {"tensor": "7", "order": []},
        {"tensor": "0", "order": [0, 0]},
        {"tensor": "0", "order": [1]},
        {"code": "print()"},
        {"tuple": 3},
        {},
    ],
    ids=str,
)
def test_what_pack_does_not_write_is_refused(tree: object) -> None:
    with pytest.raises(ModelFileError, match="plain data"):
        unpack(tree, {"0": torch.zeros(2)})
