"""A training step of our networks beside torchvision's and timm's, in the same loop and process.

    python benchmarks/zoo_step.py --rounds 5

64 images of 3 × 64 × 64, SGD with momentum, channels last, float32. Both networks step in turn,
round after round; printed are the medians and the ratio pair by pair (above 1: ours is faster).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from peers import torchvision
from vitreous.models import create


def theirs(name: str) -> nn.Module:
    """timm's vision transformer, torchvision's other networks."""
    peer = torchvision()  # timm needs it, too
    if name == "vit_ti16":
        import timm

        made: nn.Module = timm.create_model("vit_tiny_patch16_224", img_size=64)
    else:
        made = getattr(peer.models, name)()
    return made


def stepper(network: nn.Module) -> Callable[[], None]:
    """One step of training on the same random images each time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 3, 64, 64, generator=generator)
    images = images.to(memory_format=torch.channels_last)
    targets = torch.randint(1000, (64,), generator=generator)
    network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(images), targets).backward()
        optimizer.step()

    step()  # memory and kernels are chosen in the first one
    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| network | ours, ms | theirs, ms | theirs / ours |")
    print("|---|---|---|---|")
    for name in ("resnet18", "mobilenet_v2", "vit_ti16", "efficientnet_b0"):
        steps = stepper(create(name, size=64)), stepper(theirs(name))
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(options.rounds):
            for step, found in zip(steps, times, strict=True):
                began = time.perf_counter()
                step()
                found.append(time.perf_counter() - began)
        ratio = median(b / a for a, b in zip(*times, strict=True))
        ours, peer = (1000 * median(found) for found in times)
        print(f"| {name} | {ours:.0f} | {peer:.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
