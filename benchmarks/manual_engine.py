"""How much slower is training by hand than by autograd?

Full steps (forward, backward, optimizer) of MLP and LeNet-5 on random digits, both engines in turn
in one process, so that whatever else the machine does hits both. The ratio of the medians is what
counts; at most 1.5 is promised.

    python benchmarks/manual_engine.py [steps]
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from torch import nn

from vitreous.backprop.layers import SoftmaxCrossEntropy
from vitreous.backprop.translate.twin import manual_gradients, twin
from vitreous.models import create


def seconds(model: nn.Module, manual: bool, images: torch.Tensor, targets: torch.Tensor) -> object:
    """A function that takes one training step and returns its duration."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    by_hand, loss = twin(model), SoftmaxCrossEntropy()

    def step() -> float:
        start = time.perf_counter()
        optimizer.zero_grad()
        if manual:
            manual_gradients(by_hand, loss, images, targets)
        else:
            nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
        return time.perf_counter() - start

    return step


def main(steps: int) -> None:
    print("| network | batch | autograd ms | by hand ms | ratio |")
    print("|---|---|---|---|---|")
    for name in ("mlp", "lenet5"):
        for batch in (64, 256):
            model = create(name, num_classes=10, in_channels=1, size=28)
            images = torch.rand(batch, 1, 28, 28).contiguous(memory_format=torch.channels_last)
            targets = torch.randint(10, (batch,))
            times: dict[bool, list[float]] = {False: [], True: []}
            step = {manual: seconds(model, manual, images, targets) for manual in times}
            for number in range(steps + 5):
                for manual in times:
                    taken = step[manual]()
                    if number >= 5:  # after warming up
                        times[manual].append(taken)
            auto, hand = (1e3 * statistics.median(times[manual]) for manual in (False, True))
            print(f"| {name} | {batch} | {auto:.2f} | {hand:.2f} | {hand / auto:.2f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
