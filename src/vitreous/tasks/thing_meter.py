"""What an evaluation of detection keeps: of each image the boxes found and those that are true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from torch import Tensor

from vitreous.data.boxes import is_ignored
from vitreous.metrics.box_matching import Detections, Things
from vitreous.metrics.detection import detection
from vitreous.metrics.simple_rule import SimpleRule
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
        self.truth += things([each.cpu() for each in targets["box"]])

    def merge(self, other: Self) -> None:
        self.loss += other.loss
        self.found += other.found
        self.truth += other.truth


def things(rows: Sequence[Any]) -> list[Things]:
    """Boxes of some images as `Boxes` gives them, arrays or tensors, to be held against answers."""
    made = []
    for each in rows:
        table = np.asarray(each, np.float64)
        none = np.zeros(len(table))
        numbers = table[:, 4] if table.shape[1] > 4 else none
        made.append(Things(table[:, :4], numbers.astype(np.int64), np.array(is_ignored(table))))
    return made


def mean_boxes(
    learned: Sequence[Things], asked: Sequence[Things], names: Sequence[str]
) -> SimpleRule:
    """What the mean box of each class reaches, answered for every image; it is as sure of it as
    images with that class are frequent.

    learned  of the images for training
    """
    placed, numbers, often = [], [], []
    for number in range(len(names)):
        shown = [each.boxes[(each.numbers == number) & ~each.ignored] for each in learned]
        together = np.concatenate([np.zeros((0, 4)), *shown])
        if len(together):
            placed.append(together.mean(0))
            numbers.append(number)
            often.append(np.mean([len(each) > 0 for each in shown]))
    same = Detections(np.array(placed).reshape(-1, 4), np.array(numbers, np.int64), np.array(often))
    scores = detection([same] * len(asked), asked, names, (0.5,) * len(names), loss=0.0)
    return SimpleRule(
        name="mean",
        title="mean boxes",
        detail="always answers the mean box of each class in the training images",
        count=len(asked),
        scores=scores.all,
    )
