"""Witness: a quick honest model of the classes of a data set, for out-of-fold probabilities.

Of photos, logistic regression on the features of a network that has learned other photos; of small
pictures, a small convolutional network that is trained anew for each fold. Both are made to answer
for images that they have not seen, also when these are changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitreous.blocks.mode import evaluating
from vitreous.data.batches.pack import Rows
from vitreous.data.batches.preprocess import PixelContract
from vitreous.losses import cross_entropy
from vitreous.models import backbone_and_head, create
from vitreous.training.fit import fit
from vitreous.training.reproduce import undrawn

Ids = NDArray[np.int64]
Change = Callable[[Tensor], Tensor]
Answer = Callable[[Tensor], Tensor]
"""From inputs (B, ...) to probabilities (B, L)."""

SMALL = 64  # pixels of a side, up to which a picture is small
SIDE = 128  # of photos, for their features
CHUNK = 64  # images that go through a network together
BATCH = 64
STEPS = 2000  # of training, at most; and no fewer than SHORTEST epochs
SHORTEST, LONGEST = 3, 10
DECAY = 1e-3  # of logistic regression, a mean example's loss beside it


class Witness(Protocol):
    """What is asked of such a model.

    title   in a few words
    sample  images that it is asked about when they are changed, at most
    """

    @property
    def title(self) -> str: ...
    @property
    def sample(self) -> int: ...
    def inputs(self, ids: Ids, change: Change | None = None) -> Iterator[Tensor]:
        """What the model is given about these images, some at a time; changed before, if asked."""

    def learn(self, ids: Ids, labels: Ids, classes: int, seed: int) -> Answer:
        """A model that has seen these images, with these labels, and no others."""


@dataclass(frozen=True)
class SmallNet:
    """A small convolutional network on the pixels of small pictures."""

    rows: Rows
    contract: PixelContract
    title: str = "a small convolutional network"
    sample: int = 1000

    def inputs(self, ids: Ids, change: Change | None = None) -> Iterator[Tensor]:
        for first in range(0, len(ids), 8 * CHUNK):
            images = self.contract.images(self.rows[ids[first : first + 8 * CHUNK]])
            yield change(images) if change else images

    def learn(self, ids: Ids, labels: Ids, classes: int, seed: int) -> Answer:
        with undrawn():
            torch.manual_seed(seed)
            model = create(
                "convnet_medium" if self.contract.channels > 1 else "convnet",
                num_classes=classes,
                in_channels=self.contract.channels,
            )
        draw = np.random.default_rng(seed)
        batch = min(BATCH, max(2, len(ids) // 8))
        steps = max(len(ids) // batch, 1)
        epochs = int(np.clip(round(STEPS / steps), SHORTEST, LONGEST))

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            for _ in range(epochs):
                order = draw.permutation(len(ids))[: steps * batch]
                for chosen in order.reshape(-1, min(batch, len(order))):
                    images = self.contract.images(self.rows[ids[chosen]])
                    yield images, torch.from_numpy(labels[chosen])

        total = steps * epochs
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return cross_entropy(outputs, targets, reduction="none")

        def schedule(step: int) -> float:
            return min((step + 1) / (0.2 * total), (total - step) / (0.8 * total))

        for _ in fit(model, batches(), loss, optimizer, schedule, seed=seed):
            pass
        model.eval()

        def answer(images: Tensor) -> Tensor:
            with evaluating(model), torch.inference_mode():
                return model(images).softmax(1)  # type: ignore[no-any-return]

        return answer


class FrozenFeatures:
    """Logistic regression on features of photos, from a network that has learned other photos."""

    title = "logistic regression on features of EfficientNet-Lite0"
    sample = 300  # each change asks the whole network again

    def __init__(
        self,
        rows: Rows,
        contract: PixelContract,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.rows, self.contract = rows, contract
        with undrawn():
            self.network = create("efficientnet_lite0", pretrained=True).eval()
        self.backbone, _ = backbone_and_head(self.network)
        self.known: dict[int, NDArray[np.float32]] = {}
        self.progress = progress

    def features(self, ids: Ids) -> NDArray[np.float32]:
        """(N, K), each image once."""
        missing = np.array([i for i in ids.tolist() if i not in self.known], np.int64)
        for first in range(0, len(missing), CHUNK):
            chunk = missing[first : first + CHUNK]
            found = self._look(self.contract.images(self.rows[chunk])).numpy()
            self.known |= dict(zip(chunk.tolist(), found, strict=True))
            if self.progress:
                self.progress(first + len(chunk), len(missing))
        return np.stack([self.known[i] for i in ids.tolist()])

    def _look(self, images: Tensor) -> Tensor:
        with evaluating(self.network), torch.inference_mode():
            return F.normalize(self.backbone(images).float(), dim=1)

    def inputs(self, ids: Ids, change: Change | None = None) -> Iterator[Tensor]:
        for first in range(0, len(ids), CHUNK):
            chunk = ids[first : first + CHUNK]
            if change is None:
                yield torch.from_numpy(self.features(chunk))
            else:
                yield self._look(change(self.contract.images(self.rows[chunk])))

    def learn(self, ids: Ids, labels: Ids, classes: int, seed: int) -> Answer:
        inputs = torch.from_numpy(self.features(ids))
        targets = torch.from_numpy(labels)
        center, scale = inputs.mean(0), inputs.std(0).clamp_min(1e-4)
        inputs = (inputs - center) / scale
        weights = torch.zeros(inputs.shape[1] + 1, classes, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weights], max_iter=40, history_size=8, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(inputs @ weights[:-1] + weights[-1], targets)
            loss = loss + DECAY * weights[:-1].square().sum()
            torch.autograd.backward(loss)
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        learned = weights.detach()

        def answer(given: Tensor) -> Tensor:
            return ((given - center) / scale @ learned[:-1] + learned[-1]).softmax(1)

        return answer
