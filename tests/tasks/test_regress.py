"""Regression: large offsets cost nothing, and the model tells which kind of column data have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.data.columns import ClassNumbers, Column, Marks, Numbers
from vitreous.errors import DataError
from vitreous.tasks.regress import Regress

OFFSET = 500_000.015625


def test_a_large_offset_shifts_no_answer() -> None:
    """In float32 the center itself is rounded, here by half of what is between two numbers."""
    values = np.array([-3.0, -1, 1, 2.75])[:, None] + OFFSET
    task = Regress.of({"value": Numbers(values, ["east (m)"])})
    given = torch.from_numpy(values.astype(np.float32))
    back = task.numbers(task.standardized(given)).numpy()
    np.testing.assert_allclose(back, given.double(), atol=1e-5)
    task = Regress(names=("east",), center=(OFFSET,), scale=(1.0,))
    np.testing.assert_allclose(
        task.standardized(torch.tensor([[5e5]])), [[5e5 - OFFSET]], atol=1e-6
    )


def model(*names: str) -> Regress:
    return Regress(names=names, center=(0.0,) * len(names), scale=(1.0,) * len(names))


@pytest.mark.parametrize(
    ("names", "column", "expected"),
    [
        (("size",), Marks(np.array([[1], [0], [1]]), ["size"]), [[1], [0], [1]]),
        (("b", "a"), Marks(np.array([[0, 1], [1, 1]]), ["a", "b"]), [[1, 0], [1, 1]]),
        (("b",), Marks(np.array([[0, 1], [1, 0]]), ["a", "b"]), [[1], [0]]),
        (("label",), ClassNumbers(np.array([0, 2, 1]), ["10", "7", "-2"]), [[10], [-2], [7]]),
        (("value",), ClassNumbers(np.array([1, 0]), ["1", "2.5"]), [[2.5], [1]]),
    ],
)
def test_zeros_and_ones_or_whole_numbers_are_numbers_to_a_model_of_numbers(
    names: tuple[str, ...], column: Column, expected: list[list[float]]
) -> None:
    """What a few rows look like decides nothing: the model was trained on more."""
    asked = Regress.adapt({"class": column}, "few.csv")
    found = model(*names).align(asked, "few.csv").targets["value"]
    assert isinstance(found, Numbers)
    assert found.names == names
    assert found.array.tolist() == expected


@pytest.mark.parametrize(
    ("names", "column", "message"),
    [
        (("size",), Marks(np.ones((2, 1), int), ["other"]), "each image has numbers"),
        (("label",), ClassNumbers(np.array([0, 1]), ["7", "seven"]), "'seven' is no number"),
        (("age",), ClassNumbers(np.array([0, 1]), ["7", "8"]), "do not have the quantities age"),
    ],
)
def test_what_are_no_numbers_of_that_name_is_refused(
    names: tuple[str, ...], column: Column, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        model(*names).align(Regress.adapt({"class": column}, "few.csv"), "few.csv")
