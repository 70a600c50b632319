"""What an evaluation of detection keeps: of each image the boxes found and those that are true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from torch import Tensor

from vitreous.metrics.box_matching import Detections, Things
from vitreous.tasks.grid_coding import found


class ThingMeter:
    """Boxes in the pixels of the window, and losses added up.

    measure  (outputs, targets) -> (B,) one loss an image
    """

    def __init__(self, measure: Callable[[Tensor, Mapping[str, Any]], Tensor]):
        self.measure, self.loss = measure, 0.0
        self.found: list[Detections] = []
        self.truth: list[Things] = []

    def __len__(self) -> int:
        return len(self.found)

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        self.loss += float(self.measure(outputs, targets).double().sum())
        self.found += found(outputs)
        self.truth += things(targets["box"])

    def merge(self, other: Self) -> None:
        self.loss += other.loss
        self.found += other.found
        self.truth += other.truth


def things(rows: Sequence[Tensor]) -> list[Things]:
    """Boxes of a batch as `Boxes.tensors` gives them, to be held against answers."""
    made = []
    for each in rows:
        table = each.double().cpu().numpy()
        none = np.zeros(len(table))
        numbers = table[:, 4] if table.shape[1] > 4 else none
        ignored = table[:, 5] if table.shape[1] > 5 else none
        made.append(Things(table[:, :4], numbers.astype(np.int64), ignored > 0))
    return made
