"""A batch of examples, ready for a network, and the share of it that one process has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from vitreous.shapes import Images


@dataclass(frozen=True)
class Whole:
    """The batch of which several processes have a share each.

    first     the place in it of the share's first example
    examples  how many it has
    weight    the sum of their weights: their number, unless they have some
    """

    first: int
    examples: int
    weight: Tensor | float


@dataclass(frozen=True)
class Batch:
    """Some examples, ready for a network.

    images   (B, C, H, W) float32 in [0, 1], channels last; with V views of each example
             (V·B, C, H, W), first one view of all, then the next of all
    targets  by the name of their column: (B,) int64 class numbers; (B, L) float32 several labels,
             or mixed ones; (B, K) float32 numbers; (B, H, W) maps; (B, P, 3) points; a list of B
             tensors (n, 4) or (n, 5) of boxes
    ids      (B,) int64 row numbers; always on the CPU
    weights  (B,) float32, or None: importance of each example in the loss
    whole    what this is a share of; None: it is whole
    """

    images: Images
    targets: Mapping[str, Tensor | list[Tensor]]
    ids: Tensor
    weights: Tensor | None = None
    whole: Whole | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def examples(self) -> int:
        """How many the whole batch has."""
        return len(self) if self.whole is None else self.whole.examples

    @property
    def weight(self) -> Tensor | float:
        """The sum of the weights of the whole batch: its number of examples, where it has none."""
        if self.whole is not None:
            return self.whole.weight
        return len(self) if self.weights is None else total(self.weights)

    def part(self, taken: slice) -> Batch:
        """The share of some of its examples."""
        return Batch(
            self.images[taken],
            {name: column[taken] for name, column in self.targets.items()},
            self.ids[taken],
            None if self.weights is None else self.weights[taken],
            Whole(taken.start, len(self), self.weight),
        )


def total(weights: Tensor) -> Tensor:
    """Their sum, as something to divide by."""
    return weights.sum().clamp_min(1e-12)
