"""Test-time augmentation: the answer to an image is the mean over several views of it.

Each view costs a pass through the network. Krizhevsky et al. (2012), "ImageNet classification with
deep convolutional neural networks", section 4.1; the six views with their weights: Jordan (2024),
"94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498, section 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.shapes import Images

Views = Callable[[Images], Iterator[tuple[float, Images]]]
"""Of images: a weight and the images as they are then shown; the weights sum to 1."""
ONE = "none"  # the image as it is, alone


def mirror(images: Images) -> Iterator[tuple[float, Images]]:
    """The image, and its mirror image."""
    yield 1 / 2, images
    yield 1 / 2, images.flip(3)


def shift(images: Images) -> Iterator[tuple[float, Images]]:
    """Both, and with half the weight both moved by a pixel along either diagonal direction."""
    height, width = images.shape[2:]
    wide = F.pad(images, (1, 1, 1, 1), mode="reflect")
    for share, view in (
        (1 / 2, images),
        (1 / 4, wide[:, :, :height, :width]),
        (1 / 4, wide[:, :, 2:, 2:]),
    ):
        yield from ((share * half, one) for half, one in mirror(view))


VIEWS: dict[str, Views] = {"mirror": mirror, "shift": shift}


def mean_over(views: str, answer: Callable[[Images], Any], images: Images) -> Any:
    """The mean of what is answered to the views of images (B, C, H, W).

    views  a key of VIEWS, or "none": the answer to the images themselves
    """
    if views == ONE:
        return answer(images)
    return sum(share * answer(shown) for share, shown in VIEWS[views](images))


class Viewed(nn.Module):
    """A network that answers by the mean over views of an image."""

    def __init__(self, network: nn.Module, views: str) -> None:
        super().__init__()
        self.network, self.views = network, views

    def forward(self, images: Images) -> Tensor:
        found: Tensor = mean_over(self.views, self.network, images)
        return found
