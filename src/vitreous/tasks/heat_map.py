"""Heat map: how likely a point lies at each place; how one is made of a point, and read as one.

A place of a map answers for a square of `stride` pixels, whose middle is where the place counts as
lying. The target of a point is a Gaussian about it. Its logarithm is a parabola, so three places
around the highest give the point to a fraction of a place: without that, the answer would be off by
up to half the stride. Zhang et al. (2020), "Distribution-aware coordinate representation for human
pose estimation", arXiv:1910.06278.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SPREAD = 1.0  # standard deviation of a target, in places
NEARBY = 2  # places around the highest whose share of the heat is how sure the answer is
FINEST = 64  # places a side, up to which a map may have one for each pixel
COARSEST = 4  # pixels a side of a place


def stride_for(height: int, width: int) -> int:
    """Pixels a side of a place, for a window of this size: 1 for small ones, and at most 4."""
    stride = 1
    while stride < COARSEST and max(height, width) > FINEST * stride:
        stride *= 2
    return stride


def to_places(pixels: Tensor, stride: int) -> Tensor:
    """x and y of pixel centers, in places: (0, 0) is the middle of the first."""
    return (pixels + 0.5) / stride - 0.5


def to_pixels(places: Tensor, stride: int) -> Tensor:
    """The inverse of `to_places`."""
    return (places + 0.5) * stride - 0.5


def heat(
    places: Tensor, seen: Tensor, shape: tuple[int, int], spread: Tensor | float = SPREAD
) -> Tensor:
    """Gaussians about points, each of which sums to 1.

    places  (B, P, 2) x and y, in places
    seen    (B, P) bool: the map of a point that is not seen is 0
    shape   height and width of the maps
    spread  standard deviation in places; a number, or (B, P, 2) along x and y
    return  (B, P, h, w)
    """
    spreads = places.new_tensor(spread) if isinstance(spread, float) else spread
    spreads = spreads.expand(places.shape)
    sides = []
    for axis, count in enumerate(reversed(shape)):
        far = torch.arange(count, device=places.device) - places[..., axis, None]
        # The softmax of -d²/2σ²: a Gaussian that is cut by the edge still sums to 1.
        sides.append((-(far / spreads[..., axis, None]).square() / 2).softmax(-1))
    across, down = sides
    return down[..., :, None] * across[..., None, :] * seen[..., None, None]


def peaks(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Where maps (B, P, h, w) are highest, and how much of their heat is nearby.

    return  (B, P, 2) x and y in places, and (B, P) in [0, 1]; float64 on the CPU
    """
    height, width = logits.shape[2:]
    heats = logits.double().cpu().flatten(2).log_softmax(2).reshape(logits.shape)
    best = heats.flatten(2).argmax(2)
    row, column = best // width, best % width
    lines = heats.gather(2, row[..., None, None].expand(*row.shape, 1, width))[:, :, 0]
    columns = heats.gather(3, column[..., None, None].expand(*row.shape, height, 1))[..., 0]
    near = F.pad(heats.exp(), [NEARBY] * 4).unfold(2, 2 * NEARBY + 1, 1)
    near = near.unfold(3, 2 * NEARBY + 1, 1).sum((-1, -2)).flatten(2)
    sure = near.gather(2, best[..., None])[..., 0].clamp(0, 1)
    return torch.stack([_vertex(lines, column), _vertex(columns, row)], -1), sure


def _vertex(values: Tensor, best: Tensor) -> Tensor:
    """(B, P) the top of the parabola through the highest of (B, P, n) values and its neighbors, at
    most half a step away from it; at an end, through the last three.
    """
    count = values.shape[2]
    if count < 3:
        return best.double()
    middle = best.clamp(1, count - 2)
    before, here, after = (
        values.gather(2, (middle + step)[..., None])[..., 0] for step in (-1, 0, 1)
    )
    curve = before - 2 * here + after
    top = middle + (before - after) / (2 * curve.clamp_max(-1e-12))
    # Where nothing is curved, as in a flat map, the highest place itself is the answer.
    top = top.where(curve < -1e-9, best.double())
    return top.clamp(best - 0.5, best + 0.5)


def expected(logits: Tensor) -> Tensor:
    """(B, P, 2) the mean place by the softmax of maps (B, P, h, w), through which gradients flow.

    Sun et al. (2018), "Integral human pose regression", arXiv:1711.08229.
    """
    height, width = logits.shape[2:]
    shares = logits.flatten(2).softmax(2).reshape(logits.shape)
    rows, columns = (torch.arange(n, device=logits.device) for n in (height, width))
    x = (shares.sum(2) * columns).sum(2)
    return torch.stack([x, (shares.sum(3) * rows).sum(2)], -1)
