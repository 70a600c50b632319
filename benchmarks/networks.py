"""A training step of our networks beside the same architecture in torchvision and timm.

    python benchmarks/networks.py [--rounds 7] [--batch 64] [--size 64] [--threads 2]

Each pair takes the same step (forward, cross-entropy, backward, SGD with momentum) on the same
images, in turns in one process, both channels-last. Each figure is the fastest of the rounds, since
anything else that the machine does only adds; the ratio is theirs to ours: above 1, ours is faster.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn

import peers
from vitreous.models import create


def torchvision_models() -> ModuleType:
    peers.torchvision()
    return importlib.import_module("torchvision.models")


def timm() -> ModuleType:
    peers.torchvision()  # timm imports it
    return importlib.import_module("timm")


PAIRS: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": lambda size: torchvision_models().resnet18(weights=None),
    "mobilenet_v2": lambda size: torchvision_models().mobilenet_v2(weights=None),
    "vit_ti16": lambda size: timm().create_model("vit_tiny_patch16_224", img_size=size),
    "efficientnet_b0": lambda size: torchvision_models().efficientnet_b0(weights=None),
}


def stepper(
    model: nn.Module, images: Tensor, targets: Tensor, clock: Callable[[], float]
) -> Callable[[], float]:
    """A function that takes one training step and returns its seconds."""
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)

    def step() -> float:
        began = clock()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
        return clock() - began

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    # On one thread, the time that this process was given: other programs disturb it less.
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    shape = arguments.batch, 3, arguments.size, arguments.size
    images = torch.rand(shape).to(memory_format=torch.channels_last)
    targets = torch.randint(0, 1000, (arguments.batch,))
    print("| network | ours, ms | theirs, ms | ratio |\n|---|---|---|---|")
    for name, peer in PAIRS.items():
        ours = stepper(create(name, size=arguments.size), images, targets, clock)
        theirs = stepper(peer(arguments.size), images, targets, clock)
        times = [(ours(), theirs()) for _ in range(arguments.rounds + 1)][1:]
        mine, other = (min(column) for column in zip(*times, strict=True))
        print(f"| {name} | {mine * 1e3:.0f} | {other * 1e3:.0f} | {other / mine:.2f} |", flush=True)


if __name__ == "__main__":
    main()
