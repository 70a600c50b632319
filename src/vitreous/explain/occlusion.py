"""Occlusion: how much the answer falls when a part of the image is covered.

    A = mean of y(x) - y(x without the window), over the windows that cover the pixel

It needs no gradients, and changes nothing but the image. What is covered by gray is not nothing to
a network, and two things that stand in for one another hide each other.
Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", arXiv:1311.2901,
section 4.2.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import nn

from vitreous.errors import UsageError
from vitreous.explain.looking import forward, looking
from vitreous.explain.target import Target, asked, scalar_of
from vitreous.shapes import Heatmaps, Images

GRAY = 0.5
ACROSS = 8  # windows along the shorter side, where no size is given
TOGETHER = 64  # covered images that go through the network at once


def occlusion(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: float = GRAY,
) -> Heatmaps:
    """(B, H, W), of either sign: positive where covering lowers the answer.

    images  (B, C, H, W) in [0, 1]
    window  side of the square that covers, in pixels; an eighth of the shorter side if not given
    stride  pixels from one place of it to the next; half the window if not given
    fill    what it is filled with

    Raises UsageError for a window that is no part of the image.
    """
    scalar = scalar_of(model, images, target)
    height, width = images.shape[2:]
    window = max(1, min(height, width) // ACROSS) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if not (0 < window <= min(height, width) and 0 < stride <= window):
        raise UsageError(
            f"a window of {window} every {stride} pixels does not fit an image of "
            f"{width} × {height}",
            where="window",
            remedy="Give a window within the image, and a stride from 1 to the window.",
        )
    count = len(images)
    tops = range(0, height - window + stride, stride)
    lefts = range(0, width - window + stride, stride)
    places = [*product(tops, lefts)]
    with looking(model), torch.no_grad():
        fallen = torch.zeros(count, height, width)
        covers = torch.zeros(height, width)
        before = asked(forward(model, images), scalar, count).cpu()
        step = max(1, TOGETHER // count)
        for first in range(0, len(places), step):
            some = places[first : first + step]
            covered = torch.cat([images.detach()] * len(some))  # in the images' own layout
            for number, (top, left) in enumerate(some):
                rows = slice(number * count, (number + 1) * count)
                covered[rows, :, top : top + window, left : left + window] = fill
            values = asked(forward(model, covered), scalar, len(covered)).cpu()
            for (top, left), after in zip(some, values.reshape(-1, count), strict=True):
                inside = (slice(top, top + window), slice(left, left + window))
                fallen[(slice(None), *inside)] += (before - after)[:, None, None]
                covers[inside] += 1
    return (fallen / covers).to(images.device)
