"""Input normalization: from pixels in [0, 1] to numbers of zero mean and unit variance.

Because it is a layer, an attack, an explanation, an export and a server all see the same network
on the same pixels. Mean and deviation are buffers that stay out of the state dict, so that
published weights load name by name; the model file keeps them with the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.shapes import Images

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NEUTRAL = 0.5, 0.25

Statistic = float | Sequence[float]


class Normalize(nn.Module):
    """(x - mean) / std, channel by channel.

    mean, std  one number for all channels or one a channel, in units of [0, 1]; None is
               ImageNet's for three channels and 0.5, 0.25 for any other number
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, channels: int, mean: Statistic | None = None, std: Statistic | None = None
    ) -> None:
        super().__init__()
        usual = IMAGENET if channels == 3 else NEUTRAL
        mean = _per_channel("mean", usual[0] if mean is None else mean, channels)
        std = _per_channel("std", usual[1] if std is None else std, channels)
        if min(std) <= 0:
            raise UsageError(
                f"a deviation of {min(std)} cannot divide pixels",
                where="std",
                remedy="Leave out channels that never vary, or give them the deviation 1.",
            )
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    @property
    def channels(self) -> int:
        return self.mean.shape[1]

    def forward(self, images: Images) -> Tensor:
        return (images - self.mean) / self.std

    def extra_repr(self) -> str:
        if self.mean.is_meta:
            return f"channels={self.channels}"
        mean, std = (", ".join(f"{v:.4g}" for v in s.flatten()) for s in (self.mean, self.std))
        return f"mean=({mean}), std=({std})"


def _per_channel(what: str, values: Statistic, channels: int) -> list[float]:
    numbers = (
        [float(values)] * channels if isinstance(values, (int, float)) else [*map(float, values)]
    )
    if len(numbers) != channels:
        raise UsageError(
            f"{len(numbers)} numbers for {channels} channels",
            where=what,
            remedy=f"Give one number, or {channels}.",
        )
    return numbers
