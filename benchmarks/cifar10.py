"""CIFAR-10 to 94 %: `--recipe speedrun` as a whole command, against two ways written by hand.

    python benchmarks/cifar10.py [--seeds 1] [--first-seed 0] [--time 4m] [--steps 8] [--hand-only]

The peers are the same network and method as plain float32 PyTorch writes it, and ResNet-18 in its
usual form for small images (He et al. 2016; 3 × 3 stem, no pooling), 200 epochs of batches of 128.
Their steps are timed, and the rest of their epochs is extrapolated, as hours would be needed; what
accuracy they reach is not measured here. With `--time` the default recipe gets that time instead.
Two per cent of the training images are held out, so that 49,000 remain.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from mnist import timed
from vitreous.models import create
from vitreous.training.processor import processor

IMAGES, HELD = 50_000, 0.02
TRAINED = round(IMAGES * (1 - HELD))


def airbench() -> nn.Module:
    return create("airbench94")


def resnet() -> nn.Module:
    network = create("resnet18", num_classes=10)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


PEERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "airbench94 in plain float32 PyTorch": (airbench, 1024, 12),
    "ResNet-18 as usually trained": (resnet, 128, 200),
}
"""Name: network, batch and epochs."""


def seconds_by_hand(network: nn.Module, batch: int, steps: int) -> float:
    """Of a training step in the median: a moved and mirrored batch, Nesterov's momentum."""
    learned = [each for each in network.parameters() if each.requires_grad]
    method = torch.optim.SGD(learned, 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    pixels, labels = torch.rand(4 * batch, 3, 32, 32), torch.randint(0, 10, (4 * batch,))
    found = []
    for step in range(steps + 1):
        began = time.perf_counter()
        chosen = torch.randperm(len(pixels))[:batch]
        top, left = torch.randint(0, 5, (2,)).tolist()
        images = F.pad(pixels[chosen], (2, 2, 2, 2), "reflect")[..., top : top + 32, left:][
            ..., :32
        ]
        images = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, images.flip(3), images)
        method.zero_grad()
        F.cross_entropy(network(images), labels[chosen], label_smoothing=0.2).backward()
        method.step()
        if step:
            found.append(time.perf_counter() - began)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "cifar-10-batches-bin"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--time", help="for the default recipe, such as 4m")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--hand-only", action="store_true")
    options = parser.parse_args()
    asked = ["--time", options.time] if options.time else ["--recipe", "speedrun"]
    print(f"{processor()}, {torch.get_num_threads()} threads\n")
    print("| | minutes | test accuracy | peak memory, MiB |\n|---|---|---|---|", flush=True)
    last = options.first_seed + (0 if options.hand_only else options.seeds)
    for seed in range(options.first_seed, last):
        with tempfile.TemporaryDirectory() as place:
            train = [str(Path(sys.executable).parent / "vitreous"), "train", options.data, *asked]
            flags = ["--seed", str(seed), "--out", f"{place}/run", "--json", "--quiet"]
            seconds, memory, told = timed(
                [*train, *flags, "--validation", str(HELD)], VITREOUS_CACHE=f"{place}/cache"
            )
        accuracy = told["scores"]["test"]["accuracy"]
        name = f"vitreous train {' '.join(asked)}, seed {seed}"
        print(f"| {name} | {seconds / 60:.1f} | {accuracy:.2%} | {memory:.0f} |", flush=True)
    for name, (build, batch, epochs) in PEERS.items():
        torch.manual_seed(0)
        steps = epochs * TRAINED / batch
        minutes = seconds_by_hand(build(), batch, options.steps) * steps / 60
        print(
            f"| {name}, {epochs} epochs, extrapolated | {minutes:.0f} | not trained | |", flush=True
        )


if __name__ == "__main__":
    main()
