"""Gradients by orientation: HOG, and the dense SIFT descriptors that words are made of.

Both count, for each cell of the image, how much of the gradient points into which direction, and
normalize the counts of neighboring cells against light and contrast.
Dalal and Triggs (2005), "Histograms of oriented gradients for human detection";
Lowe (2004), "Distinctive image features from scale-invariant keypoints".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.shapes import Images

ORIENTATIONS = 9  # of HOG, over half a turn: light on dark is dark on light
DIRECTIONS = 8  # of SIFT, over a whole turn
CLIP = 0.2  # no count of a normalized block is larger


def gradients(images: Images) -> tuple[Tensor, Tensor]:
    """(magnitude, angle in degrees from -180 to 180), each (B, H, W): differences of the pixels on
    both sides, 0 at the border; of several channels, that with the largest magnitude.
    """
    across, down = torch.zeros_like(images), torch.zeros_like(images)
    across[..., 1:-1] = images[..., 2:] - images[..., :-2]
    down[..., 1:-1, :] = images[..., 2:, :] - images[..., :-2, :]
    magnitude, channel = torch.hypot(across, down).max(1, keepdim=True)
    angle = torch.atan2(down.gather(1, channel), across.gather(1, channel)) * (180 / math.pi)
    return magnitude[:, 0], angle[:, 0]


def hog(images: Images, cell: int, block: int = 2, epsilon: float = 1e-5) -> Tensor:
    """(B, rows · columns · block² · 9): histograms of cells, normalized block by block.

    cell   side of a cell, in pixels; what is left over at the right and the lower border is cut
    block  side of the overlapping blocks, in cells
    """
    magnitude, angle = gradients(images)
    share = torch.remainder(angle, 180) * (ORIENTATIONS / 180)
    bins = share.long().clamp(0, ORIENTATIONS - 1)[:, None]
    height, width = images.shape[2:]
    spread = magnitude.new_zeros(len(images), ORIENTATIONS, height, width)
    cells = F.avg_pool2d(spread.scatter(1, bins, magnitude[:, None]), cell)
    blocks = F.unfold(cells, block)  # (B, 9 · block², places)
    blocks = blocks.view(len(images), ORIENTATIONS, block * block, -1)
    blocks = blocks.permute(0, 3, 2, 1).flatten(2)  # (B, places, block² · 9)
    blocks = blocks / (blocks.square().sum(2, keepdim=True) + epsilon**2).sqrt()
    blocks = blocks.clamp(max=CLIP)
    blocks = blocks / (blocks.square().sum(2, keepdim=True) + epsilon**2).sqrt()
    found: Tensor = blocks.flatten(1)
    return found


def hog_width(height: int, width: int, cell: int, block: int = 2) -> int:
    """How many numbers `hog` gives for an image of this size."""
    rows, columns = height // cell - block + 1, width // cell - block + 1
    return rows * columns * block * block * ORIENTATIONS


def dense_sift(images: Images, cell: int) -> Tensor:
    """(B, places, 128): descriptors of 4 × 4 cells with 8 directions each, a cell apart.

    A gradient counts for the two directions and the four cells that are nearest to it, the more the
    nearer. Of a flat patch all numbers are 0.

    cell  side of a cell, in pixels; a patch has four on a side
    """
    magnitude, angle = gradients(images)
    share = torch.remainder(angle, 360) * (DIRECTIONS / 360)
    steps = torch.arange(DIRECTIONS, device=images.device).view(1, -1, 1, 1)
    away = torch.remainder(share[:, None] - steps, DIRECTIONS)
    near = (1 - torch.minimum(away, DIRECTIONS - away)).clamp(min=0)
    maps = magnitude[:, None] * near  # (B, 8, H, W)
    tent = 1 - torch.arange(1 - cell, cell, device=images.device).abs() / cell
    kernel = torch.outer(tent, tent)[None, None].to(maps).expand(DIRECTIONS, 1, -1, -1)
    smooth = F.conv2d(maps, kernel, padding=cell - 1, groups=DIRECTIONS)
    # The first cell's middle lies half a cell from the border.
    smooth = smooth[..., cell // 2 :, cell // 2 :]
    found = F.unfold(smooth, 4, dilation=cell, stride=cell).transpose(1, 2)  # (B, places, 128)
    norm = found.norm(dim=2, keepdim=True)
    flat = norm < 1e-3 * cell * cell
    found = (found / norm.clamp(min=1e-12)).clamp(max=CLIP)
    found = found / found.norm(dim=2, keepdim=True).clamp(min=1e-12)
    sound: Tensor = found.masked_fill(flat, 0.0)
    return sound
