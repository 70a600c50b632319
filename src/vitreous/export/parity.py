"""Parity: does an exported file give the answers of its run, on real images?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import ModelError
from vitreous.formats import counted
from vitreous.inference.model_file import Bundle
from vitreous.inference.views import mean_over

IMAGES = 64  # that are compared, at least, where there are as many
TOLERANCE = 1e-3  # of the largest output; float32 differs by about 1e-6 over a dozen layers
TOGETHER = 16


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far two networks agree on the same images.

    images      that were compared
    difference  the largest between two outputs; largest: the largest output
    same        images with the same answer, in the words of the answer
    tolerance   that the difference may have, relative to the largest output; None where numbers
                were rounded on purpose
    """

    images: int
    difference: float
    largest: float
    same: int
    tolerance: float | None = TOLERANCE

    @property
    def holds(self) -> bool:
        """Do the outputs agree? Where they do, an answer may still fall on the other side of a
        tie, or of a digit that is rounded.
        """
        if self.tolerance is None:
            return True
        return bool(self.difference <= self.tolerance * self.largest)  # NaN is no agreement

    @property
    def text(self) -> str:
        return (
            f"{counted(self.images, 'validation image')}: outputs differ by at most "
            f"{self.difference:.2g}, where the largest is {self.largest:.3g}; "
            f"{self.same:,} of {self.images:,} answers are the same"
        )

    def joined(self, other: Parity) -> Parity:
        """Of both comparisons, of the same images in two sizes: the worse of each number."""
        return replace(
            self,
            difference=max(self.difference, other.difference),
            largest=min(self.largest, other.largest),
            same=min(self.same, other.same),
        )

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "holds": self.holds}


def parity(run: Bundle, exported: Bundle, rows: NDArray[np.uint8]) -> Parity:
    """Compare the network of a run, in float32, and an exported one.

    rows  (N, H, W, C) as the run's pixel contract makes them, or of another size
    """
    difference = largest = 0.0
    same = 0
    exact = replace(run, precision="float32")
    contract = run.contract.around(*rows.shape[1:3])
    for first in range(0, len(rows), TOGETHER):
        images = contract.images(rows[first : first + TOGETHER])
        expected = mean_over(run.views, exact.outputs, images).cpu()
        found = exported.outputs(images).cpu()
        gap, scale = float((found - expected).abs().max()), float(expected.abs().max())
        difference, largest = max(difference, gap), max(largest, scale)
        answers = (one.task.decode(out) for one, out in ((run, expected), (exported, found)))
        same += sum(one.text == other.text for one, other in zip(*answers, strict=True))
    return Parity(images=len(rows), difference=difference, largest=largest, same=same)


def insist(found: Parity) -> None:
    """Raises ModelError where the outputs do not agree."""
    if not found.holds:
        raise ModelError(
            f"the exported network does not agree with its run: {found.text}",
            remedy="No file was written. Report it, with the name of the network.",
        )
