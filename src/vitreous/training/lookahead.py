"""Lookahead: every few steps the weights go back to a slow average of themselves.

    a ← d·a + (1 - d)·w,   w ← a

with a decay d that grows from 0 to 0.95⁵ along the run, as the cube of its progress: first the
weights run free, at the end they hardly leave their average.
Zhang et al. (2019), "Lookahead optimizer: k steps forward, 1 step back", arXiv:1907.08610;
the growing decay: Jordan (2024), "94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from vitreous.training.average import Average

LAST = 0.95**5


class Lookahead(Average):
    """The slow average of a network's parameters and floating-point buffers, to which they return.

    every     steps between two returns
    progress  of each step of training, numbered from 0: the share of the run, in [0, 1]

    The average is what is evaluated and saved.
    """

    def __init__(self, model: nn.Module, every: int, progress: Callable[[int], float]):
        super().__init__(model, starts=lambda number: (number + 1) % every == 0)
        self.progress = progress

    def update(self, model: nn.Module, number: int = 0) -> None:
        """After step `number` of training: go back, where it is time to."""
        if self.starts(number):
            self.decay = LAST * self.progress(number) ** 3
            super().update(model, number)
            self.copy_to(model)

    def decay_at(self, step: int) -> float:
        """That of the step that is being taken in."""
        assert self.decay is not None
        return self.decay
