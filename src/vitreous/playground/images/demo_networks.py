"""Three small networks that read digits, for those who have not trained one yet.

Their weights come along, as model files in `weights/`; `demo_training.py` has made them of MNIST.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats import arrays
from vitreous.errors import unknown
from vitreous.inference.model_file import Bundle, load
from vitreous.playground.images.drawings import frame

SIDE = 28
HELD_OUT = 360  # of UCI's digits, that are never trained on
SEED = 0
CONTRACT = PixelContract(height=SIDE, width=SIDE, channels=1)
DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Reader:
    """A row of `READERS`: a model of the table, with arguments, and what it is good to look at."""

    label: str
    model: str
    note: str
    arguments: dict[str, Any] = field(default_factory=dict)
    epochs: int = 2
    lr: float = 3e-3
    l2: float = 0.0


READERS = {
    "lenet": Reader(
        "LeNet-5", "lenet5", "convolution, pooling, convolution, pooling, dense layers", epochs=4
    ),
    "convnet": Reader(
        "Convnet with global average pooling",
        "convnet",
        "its class activation maps show where the evidence lies",
        {"stem": 16, "widths": (32,), "pool": "average"},
        lr=1e-2,
    ),
    "linear": Reader(
        "Linear classifier", "linear", "its weights are templates of the classes", epochs=1, l2=1e-3
    ),
}


def reader(name: str) -> Bundle:
    """The network of that name. Raises UsageError if it is unknown."""
    if name not in READERS:
        raise unknown("network", name, READERS)
    return load(file_of(name))


def file_of(name: str) -> Path:
    """Where the weights of a network are."""
    return Path(__file__).parent / "weights" / f"{name}.safetensors"


@lru_cache(maxsize=1)
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """UCI's digits, white on black and framed as those of MNIST are: rows (1797, 28, 28, 1) and
    targets, in random order.
    """
    found = arrays.digits()
    order = np.random.default_rng(SEED).permutation(len(found.pixels))
    rows = np.stack([CONTRACT.row(frame(found.pixels[index])) for index in order])
    return rows, np.array(found.targets["class"].gather(order))


def held_out() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Those that are never trained on: rows (360, 28, 28, 1) and targets."""
    rows, targets = digits()
    return rows[:HELD_OUT], targets[:HELD_OUT]
