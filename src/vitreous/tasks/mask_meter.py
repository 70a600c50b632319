"""The meter of masks: pixels, outlines and regions are counted, and no answer is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.losses import cross_entropy
from vitreous.metrics.boundary import boundary_counts
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.rand import foreground_rand


class MaskMeter:
    """Pixels counted and losses added, batch by batch.

    outlines  (4, L) of each image, as `boundary_counts` gives them
    rands     the foreground-restricted Rand score of each image, where there are two classes; NaN
              for an image without foreground
    """

    def __init__(self, num_classes: int, ignore: int | None) -> None:
        self.num_classes, self.ignore, self.loss = num_classes, ignore, 0.0
        self.confusion = PixelConfusion(num_classes, ignore)
        self.outlines: list[NDArray[np.int32]] = []
        self.rands: list[float] = []

    def __len__(self) -> int:
        return len(self.confusion)

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        truth = targets["mask"].to(outputs.device)
        # Cross-entropy whatever was trained on: a model file does not know of its criterion.
        loss = cross_entropy(outputs, truth, ignore=self.ignore, reduction="none")
        self.loss += float(loss.sum())
        answers = outputs.argmax(1)
        self.confusion.add(answers, truth)
        for answer, mask in zip(answers.cpu().numpy(), truth.cpu().numpy(), strict=True):
            counts = boundary_counts(answer, mask, self.num_classes, ignore=self.ignore)
            self.outlines.append(counts)
            if self.num_classes == 2:
                shown = bool((mask == 1).any())
                self.rands.append(foreground_rand(answer, mask) if shown else np.nan)

    def merge(self, other: Self) -> None:
        self.loss += other.loss
        self.confusion.merge(other.confusion)
        self.outlines += other.outlines
        self.rands += other.rands
