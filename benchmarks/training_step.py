"""What does the training loop cost beside the same loop written by hand?

    python benchmarks/training_step.py [--steps 300] [--rounds 7] [--threads 1]

LeNet-5 on 64 images of 28 × 28, Adam, one-cycle: about 3 ms a step, so that anything done in Python
per step shows. Both loops run in turns in one process, on the same tensors; each figure is the
median of the rounds, and the ratio that of the medians. `thread_time` counts the processor time of
this thread alone, so that other programs disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vitreous.data.batches.batch import Batch
from vitreous.losses import cross_entropy
from vitreous.training.average import Average
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.schedule import Schedule


def lenet() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def per_example(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    return cross_entropy(logits, targets["class"], reduction="none")


def by_hand(model: nn.Module, batches: list[Batch]) -> None:
    method = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(method, 1e-3, len(batches))
    for batch in batches:
        method.zero_grad()
        nn.functional.cross_entropy(model(batch.images), batch.targets["class"]).backward()
        method.step()
        schedule.step()


def by_fit(model: nn.Module, batches: list[Batch], **options: object) -> None:
    method = optimizer("adam", model)
    for _ in fit(
        model, batches, per_example, method, Schedule("one_cycle", len(batches)), **options
    ):
        pass


def with_everything(model: nn.Module, batches: list[Batch]) -> None:
    by_fit(model, batches, average=Average(model), clip=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    images = torch.rand(64, 1, 28, 28).to(memory_format=torch.channels_last)
    batch = Batch(images, {"class": torch.randint(0, 10, (64,))}, torch.arange(64))
    batches = [batch] * arguments.steps
    loops: dict[str, Callable[[nn.Module, list[Batch]], None]] = {
        "by hand": by_hand,
        "fit": by_fit,
        "fit, average and clipping": with_everything,
    }
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(arguments.rounds + 1):
        for name, loop in loops.items():
            model = lenet()
            start = clock()
            loop(model, batches)
            if number:  # the first round warms up
                spent[name].append((clock() - start) / arguments.steps)
    baseline = statistics.median(spent["by hand"])
    print("| loop | ms a step | ÷ by hand |\n|---|---|---|")
    for name, times in spent.items():
        median = statistics.median(times)
        print(f"| {name} | {median * 1e3:.3f} | {median / baseline:.3f} |")


if __name__ == "__main__":
    main()
