"""Adversarial training: each batch is attacked before the network learns from it.

It is a change of the images of a batch, as augmentation is one; only that it depends on the weights
as they are at that step. With one step from a random start it costs one more pass forward and back
("fast"), with k steps k of them. The clean score is what it is paid with.
Madry et al. (2018), arXiv:1706.06083; Wong et al. (2020), "Fast is better than free",
arXiv:2001.03994.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.data.batches.batch import Batch
from vitreous.data.batches.counter_random import Stream, uniforms
from vitreous.data.batches.epoch_batches import EpochBatches
from vitreous.robust.ascent import ascend
from vitreous.robust.goal import Goal
from vitreous.robust.norms import NORMS
from vitreous.robust.pgd import REACH
from vitreous.training.precision import Precision

FAST = 1.25  # radii of the only step, where there is one


@dataclass(frozen=True, eq=False)
class AdversarialBatches:
    """Batches whose images are attacked when they are asked for, with the weights of that moment.

    eps    largest change of a value, of images in [0, 1]
    steps  of the attack; 1 is the fast way
    seed   a start belongs to (seed, epoch, batch), so that a resumed run meets the same ones

    The network is attacked in evaluation mode: the statistics of batch norm do not move.
    """

    batches: EpochBatches
    network: nn.Module
    loss: Callable[[Any, Any], Tensor]
    eps: float
    steps: int
    seed: int
    precision: Precision

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        for place, batch in enumerate(self.batches.epoch(number, start), start):
            yield replace(batch, images=self.attacked(batch, number, place))

    def attacked(self, batch: Batch, epoch: int, place: int) -> Tensor:
        chance = uniforms(self.seed, epoch, np.array([place]), 1, Stream.ATTACK)[0, 0]
        start = torch.Generator().manual_seed(int(chance * 2**53))
        reach = FAST if self.steps == 1 else REACH
        with self.precision.autocast():
            return ascend(
                self.network,
                batch.images,
                batch.targets,
                Goal(self.loss),
                NORMS["inf"],
                eps=self.eps,
                steps=self.steps,
                step=reach * self.eps / self.steps,
                start=start,
                last=True,
            )
