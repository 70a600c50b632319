"""A training step of our networks beside the same architecture in torchvision and timm.

    python benchmarks/networks.py [--rounds 7] [--batch 64] [--size 64] [--threads 2]

Each pair takes the same step (forward, cross-entropy, backward, SGD with momentum) on the same
images, in turns in one process, both channels-last. Each figure is the fastest of the rounds, since
anything else that the machine does only adds; the ratio is theirs to ours: above 1, ours is faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import peers
from vitreous.models import create

PAIRS: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": lambda size: peers.torchvision().models.resnet18(weights=None),
    "mobilenet_v2": lambda size: peers.torchvision().models.mobilenet_v2(weights=None),
    "vit_ti16": lambda size: peers.timm().create_model("vit_tiny_patch16_224", img_size=size),
    "efficientnet_b0": lambda size: peers.torchvision().models.efficientnet_b0(weights=None),
}


def stepper(model: nn.Module, images: Tensor, targets: Tensor) -> Callable[[], float]:
    """A function that takes one training step and returns its seconds."""
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)

    def step() -> float:
        began = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
        return time.perf_counter() - began

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    shape = arguments.batch, 3, arguments.size, arguments.size
    images = torch.rand(shape).to(memory_format=torch.channels_last)
    targets = torch.randint(0, 1000, (arguments.batch,))
    print(f"{'network':18}{'ours':>12}{'theirs':>12}{'ratio':>8}")
    for name, peer in PAIRS.items():
        ours = stepper(create(name, size=arguments.size), images, targets)
        theirs = stepper(peer(arguments.size), images, targets)
        times = [(ours(), theirs()) for _ in range(arguments.rounds + 1)][1:]
        mine, other = (min(column) for column in zip(*times, strict=True))
        print(f"{name:18}{mine * 1e3:9.1f} ms{other * 1e3:9.1f} ms{other / mine:8.2f}")


if __name__ == "__main__":
    main()
