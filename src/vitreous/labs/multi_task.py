"""Multi-task loss: the share α in α S + (1 − α) R, chosen by a score and not by the loss itself.

S tells how badly a class is named and R how badly its box is placed. They have units of their own,
so the loss of one α says nothing beside that of another: it is least where the easier of the two is
all that counts. What is wanted is both, and localization accuracy asks for both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitreous.data.boxes import Boxes
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.metrics.localization import LocalizationScores
from vitreous.progress.progress import silent
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import measure
from vitreous.runs.interrupt import Interrupt
from vitreous.runs.job import prepare
from vitreous.runs.run_stages import learn, read_images
from vitreous.runs.setup import build

ALPHAS = (0.0, 0.1, 0.5, 0.9, 1.0)
NAMES = ("red", "green", "blue")
SIDE, COUNT, EPOCHS = 20, 160, 12


@dataclass(frozen=True)
class Trial:
    """What came of one α, on images that were not learned from."""

    alpha: float
    scores: LocalizationScores


def blocks(count: int = COUNT) -> Dataset:
    """A colored block on noise in each image, with its box."""
    random = np.random.default_rng(0)
    images = random.integers(0, 80, (count, SIDE, SIDE, 3), dtype=np.uint8)
    boxes = []
    for number, image in enumerate(images):
        width, height = random.integers(6, 12, 2)
        x, y = random.integers(0, SIDE - width), random.integers(0, SIDE - height)
        image[y : y + height, x : x + width, number % 3] += 100
        boxes.append(np.array([[x, y, x + width, y + height, number % 3]]))
    return ArrayDataset("blocks", images, {"box": Boxes.of(boxes, NAMES)})


def sweep(
    data: object, alphas: Sequence[float] = ALPHAS, *, epochs: int = EPOCHS
) -> Iterator[Trial]:
    """Train once for each α, and measure on the validation part; the test part stays unseen.

    data  whatever `vt.open` takes, with one box an image
    """
    progress = silent()
    for alpha in alphas:
        with tempfile.TemporaryDirectory() as place, Interrupt() as interrupt:
            job = prepare(data, progress=progress, task="locate", alpha=alpha, epochs=epochs)
            folder = RunFolder.create("trial", Path(place) / "trial")
            job.write(folder)
            setup = build(job, read_images(job, folder, progress), progress)
            history = learn(setup, folder, progress, interrupt)
            found = measure(setup, setup.bundle(history), progress, parts=(Part.VALIDATION,))
        scores = found.scores["validation"]
        assert isinstance(scores, LocalizationScores)
        yield Trial(alpha, scores)


def best(trials: Sequence[Trial]) -> Trial:
    """The one with the best localization accuracy; of equals, that with the best mean IoU."""
    return max(trials, key=lambda trial: (trial.scores.accuracy, trial.scores.mean_iou))
