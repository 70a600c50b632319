"""Features of a frozen backbone, computed once for a linear probe: it then trains in seconds.

The features of each image, and of its mirror image where left and right mean the same, are kept in
the cache, keyed by the images, the network's architecture and weights, and the number format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.data.batches.batches import Batches
from vitreous.data.batches.counter_random import uniforms
from vitreous.data.batches.pack import Rows
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder as caches
from vitreous.data.columns import Column
from vitreous.distributed import ALONE, Ranks
from vitreous.infer.engine import Engine
from vitreous.infer.weight_digest import digest
from vitreous.inference.predictor import finite
from vitreous.training.precision import Precision
from vitreous.training.processor import processor

CHUNK = 16  # images that go through the backbone together


class FeatureBatches(Batches):
    """Batches of features in place of images; in each epoch an example is seen in one of its views.

    features  (N, V, K) float16: V views of each example
    targets   columns of N examples
    options   of `Batches`
    """

    def __init__(
        self,
        features: NDArray[np.float16],
        targets: Mapping[str, Column],
        **options: Any,
    ):
        count, views, width = features.shape
        contract = PixelContract(height=1, width=views, channels=width)
        rows: Any = features.reshape(count, 1, views, width)
        super().__init__(rows, targets, np.arange(count), contract, **options)

    def _images(
        self,
        executor: ThreadPoolExecutor,
        epoch: int,
        ids: NDArray[np.int64],
        keys: NDArray[np.int64],
    ) -> tuple[Tensor, dict[str, Any]]:
        chance = uniforms(self.seed, epoch, keys, 1)[:, 0]
        views = (chance * self.contract.width).astype(np.int64)
        chosen = self.rows[ids, 0, views].astype(np.float32)  # type: ignore[index]
        return torch.from_numpy(chosen).to(self.device), {}  # (B, K)


class FeatureViews:
    """How features become the input of a last layer that is evaluated: each example's plain view.

    features  (N, V, K) float16, the plain view first
    """

    def __init__(self, features: NDArray[np.float16]):
        self.shape = (1, 1, features.shape[2])
        self.ids = np.arange(len(features))

    def images(self, rows: NDArray[np.float16]) -> Tensor:
        """(B, V, K) to (B, K) float32."""
        return torch.from_numpy(rows[:, 0].astype(np.float32))


def features(
    backbone: Callable[[Tensor], Tensor],
    state: nn.Module,
    rows: Rows,
    ids: NDArray[np.int64],
    contract: PixelContract,
    precision: Precision,
    *,
    mirrored: bool,
    key: str,
    architecture: tuple[str, Mapping[str, Any]] | None,
    progress: Callable[[int, int], None] | None = None,
    ranks: Ranks = ALONE,
    engine: Engine | None = None,
) -> NDArray[np.float16]:
    """(N, V, K) features of the rows `ids`: V = 2 with the mirror image, else 1.

    backbone      images (B, C, H, W) -> (B, K), in evaluation mode
    state         the module whose weights the backbone uses
    key           of the pack that the rows come from
    architecture  name in the table of models, and arguments; None for a module of the user's own,
                  whose features are not kept: its weights do not tell what it does with them
    ranks         processes that compute a share each
    engine        what computes them in place of the backbone, where it can
    """
    # Buffers that no state_dict holds, such as the pixels' mean, decide as well.
    tensors = state.state_dict() | dict(state.named_buffers())
    depends_on = [key, architecture, digest(tensors), precision.name, mirrored, torch.__version__]
    depends_on += [] if engine is None else [engine.runtime, processor()]
    name = hashlib.sha256(repr(depends_on).encode() + ids.tobytes()).hexdigest()[:40]
    path = caches.folder() / "features" / f"{name}.npy"
    kept = caches.load_array(path, np.float16, (len(ids), None, None)) if architecture else None
    (lacking,) = ranks.highest(kept is None)
    if kept is not None and not lacking:
        return kept
    parts = []
    whole = range(0, len(ids), CHUNK)
    firsts = whole[ranks.share(len(whole))]
    with torch.inference_mode(), precision.autocast():
        for first in firsts:
            images = contract.images(rows[ids[first : first + CHUNK]]).to(precision.device)
            views = [images, images.flip(3)] if mirrored else [images]
            given = [None if engine is None else engine(state, view) for view in views]
            made_of = zip(given, views, strict=True)
            found = [backbone(view) if one is None else one for one, view in made_of]
            seen = torch.stack(found, dim=1)  # (B, V, K)
            parts.append(finite(seen.to("cpu", torch.float16), "features").numpy())
            if progress:
                progress(*(min(last, len(ids)) for last in (first + CHUNK, firsts.stop)))
    made = np.concatenate(ranks.gathered(parts))
    if architecture and not ranks.local:
        caches.save_array(path, made)
    return made
