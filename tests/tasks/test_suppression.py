"""Non-maximum suppression against its definition, written out, and against torchvision's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.metrics.box_matching import overlaps
from vitreous.tasks.suppression import suppressed


def drawn(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corner, corner + random.uniform(2, 40, (count, 2))], 1)
    return boxes, random.integers(0, 12, count) / 12, random.integers(0, 3, count)


def by_definition(
    boxes: np.ndarray, scores: np.ndarray, numbers: np.ndarray, overlap: float
) -> list[int]:
    left, stay = sorted(range(len(boxes)), key=lambda k: (-scores[k], k)), []
    while left:
        best = left.pop(0)
        stay.append(best)
        left = [
            k
            for k in left
            if numbers[k] != numbers[best] or overlaps(boxes[[k]], boxes[[best]])[0, 0] <= overlap
        ]
    return stay


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.6, 1.0])
def test_it_is_what_it_is_defined_as(seed: int, overlap: float) -> None:
    boxes, scores, numbers = drawn(seed)
    found = suppressed(boxes, scores, numbers, overlap)
    assert found.tolist() == by_definition(boxes, scores, numbers, overlap)


def test_no_boxes() -> None:
    none = np.zeros(0)
    assert suppressed(np.zeros((0, 4)), none, none.astype(int), 0.5).tolist() == []


def test_it_is_torchvision_s() -> None:
    boxes, _, numbers = drawn(9)
    scores = np.random.default_rng(1).random(len(boxes))
    try:
        from torchvision.ops import batched_nms

        expected = batched_nms(*map(torch.from_numpy, (boxes, scores, numbers)), 0.5)
    except Exception as error:  # absent, or built for another torch: its operators are not there
        pytest.skip(f"torchvision cannot be used: {error}")
    assert suppressed(boxes, scores, numbers, 0.5).tolist() == expected.tolist()
