"""The linear classifier: one score for each class, the correlation of the image with a template.

    K(x) = W x + b

Trained with cross-entropy it is softmax (multinomial logistic) regression. Each row of W has the
shape of an image and can be looked at: it is what the class looks like, on average.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class Linear(Network):
    """Flatten, then one dense layer. A dense layer has c (d + 1) parameters."""

    def __init__(self, *, num_classes: int, in_channels: int, size: tuple[int, int]) -> None:
        super().__init__(in_channels)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(in_channels * math.prod(size), num_classes)
        self.sizes = Sizes(default=size[0], fixed=size)


@torch.no_grad()
def templates(model: Linear) -> Tensor:
    """The weights as images, (L, C, H, W): a score is Σ template · image plus an offset."""
    assert model.sizes.fixed is not None
    shape = model.in_channels, *model.sizes.fixed
    return model.head.weight.view(-1, *shape) / model.normalize.std


VARIANTS = (
    Variant(
        name="linear",
        build=Linear,
        sized=True,
        year=1958,
        paper='Cox, "The regression analysis of binary sequences"',
        parameters=7_850,
        macs=7_840,
        num_classes=10,
        in_channels=1,
        sizes=Sizes(default=28),
    ),
)
