"""Does `--compile` pay on a CPU, and how long does it take to compile?

    python benchmarks/compile.py [--rounds 12] [--models convnet vit_ti16]

Whole training steps (AdamW) of a plain and of a compiled network in turns, on one thread, measured
by the processor time of this process; the least of the rounds counts. The ratio is that of plain to
compiled: above 1, compiling pays.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch.nn.functional import cross_entropy

import vitreous as vt
from vitreous.models import fitting_size
from vitreous.training.compiler import compiled
from vitreous.training.optimizer import optimizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--models", nargs="+", default=["lenet5", "convnet", "resnet20"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'network':20} {'plain':>9} {'compiled':>9} {'ratio':>6} {'compiling':>10}")
    for name in options.models:
        size = fitting_size(name, 32)
        network = vt.create(name, num_classes=10, in_channels=3, size=size)
        network = network.to(memory_format=torch.channels_last).train()
        images = torch.rand(64, 3, size, size).to(memory_format=torch.channels_last)
        targets = torch.randint(0, 10, (64,))
        method = optimizer("adamw", network)
        calls = {"plain": network, "compiled": compiled(network)}

        def step(call, images=images, targets=targets, method=method) -> float:
            start = time.process_time()
            method.zero_grad()
            cross_entropy(call(images), targets).backward()
            method.step()
            return time.process_time() - start

        began = time.perf_counter()
        step(calls["compiled"])
        compiling = time.perf_counter() - began
        least = dict.fromkeys(calls, float("inf"))
        for _ in range(options.rounds):
            for kind, call in calls.items():
                least[kind] = min(least[kind], step(call))
        plain, quick = least.values()
        print(
            f"{name:20} {1e3 * plain:6.1f} ms {1e3 * quick:6.1f} ms {plain / quick:6.2f} "
            f"{compiling:8.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
