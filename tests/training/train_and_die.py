"""A training process that is killed at random moments and starts again from its checkpoints.

Called by test_kill.py:  python train_and_die.py FOLDER KILLS SEED, with 0 kills for the witness.
Prints the number of kills and a digest of everything that the run ends with.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from vitreous.data.batches.batch import Batch
from vitreous.training import checkpoint
from vitreous.training.average import Average
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.schedule import Schedule

STEPS = 60


def batches(start: int) -> list[Batch]:
    found = []
    for number in range(start, STEPS):
        generator = torch.Generator().manual_seed(number)
        images = torch.rand(8, 1, 8, 8, generator=generator)
        targets = torch.randint(0, 3, (8,), generator=generator)
        found.append(Batch(images, targets, torch.arange(8)))
    return found


def train(folder: Path) -> str:
    """Train to the end from whatever is there, saving after each step."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(288, 64), nn.Linear(64, 3),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    parts = {
        "model": model,
        "optimizer": optimizer("adamw", model),
        "average": Average(model, 0.9),
    }
    found = checkpoint.latest(folder)
    start = 0
    if found is not None:
        checkpoint.restore(found.state, **parts)
        start = found.step
    for step in fit(
        model,
        batches(start),
        nn.CrossEntropyLoss(reduction="none"),
        parts["optimizer"],
        Schedule("one_cycle", STEPS),
        average=parts["average"],
        first_step=start,
    ):
        checkpoint.save(folder, checkpoint.gather(**parts), step.number)
    return hashlib.sha256(checkpoint.encode(checkpoint.gather(**parts), STEPS)).hexdigest()


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    moments = random.Random(int(sys.argv[3]))
    torch.set_num_threads(1)
    happened = lives = 0
    longest = 0.02
    while True:
        lives += 1
        child = os.fork()  # torch is loaded once; with one thread a fork is safe
        if child == 0:
            (folder.parent / "digest").write_text(train(folder))
            os._exit(0)
        if happened < kills:
            time.sleep(moments.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            happened += 1
            longest *= 1.05  # so that a slow machine gets on, too
        elif os.WEXITSTATUS(status) or lives > 50 * (kills + 1):
            sys.exit("a life ended with an error")
        else:
            break
    print(happened, (folder.parent / "digest").read_text())


if __name__ == "__main__":
    main()
