"""Bag of visual words: dense SIFT descriptors, each replaced by the nearest of a few hundred words.

    word     the center of a cluster of descriptors of training images (k-means)
    image    how often each word occurs, in the whole of it and in each of its quarters

Sivic and Zisserman (2003), "Video Google"; Lazebnik et al. (2006), "Beyond bags of features:
spatial pyramid matching". The square root makes differences of counts those of Hellinger.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.baselines.oriented_gradients import dense_sift
from vitreous.shapes import Images

WORDS = 256
SHOWN = 40_000  # descriptors that words are made of
CELLS = 5  # the whole image and its quarters


class VisualWords(nn.Module):
    """Images (B, C, H, W) to (B, 256 · 5) square roots of the shares of words.

    height, width  of the images, in pixels
    cell           of a descriptor, in pixels
    """

    words: Tensor  # (256, 128)

    def __init__(self, height: int, width: int, cell: int) -> None:
        super().__init__()
        self.cell = cell
        rows, columns = (1 + (side - cell // 2 - 3 * cell - 1) // cell for side in (height, width))
        self.places = rows, columns
        self.width = WORDS * CELLS
        self.words = nn.Parameter(torch.zeros(WORDS, 128), requires_grad=False)

    def learn(self, images: Iterable[Images], count: int, seed: int) -> None:
        """Find the words. count: of the images, in all."""
        from sklearn.cluster import MiniBatchKMeans

        generator = np.random.default_rng(seed)
        share = min(1.0, SHOWN / (count * self.places[0] * self.places[1]))
        found = []
        for batch in images:
            all_of = dense_sift(batch, self.cell).flatten(0, 1).cpu().numpy()
            kept = generator.random(len(all_of)) < share
            found.append(all_of[kept])
        shown = np.concatenate(found)
        if len(shown) < WORDS:
            shown = np.concatenate([shown, np.zeros((WORDS - len(shown), 128), np.float32)])
        means = MiniBatchKMeans(
            WORDS, random_state=seed, init="random", n_init=1, batch_size=4096, max_iter=20
        ).fit(shown)
        self.words.copy_(torch.from_numpy(means.cluster_centers_.astype(np.float32)))

    def forward(self, images: Images) -> Tensor:
        found = dense_sift(images, self.cell)  # (B, places, 128)
        nearest = torch.cdist(found, self.words.expand(len(found), -1, -1)).argmin(2)
        rows, columns = self.places
        upper = torch.arange(rows, device=images.device) >= (rows + 1) // 2
        left = torch.arange(columns, device=images.device) >= (columns + 1) // 2
        quarter = (2 * upper[:, None] + left[None].long()).flatten()
        counts = found.new_zeros(len(found), CELLS * WORDS)
        ones = found.new_ones(nearest.shape)
        counts.scatter_add_(1, nearest, ones / nearest.shape[1])
        counts.scatter_add_(1, WORDS * (1 + quarter) + nearest, ones / nearest.shape[1])
        return counts.sqrt()
