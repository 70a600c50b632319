"""Three small networks that read digits, for those who have not trained one yet.

They learn from the 1,797 digits that come along (8×8 pixels, enlarged to 28×28) the first time they
are wanted, which takes seconds, and are then kept as model files in the cache.
Digits are moved, turned and scaled at random in training, so that drawings are read as well.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.augment.policy import Augment
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache.cache_folder import folder
from vitreous.data.columns import ClassNumbers
from vitreous.data.formats import arrays
from vitreous.errors import ModelFileError, unknown
from vitreous.inference.model_file import Bundle, load
from vitreous.losses.cross_entropy import cross_entropy
from vitreous.losses.penalty import Penalty
from vitreous.models import create
from vitreous.models.linear import Linear
from vitreous.tasks import task_of
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.reproduce import seeded
from vitreous.training.schedule import Schedule
from vitreous.version import __version__

SIDE = 28
HELD_OUT = 360  # digits that are never trained on
EPOCHS, BATCH_SIZE, SEED = 16, 48, 0
CONTRACT = PixelContract(height=SIDE, width=SIDE, channels=1)
DIGITS = tuple("0123456789")
# Black pixels around a digit in training: with `MOVES`, it has 58 to 105 % of its full size.
BORDER = 4
MOVES = Augment(rotate=12, scale=0.35, shear=11, shift=0.06, border="zero")
SOURCE = "1,797 handwritten digits of UCI's repository (8×8 pixels, enlarged to 28×28)"


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
    batches = moved()
    arguments = {"num_classes": 10, "in_channels": 1, "size": SIDE, **row.arguments}
    with seeded(SEED):
        model = create(row.model, **arguments)
    if isinstance(model, Linear):  # a convex problem; from zero, templates hold no noise
        torch.nn.init.zeros_(model.head.weight)
    total = EPOCHS * len(batches)
    steps = fit(
        model,
        (batch for epoch in range(EPOCHS) for batch in batches.epoch(epoch)),
        classified,
        optimizer("adam", model, lr=row.lr),
        Schedule("one_cycle", total),
        penalty=Penalty(l2=row.l2) if row.l2 else None,
        seed=SEED,
    )
    for _ in steps:
        pass
    bundle = Bundle(
        model=model.eval(),
        architecture=row.model,
        arguments=arguments,
        task=task_of(arrays.digits().targets),
        contract=CONTRACT,
    )
    rows, targets = held_out()
    logits = bundle.outputs(CONTRACT.images(rows))
    right = logits.argmax(1).cpu().numpy() == targets
    facts = {"data": SOURCE, "held_out": HELD_OUT, "accuracy": float(right.mean()), "seed": SEED}
    return replace(bundle, training=facts)


def classified(logits: Tensor, targets: Any) -> Tensor:
    """The losses of a batch of digits, (B,)."""
    return cross_entropy(logits, targets["class"])


@lru_cache(maxsize=1)
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All digits, white on black: rows (1797, 28, 28, 1) and targets, in random order."""
    found = arrays.digits()
    order = np.random.default_rng(SEED).permutation(len(found.pixels))
    rows = np.stack([CONTRACT.row(found.pixels[index]) for index in order])
    return rows, np.array(found.targets["class"].gather(order))


def held_out() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Those that are never trained on: rows (360, 28, 28, 1) and targets."""
    rows, targets = digits()
    return rows[:HELD_OUT], targets[:HELD_OUT]


def moved() -> Batches:
    """The digits to learn from, each time of another size, angle, slant and place."""
    rows, targets = digits()
    return Batches(
        np.pad(rows, ((0, 0), (BORDER, BORDER), (BORDER, BORDER), (0, 0))),
        {"class": ClassNumbers(targets, [str(digit) for digit in range(10)])},
        np.arange(HELD_OUT, len(rows)),
        CONTRACT,
        batch_size=BATCH_SIZE,
        seed=SEED,
        augment=MOVES,
    )
