"""MNIST, learned by the networks that the playground brings along: the command that made them is

    python -m vitreous.playground.images.demo_training MNIST

with the folder of MNIST's four files. The networks see these digits and those of UCI's repository,
moved, turned, slanted and scaled at random, and a part of them with thicker or thinner strokes,
because the pen of a page is not that of 1998. Some minutes on one core.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.augment.policy import Augment
from vitreous.data.batches.batches import Batches
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.open import open as open_data
from vitreous.formats import percent
from vitreous.inference.model_file import Bundle
from vitreous.losses.cross_entropy import cross_entropy
from vitreous.losses.penalty import Penalty
from vitreous.models import create
from vitreous.models.linear import Linear
from vitreous.playground.images.demo_networks import (
    CONTRACT,
    DIGITS,
    HELD_OUT,
    READERS,
    SIDE,
    Reader,
    digits,
    file_of,
)
from vitreous.tasks import task_of
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.reproduce import seeded
from vitreous.training.schedule import Schedule

BATCH_SIZE, SEED = 96, 0
MOVES = Augment(rotate=12, scale=0.2, shear=12, shift=0.08, border="zero")
THICK, THIN = 0.35, 0.15  # shares of the images whose strokes are changed
SOURCE = "60,000 digits of MNIST and 1,437 of UCI's repository"

Digits = tuple[NDArray[np.uint8], NDArray[np.int64]]  # rows (N, 28, 28, 1) and targets


def mnist(folder: str | Path, part: Part) -> Digits:
    """The digits of its training or its test part. Raises DataError where they are not."""
    found = open_data(str(folder))
    chosen = np.flatnonzero((found.parts == Part.TEST) == (part == Part.TEST))
    assert found.pixels is not None
    rows = found.pixels[chosen].reshape(-1, SIDE, SIDE, 1)
    return rows, np.asarray(found.targets["class"].gather(chosen), np.int64)


def learned_from(folder: str | Path) -> Digits:
    """All digits that are learned from, with strokes of several widths."""
    rows, targets = mnist(folder, Part.TRAIN)
    others, numbers = digits()
    rows = np.concatenate([rows, others[HELD_OUT:]])
    targets = np.concatenate([targets, numbers[HELD_OUT:]])
    return restroked(rows, np.random.default_rng(SEED)), targets


def restroked(rows: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The same digits, some of them as by a thicker or a thinner pen."""
    found = rows.copy()
    for row, chance in zip(found, random.random(len(found)), strict=True):
        pen = np.ones((2, 2) if chance * 2 < THICK else (3, 3), np.uint8)
        if chance < THICK:
            row[..., 0] = cv2.dilate(row[..., 0], pen)
        elif chance > 1 - THIN:
            row[..., 0] = cv2.erode(row[..., 0], np.ones((2, 2), np.uint8))
    return found


def moved(rows: NDArray[np.uint8], targets: NDArray[np.int64]) -> Batches:
    """Digits to learn from, each time of another size, angle, slant and place."""
    return Batches(
        rows,
        {"class": ClassNumbers(targets, DIGITS)},
        np.arange(len(rows)),
        CONTRACT,
        batch_size=BATCH_SIZE,
        seed=SEED,
        augment=MOVES,
    )


def learned(row: Reader, batches: Batches, test: Digits) -> Bundle:
    """A network of the table, trained and measured on digits that it has not seen."""
    arguments = {"num_classes": 10, "in_channels": 1, "size": SIDE, **row.arguments}
    with seeded(SEED):
        model = create(row.model, **arguments)
    if isinstance(model, Linear):  # a convex problem; from zero, templates hold no noise
        torch.nn.init.zeros_(model.head.weight)
    steps = fit(
        model,
        (batch for epoch in range(row.epochs) for batch in batches.epoch(epoch)),
        classified,
        optimizer("adam", model, lr=row.lr),
        Schedule("one_cycle", row.epochs * len(batches)),
        penalty=Penalty(l2=row.l2) if row.l2 else None,
        seed=SEED,
    )
    for _ in steps:
        pass
    task = task_of({"class": ClassNumbers(test[1], DIGITS)})
    bundle = Bundle(
        model=model.eval(),
        architecture=row.model,
        arguments=arguments,
        task=task,
        contract=CONTRACT,
    )
    right = [
        bundle.outputs(CONTRACT.images(rows)).argmax(1).cpu().numpy() == numbers
        for rows, numbers in zip(
            np.array_split(test[0], 40), np.array_split(test[1], 40), strict=True
        )
    ]
    facts = {
        "data": SOURCE,
        "held_out": len(test[0]),
        "accuracy": float(np.concatenate(right).mean()),
        "seed": SEED,
    }
    return replace(bundle, training=facts)


def classified(logits: Tensor, targets: Any) -> Tensor:
    """The losses of a batch of digits, (B,)."""
    return cross_entropy(logits, targets["class"])


def main(folder: str, names: list[str]) -> None:
    """Train the networks of these names, or all, and write their files."""
    batches, test = moved(*learned_from(folder)), mnist(folder, Part.TEST)
    for name in names or READERS:
        bundle = learned(READERS[name], batches, test)
        path = bundle.save(file_of(name))
        print(f"{name}: {percent(bundle.training['accuracy'], 2)} of {len(test[0]):,}, {path}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
