"""What does it bring to keep freed memory (`vitreous.heap`)? Answers and training steps with and
without, each in a process of its own, in turns.

    python benchmarks/heap.py [--rounds 3]

A figure is the median over the rounds of a process' median; `found` is memory that the system had
to find and zero, for one pass.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from training_peers import processor
from vitreous import heap
from vitreous.models import create
from vitreous.training.precision import Precision

CASES = [
    (what, name, batch, side, precision)
    for name, batch, side in (
        ("resnet18", 256, 32),
        ("resnet18", 32, 224),
        ("mobilenet_v2", 32, 128),
        ("efficientnet_lite0", 32, 224),
    )
    for what, precision in (
        ("answer", "float32"),
        ("step", "float32"),
        ("step", "bfloat16"),
    )
]
PASSES, WARM_UP = 10, 4


def passing(what: str, name: str, batch: int, side: int, precision: str) -> Callable[[], object]:
    network = create(name).to(memory_format=torch.channels_last)
    images = torch.rand(batch, 3, side, side).to(memory_format=torch.channels_last)
    targets = torch.randint(10, (batch,))
    if what == "answer":
        return torch.inference_mode()(lambda: network.eval()(images))
    optimizer = torch.optim.AdamW(network.parameters())

    def step() -> None:
        with Precision(precision).autocast():
            outputs = network(images)
        optimizer.zero_grad()
        nn.functional.cross_entropy(outputs.float(), targets).backward()
        optimizer.step()

    return step


def one(number: int, kept: bool) -> None:
    """Print the figures of one process."""
    if kept:
        heap.keep_freed()
    torch.manual_seed(0)
    run = passing(*CASES[number])
    seconds = []
    for turn in range(WARM_UP + PASSES):
        if turn == WARM_UP:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = (used.ru_minflt - before) * resource.getpagesize() / PASSES / 2**20
    print(json.dumps([1000 * median(seconds[WARM_UP:]), found, used.ru_maxrss / 1024]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    print(f"{processor()}; torch {torch.__version__}\n")
    print(
        "| pass | given back, ms | kept, ms | ratio | found, MiB, given back | kept"
        " | peak, MiB, given back | kept |\n|---|---|---|---|---|---|---|---|"
    )
    for number, (what, name, batch, side, precision) in enumerate(CASES):
        rounds: list[list[list[float]]] = []
        for _ in range(options.rounds):
            pair = []
            for kept in (0, 1):
                command = [sys.executable, __file__, "--one", str(number), str(kept)]
                pair.append(json.loads(subprocess.check_output(command)))
            rounds.append(pair)
        given, kept = (
            [median(each) for each in zip(*side, strict=True)] for side in zip(*rounds, strict=True)
        )
        ratios = [given[0] / kept[0] for given, kept in rounds]
        print(
            f"| {name}, {what} of {batch} × {side}², {precision} | {given[0]:,.0f} | {kept[0]:,.0f}"
            f" | {median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            f" | {given[1]:,.0f} | {kept[1]:,.0f} | {given[2]:,.0f} | {kept[2]:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
