"""Three small networks that read digits, for those who have not trained one yet.

They learn from the 1,797 digits that scikit-learn brings along (8×8 pixels, enlarged to 28×28) the
first time they are wanted, which takes seconds, and are then kept as model files in the cache.
Digits are moved, turned and scaled at random in training, so that drawings are read as well.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

from vitreous import __version__
from vitreous.data.batches import Batch
from vitreous.data.cache import folder
from vitreous.data.contract import PixelContract, resize
from vitreous.errors import ModelFileError, unknown
from vitreous.export.bundle import Bundle, load
from vitreous.losses.cross_entropy import cross_entropy
from vitreous.losses.penalty import Penalty
from vitreous.models import create
from vitreous.models.linear import Linear
from vitreous.playground.session import RANDOMNESS
from vitreous.shapes import Images
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.schedule import Schedule

SIDE = 28
HELD_OUT = 360  # digits that are never trained on
EPOCHS, BATCH_SIZE, SEED = 16, 48, 0
CONTRACT = PixelContract(height=SIDE, width=SIDE, channels=1)
SOURCE = "the 1,797 handwritten digits of scikit-learn (8×8 pixels, enlarged to 28×28)"


@dataclass(frozen=True)
class Reader:
    """A row of `READERS`: a model of the table, with arguments, and what it is good to look at."""

    label: str
    model: str
    note: str
    arguments: dict[str, Any] = field(default_factory=dict)
    lr: float = 3e-3
    l2: float = 0.0


READERS = {
    "lenet": Reader(
        "LeNet-5", "lenet5", "convolution, pooling, convolution, pooling, dense layers"
    ),
    "convnet": Reader(
        "Convnet with global average pooling",
        "convnet",
        "its class activation maps show where the evidence lies",
        {"stem": 16, "widths": (32,), "pool": "average"},
        lr=1e-2,
    ),
    "linear": Reader(
        "Linear classifier", "linear", "its weights are templates of the classes", l2=1e-3
    ),
}


def reader(name: str) -> Bundle:
    """The network of that name, from the cache or trained now. Raises UsageError if unknown."""
    if name not in READERS:
        raise unknown("network", name, READERS)
    path = place_of(name)
    try:
        return load(path)
    except ModelFileError:  # absent, or of another version
        bundle = train(READERS[name])
        with contextlib.suppress(OSError):  # a cache that cannot be written costs seconds, no more
            path.parent.mkdir(parents=True, exist_ok=True)
            bundle.save(path)
        return bundle


def place_of(name: str) -> Path:
    """Where a network is kept."""
    return folder() / "playground" / f"{name}-{__version__}.safetensors"


def train(row: Reader) -> Bundle:
    """Train a network on the digits; a few seconds on one core."""
    images, targets = digits()
    train_images, train_targets = images[HELD_OUT:], targets[HELD_OUT:]
    arguments = {"num_classes": 10, "in_channels": 1, "size": SIDE, **row.arguments}
    with RANDOMNESS, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        model = create(row.model, **arguments)
    if isinstance(model, Linear):  # a convex problem; from zero, templates hold no noise
        torch.nn.init.zeros_(model.head.weight)
    total = EPOCHS * math.ceil(len(train_images) / BATCH_SIZE)
    steps = fit(
        model,
        batches(train_images, train_targets),
        cross_entropy,
        optimizer("adam", model, lr=row.lr),
        Schedule("one_cycle", total),
        penalty=Penalty(l2=row.l2) if row.l2 else None,
        seed=SEED,
    )
    for _ in range(total):
        with RANDOMNESS:  # for one step only: experiments in the plane go on meanwhile
            next(steps)
    model.eval()
    with torch.inference_mode():
        right = model(images[:HELD_OUT]).argmax(1) == targets[:HELD_OUT]
    accuracy = float(right.float().mean())
    return Bundle(
        model=model,
        architecture=row.model,
        arguments=arguments,
        classes=tuple(str(digit) for digit in range(10)),
        contract=CONTRACT,
        training={"data": SOURCE, "held_out": HELD_OUT, "accuracy": accuracy, "seed": SEED},
    )


@lru_cache(maxsize=1)
def digits() -> tuple[Images, Tensor]:
    """All digits, white on black: images (1797, 1, 28, 28) and targets, in random order."""
    found = load_digits()
    pixels = (found.images * (255 / 16)).round().astype(np.uint8)[..., None]
    order = np.random.default_rng(SEED).permutation(len(pixels))
    rows = np.stack([resize(pixels[index], SIDE, SIDE) for index in order])
    return CONTRACT.images(rows).contiguous(), torch.tensor(found.target[order], dtype=torch.int64)


def example(number: int) -> NDArray[np.uint8]:
    """A digit that was held out, (28, 28) bytes."""
    image = digits()[0][number % HELD_OUT, 0]
    return (image * 255).round().byte().numpy()


def batches(images: Images, targets: Tensor) -> Iterator[Batch]:
    """All epochs, every digit moved, turned and scaled anew."""
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        for rows in torch.split(order, BATCH_SIZE):
            yield Batch(moved(images[rows], generator), targets[rows], rows, None)


def moved(images: Images, generator: torch.Generator) -> Images:
    """Random size (55 to 105 %), angle (±12°), slant and place, in one resampling."""
    count = len(images)
    size, angle, slant, right, down = torch.rand(5, count, generator=generator)
    size = 0.55 + 0.5 * size
    angle = (angle - 0.5) * math.radians(24)
    cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
    slant = (slant - 0.5) * 0.4
    room = (1.1 - size).clamp(min=0.05)
    matrix = torch.stack(
        [
            torch.stack([cosine, -sine + slant, (right - 0.5) * room], dim=1),
            torch.stack([sine, cosine, (down - 0.5) * room], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    places = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, places, align_corners=False)
