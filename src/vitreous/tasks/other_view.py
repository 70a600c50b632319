"""The other view of an image, for measuring what was learned without labels: a piece of it in other
colors, the same whoever asks.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitreous.data.batches.counter_random import Stream, uniforms
from vitreous.shapes import Images

LEAST, MOST = 0.3, 0.8  # of the area is kept
BRIGHT, GRAY = 0.3, 0.7  # largest change of brightness; largest share of color that is taken away


class OtherView:
    """Images as they are, and behind them a view of each: a crop, brighter or darker and paler."""

    def __call__(
        self, images: Images, seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> tuple[Images, dict[str, Tensor]]:
        """(2·B, C, H, W) of images (B, C, H, W); no targets."""
        drawn = uniforms(seed, epoch, keys, 5, Stream.PRETEXT).astype(np.float32)
        area, x, y, light, pale = torch.from_numpy(drawn).to(images.device).T
        side = (LEAST + (MOST - LEAST) * area).sqrt()
        places = torch.zeros(len(images), 2, 3, device=images.device)
        places[:, 0, 0] = places[:, 1, 1] = side
        places[:, 0, 2], places[:, 1, 2] = (1 - side) * (2 * x - 1), (1 - side) * (2 * y - 1)
        grid = F.affine_grid(places, list(images.shape), align_corners=False)
        pieces = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        gray = pieces.mean(1, keepdim=True)
        share = (GRAY * pale)[:, None, None, None]
        factor = (1 + BRIGHT * (2 * light - 1))[:, None, None, None]
        return torch.cat([images, (factor * torch.lerp(pieces, gray, share)).clamp(0, 1)]), {}
