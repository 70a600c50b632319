"""What do two processes with half of the cores each gain over one with all of them?

    python benchmarks/scale.py [--rounds 5] [--steps 5]

Whole training steps (AdamW, float32) of the same batch, in turns on the same machine: one process
with all threads while the other waits, then two with half of the threads and half of the batch
each. Efficiency is the time of one over the time of two: 1 means that dividing costs nothing, since
the cores are the same. The terms of the model in docs/scale.md are measured along with it: a step
of half a batch on half of the threads without any message, the time of an empty message, and the
bytes a second of a sum over both. Medians, with the least and the largest round in brackets.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F

from vitreous.data.batches.batch import Batch
from vitreous.distributed import ALONE, LAUNCHED, Ranks, cores, joined
from vitreous.models import create
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer

CASES = (("mlp", 28, 1, 256), ("convnet", 28, 1, 128), ("resnet18", 32, 3, 64),
         ("efficientnet_lite0", 96, 3, 32))  # fmt: skip
MESSAGES, LARGE = 50, 4 << 20  # sums without content, and numbers of a large one


def seconds(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def stepping(case: tuple[str, int, int, int], ranks: Ranks, share: Ranks) -> Callable[[], object]:
    """Takes a step at each call. share: what part of the batch is taken, also where alone."""
    name, size, channels, examples = case
    torch.manual_seed(0)
    model = create(name, num_classes=10, in_channels=channels)
    images = torch.rand(examples, channels, size, size).to(memory_format=torch.channels_last)
    targets = {"class": torch.randint(10, (examples,))}
    batch = Batch(images, targets, torch.arange(examples))
    part = batch.part(share.share(examples)) if share.size > 1 else batch

    def batches() -> Any:
        while True:
            yield part

    steps = fit(
        model,
        batches(),
        lambda outputs, wanted: F.cross_entropy(outputs, wanted["class"], reduction="none"),
        optimizer("adamw", model),
        lambda number: 1.0,
        ranks=ranks,
    )
    return lambda: next(steps)


def work(rank: int, place: str, rounds: int, steps: int, told: Any) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ |= {"LOCAL_WORLD_SIZE": "2", LAUNCHED: place}
    whole, half = cores(), max(1, cores() // 2)
    with joined() as ranks:
        torch.set_num_threads(half)
        empty, large = torch.zeros(1), torch.zeros(LARGE)
        latency, summing = [], []
        for _ in range(rounds):
            ranks.wait()
            latency.append(seconds(lambda: ranks.add_up([empty]), MESSAGES))
            summing.append(seconds(lambda: ranks.add_up([large]), 3))
        if rank == 0:
            rate = 4 * LARGE / median(summing) / 1e9
            told.put(f"message {median(latency) * 1e3:.2f} ms, sum {rate:.2f} GB/s")
        for case in CASES:
            one, two = stepping(case, ALONE, ALONE), stepping(case, ranks, ranks)
            share = stepping(case, ALONE, ranks)
            found: dict[str, list[float]] = {"one": [], "two": [], "share": []}
            for number in range(rounds + 1):
                ranks.wait()
                if rank == 0:
                    torch.set_num_threads(whole)
                    alone = seconds(one, steps)
                    torch.set_num_threads(half)
                ranks.wait()
                together = seconds(two, steps)
                ranks.wait()
                apart = seconds(share, steps)  # both at once, as the cores are shared
                if rank == 0 and number:  # the first round warms up
                    for name, value in zip(found, (alone, together, apart), strict=True):
                        found[name].append(value)
            if rank == 0:
                ratios = [a / b for a, b in zip(found["one"], found["two"], strict=True)]
                times = " | ".join(f"{median(each) * 1e3:.1f}" for each in found.values())
                spread = f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
                told.put(f"| {case[0]}, {case[1]}², batch {case[3]} | {times} | {spread} |")
        ranks.wait()
        if rank == 0:
            told.put(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as place:
        pair = [
            context.Process(target=work, args=(rank, place, options.rounds, options.steps, told))
            for rank in range(2)
        ]
        for process in pair:
            process.start()
        print(f"torch {torch.__version__}, {cores()} cores; {told.get()}\n")
        print("| network | one process, ms | two, ms | a share alone, ms | efficiency |")
        print("|---|---|---|---|---|")
        while (line := told.get()) is not None:
            print(line, flush=True)
        for process in pair:
            process.join()


if __name__ == "__main__":
    main()
