"""Labeled images that an experiment learns from: the digits that come along, or a set given.

An experiment that takes `--data` measures on it what it otherwise measures on the 1,797 digits of
8 × 8 pixels, in seconds. Figures that a source gives for MNIST are asked for on MNIST alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.data.dataset import Part
from vitreous.data.formats.open import open
from vitreous.errors import UsageError

DIGITS = "digits"
NEW = 500  # images to test on, of a set without a test part
LEAST = 100  # images to learn: a batch at the full sizes


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images (N, channels, H, W) from 0 to 1, labels (N,), and those to test on.

    mnist  whether it is MNIST as it is published: 60,000 and 10,000 images of 28 × 28
    """

    name: str
    classes: int
    images: Tensor
    labels: Tensor
    new_images: Tensor
    new_labels: Tensor

    @property
    def mnist(self) -> bool:
        sizes = len(self.images), len(self.new_images), *self.images.shape[1:]
        return sizes == (60_000, 10_000, 1, 28, 28) and self.classes == 10

    @property
    def vectors(self) -> tuple[Tensor, Tensor]:
        """The images as rows, (N, pixels): those to learn, and those to test on."""
        return self.images.flatten(1), self.new_images.flatten(1)

    def redrawn(self, share: float, seed: int) -> Tensor:
        """(N,) labels of which about this share is drawn anew, rightly or wrongly."""
        labels, generator = self.labels.clone(), torch.Generator().manual_seed(seed)
        drawn = torch.rand(len(labels), generator=generator) < share
        labels[drawn] = torch.randint(0, self.classes, (int(drawn.sum()),), generator=generator)
        return labels

    def told(self) -> dict[str, Any]:
        """What a chapter keeps: the name, the counts, and whether it is MNIST."""
        return {
            "name": self.name,
            "images": f"{len(self.images):,}",
            "new": f"{len(self.new_images):,}",
            "mnist": self.mnist,
        }


def load(data: str = DIGITS, *, seed: int = 0, most: int | None = None) -> LabeledImages:
    """A data set of equal images with one class each.

    data  as `vitreous train` takes it; the part for testing is its own, or 500 drawn ones
    most  of the images to learn, drawn
    seed  of what is drawn

    Raises UsageError for data of another kind or too few images, and what opening it raises.
    """
    found = open(data)
    column = found.targets.get("class")
    labels = None if column is None else column.exclusive
    if found.pixels is None or column is None or labels is None:
        raise UsageError(
            "this experiment needs images of one size with one class each",
            where=f"--data {data}",
            remedy="Give MNIST, CIFAR-10 or digits, or leave --data out for digits.",
        )
    random = np.random.default_rng(seed)
    test = np.flatnonzero(found.parts == Part.TEST)
    others = np.flatnonzero(found.parts != Part.TEST)
    if not len(test):
        order = random.permutation(others)
        test, others = np.sort(order[:NEW]), np.sort(order[NEW:])
    if len(others) < LEAST:
        raise UsageError(
            f"{len(others)} images to learn are too few",
            where=f"--data {data}",
            remedy=f"Give {LEAST}, and {NEW} more to test on where they have no test part.",
        )
    if most is not None and most < len(others):
        others = np.sort(random.choice(others, most, replace=False))

    def images(rows: np.ndarray) -> Tensor:
        assert found.pixels is not None
        return torch.from_numpy(found.pixels[rows]).permute(0, 3, 1, 2).float() / 255

    return LabeledImages(
        found.name,
        len(column.classes),
        images(others),
        torch.from_numpy(labels[others]),
        images(test),
        torch.from_numpy(labels[test]),
    )


def one_cycle(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: LabeledImages,
    *,
    peak: float,
    epochs: int,
    batch: int,
    seed: int,
) -> list[float]:
    """Train on the images; (epochs,) the mean loss of each epoch.

    peak   the learning rate rises to it and falls to 0
    batch  images of a step; each epoch has its own order and leaves out what fills no batch
    """
    count = len(images.images)
    steps = epochs * (count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    curve = []
    for _ in range(epochs):
        losses = []
        order = torch.randperm(count, generator=generator)
        for rows in torch.split(order[: count // batch * batch], batch):
            loss = F.cross_entropy(model(images.images[rows]), images.labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        curve.append(float(np.mean(losses)))
    return curve
