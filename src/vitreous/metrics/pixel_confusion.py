"""The confusion matrix of segmentation, of pixels, filled batch by batch.

A mask has as many answers as pixels, so that none are kept: one matrix for all, and for each image
three counts a class. The scores of any choice of images follow from their sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor


class PixelConfusion:
    """How the pixels of some images were called.

    matrix  (L, L) int64 pixels of the row's class that were called the column's class
    ignore  the number in masks of pixels without a class, which are never counted
    """

    def __init__(self, num_classes: int, ignore: int | None = None):
        self.num_classes, self.ignore = num_classes, ignore
        self.matrix: NDArray[np.int64] = np.zeros((num_classes, num_classes), np.int64)
        self._parts: list[NDArray[np.int32]] = []  # (B, 3, L) of each batch

    def __len__(self) -> int:
        """The number of images."""
        return sum(map(len, self._parts))

    @property
    def counts(self) -> NDArray[np.int32]:
        """(N, 3, L) of each image and class: pixels called so rightly, pixels that are of it, and
        pixels called so.
        """
        return np.concatenate([np.zeros((0, 3, self.num_classes), np.int32), *self._parts])

    def add(self, predicted: Tensor | ArrayLike, targets: Tensor | ArrayLike) -> None:
        """Count the pixels of a batch, where it lies (on a GPU too).

        predicted, targets  (B, H, W) class numbers, integers

        Raises DataError if these do not fit together, or for a number that is no class.
        """
        import torch  # not needed by whoever only reads scores

        answer, truth = torch.as_tensor(predicted), torch.as_tensor(targets)
        whole = not (answer.is_floating_point() or truth.is_floating_point())
        if answer.shape != truth.shape or truth.ndim != 3 or not whole:
            raise DataError(
                f"answers {tuple(answer.shape)} and masks {tuple(truth.shape)} do not fit together",
                remedy="Give both as (B, H, W), integers.",
            )
        answer, truth = answer.long(), truth.long()  # bytes have no -1 to be compared with
        number = torch.arange(len(truth), device=truth.device)[:, None, None].expand_as(truth)
        if self.ignore is None:
            images, truth, answer = number.flatten(), truth.flatten(), answer.flatten()
        else:
            counted = truth != self.ignore
            images, truth, answer = number[counted], truth[counted], answer[counted]
        for what, values in (("a mask", truth), ("an answer", answer)):
            low, high = (int(x) for x in values.aminmax()) if len(values) else (0, 0)
            if low < 0 or high >= self.num_classes:
                raise DataError(
                    f"{what} holds {low} to {high}, where the classes are 0 to "
                    f"{self.num_classes - 1}",
                    remedy="Say which number is to be ignored, or translate the masks.",
                )
        sides, batch = self.num_classes, len(number)
        cells = torch.bincount(truth * sides + answer, minlength=sides**2)
        self.matrix += cells.view(sides, sides).cpu().numpy()

        def per_image(pixels: Tensor, classes: Tensor) -> Tensor:
            counts = torch.bincount(pixels * sides + classes, minlength=batch * sides)
            return counts.view(batch, sides)

        right = truth == answer
        shared, pixels, called = (
            per_image(images[right], truth[right]),
            per_image(images, truth),
            per_image(images, answer),
        )
        self._parts.append(torch.stack([shared, pixels, called], 1).int().cpu().numpy())

    def merge(self, other: PixelConfusion) -> None:
        """Count the images of another part as well, behind one's own."""
        if (self.num_classes, self.ignore) != (other.num_classes, other.ignore):
            raise UsageError(
                "counts of different classes cannot be added",
                remedy="Count both parts with the same classes and the same number to ignore.",
            )
        self.matrix += other.matrix
        self._parts += other._parts
