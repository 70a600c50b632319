"""An augmentation policy: which changes an image may undergo, drawn from uniform numbers.

`sample` turns uniform numbers into `Changes`; it draws nothing itself, so the numbers decide alone
what happens. With all strengths at zero, every image stays exactly as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.augment import mix
from vitreous.augment.changes import Blend, Changes
from vitreous.augment.elastic import DRAWS
from vitreous.augment.sample import PLACE, SLOTS, Uniforms, blended, changes
from vitreous.augment.strengths import Strengths
from vitreous.data.batches.counter_random import uniforms
from vitreous.shapes import Images


@dataclass(frozen=True, kw_only=True)
class Augment(Strengths):
    """What may happen to images, and how it is drawn."""

    def window(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what a step learns from, of images of this size."""
        height, width = size
        return (min(self.piece, height), min(self.piece, width)) if self.piece else size

    def pieces(self, size: tuple[int, int]) -> int:
        """How often an image of this size is drawn in an epoch: its pieces would cover it."""
        (height, width), (tall, wide) = size, self.window(size)
        return max(1, height * width // (tall * wide))

    def draw(self, seed: int, epoch: int, keys: NDArray[np.int64]) -> Uniforms:
        """(B, self.num_uniforms) numbers for these examples in this epoch."""
        numbers = uniforms(seed, epoch, keys, self.num_uniforms)
        if self.alternate:
            first = uniforms(seed, 0, keys, PLACE["flip"] + 1)[:, PLACE["flip"]]
            numbers[:, PLACE["flip"]] = (first + epoch / 2) % 1
        return numbers

    @property
    def num_uniforms(self) -> int:
        """How many uniform numbers an example takes."""
        return len(SLOTS) * (self.num_chains + 1) + (DRAWS if self.elastic else 0)

    def sample(
        self, uniforms: Uniforms, source: tuple[int, int, int], size: tuple[int, int]
    ) -> Changes | Blend:
        """What happens to each image.

        uniforms  (B, self.num_uniforms) in [0, 1)
        source    height, width and channels of the images
        size      height and width of the results; a larger source is cropped to the same aspect
        """
        return (blended if self.num_chains else changes)(self, uniforms, source, size)

    def mix(self, images: Images, order: Uniforms, batch: Uniforms) -> tuple[Images, Tensor, float]:
        """Mix each image of a batch with a partner of the same batch.

        images  (B, C, H, W)
        order   (B,) uniform numbers, which decide on the partners
        batch   (4,) uniform numbers of the whole batch: method, λ, and place of a box
        return  images; (B,) int64 their partners; the share that each image keeps of itself,
                by which targets are blended
        """
        method, level, x, y = batch.tolist()
        partners = torch.from_numpy(order.argsort()).to(images.device)
        if self.cutmix and (not self.mixup or method < 0.5):
            λ = mix.share(self.cutmix, level)
            pasted, kept = mix.cutmix(images, partners, λ, x, y)
            return pasted, partners, kept
        λ = mix.share(self.mixup, level)
        return mix.mixup(images, partners, λ), partners, λ
