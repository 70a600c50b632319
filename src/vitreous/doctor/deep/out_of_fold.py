"""Out-of-fold answers: each image is asked of a model that has not seen it, and changed as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.doctor.deep.witness import Change, Ids, Witness

CHANGES: dict[str, Change] = {
    "mirrored left to right": lambda images: images.flip(3),
    "mirrored upside down": lambda images: images.flip(2),
    "turned by half": lambda images: images.flip(2, 3),
    "turned by a quarter": lambda images: images.rot90(1, (2, 3)),
    "inverted": lambda images: 1 - images,
}
"""What augmentations do to an image as a whole, at their strongest; each alone."""


@dataclass(frozen=True)
class OutOfFold:
    """What models said of images that they have not seen.

    ids            (N,) the images, in order
    labels         (N,) their labels
    probabilities  (N, L)
    asked          (M,) places among these of the images that were changed as well
    changed        (M,) the class that each of them got, by the name of the change
    title          the model, in a few words
    """

    ids: Ids
    labels: Ids
    probabilities: NDArray[np.float64]
    asked: Ids
    title: str
    changed: dict[str, Ids] = field(default_factory=dict)

    @property
    def answers(self) -> Ids:
        """(N,) the most probable class."""
        found: Ids = self.probabilities.argmax(axis=1)
        return found

    @property
    def accuracy(self) -> float:
        """How often that is the label."""
        return float((self.answers == self.labels).mean())


def out_of_fold(
    witness: Witness,
    folds: Sequence[tuple[Ids, Ids]],
    labels: Ids,
    classes: int,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> OutOfFold:
    """Ask each image of a model that was trained without its fold.

    folds   (training, held out) images of each
    labels  (all images,) class numbers; only those of the folds are looked at
    """
    ids = np.sort(np.concatenate([held for _, held in folds]))
    places = np.full(len(labels), -1, np.int64)
    places[ids] = np.arange(len(ids))
    probabilities = np.zeros((len(ids), classes))
    draw = np.random.default_rng(seed)
    chosen = np.zeros(len(ids), bool)
    chosen[draw.permutation(len(ids))[: witness.sample]] = True
    answers = {name: np.full(len(ids), -1, np.int64) for name in CHANGES}
    for number, (train, held) in enumerate(folds):
        answer = witness.learn(train, labels[train], classes, seed + number)
        told = [answer(given) for given in witness.inputs(held)]
        probabilities[places[held]] = torch.cat(told).double().numpy()
        some = held[chosen[places[held]]]
        for name, change in CHANGES.items():
            if len(some):
                told = [answer(given).argmax(1) for given in witness.inputs(some, change)]
                answers[name][places[some]] = torch.cat(told).numpy()
        if progress:
            progress(number + 1, len(folds))
    asked = np.flatnonzero(chosen)
    changed = {name: found[asked] for name, found in answers.items()}
    return OutOfFold(ids, labels[ids], probabilities, asked, witness.title, changed)
