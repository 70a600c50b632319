"""What do two processes with half of the cores each gain over one with all of them?

    python benchmarks/scale.py [--rounds 5] [--steps 5] [--terms FILE.json] [--picture FILE.png]

Whole training steps (AdamW, float32) of the same batch, in turns on the same machine: one process
with all threads while the other waits, then two with half of the threads and half of the batch
each. Efficiency is the time of one over the time of two: 1 means that dividing costs nothing, since
the cores are the same. The terms of the model in docs/scale.md are measured along with it: a step
of half a batch on half of the threads without any message, and the seconds of a sum over both
processes against its bytes, to which a latency and a rate are fitted. Medians, with the least and
the largest round in brackets.

Then the model is asked about more workers than there are here; `--terms` keeps what was measured,
and takes it from there when it is called again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from vitreous.data.batches.batch import Batch
from vitreous.distributed import ALONE, BUCKET, LAUNCHED, Ranks, cores, joined
from vitreous.models import create
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer

CASES = (("linear", 28, 1, 256), ("mlp", 28, 1, 256), ("convnet", 28, 1, 128),
         ("resnet18", 32, 3, 64))  # fmt: skip
SIZES = (1, 4 << 8, 4 << 12, 4 << 16, 4 << 20)  # numbers in a message
MESSAGES = (50, 50, 50, 10, 3)  # of each of these sizes
WORKERS = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = {"1 Gbit/s": (2e-4, 125e6), "10 Gbit/s": (5e-5, 1250e6)}
"""Seconds of latency and bytes a second of networks between machines: assumed, not measured."""


@dataclass(frozen=True)
class Terms:
    """What a step of one network consists of.

    one, two   seconds of a whole step by one process, and by two
    share      seconds of a step of half the batch on half of the cores, without messages
    gradients  bytes
    norms      layers of batch norm
    """

    name: str
    one: float
    two: float
    share: float
    ratios: tuple[float, float, float]
    gradients: int
    norms: int

    def messages(self, workers: int, latency: float, rate: float) -> float:
        """Seconds of a step's sums in a ring of so many workers."""
        if workers == 1:
            return 0.0
        count = 2 * self.norms + -(-self.gradients // BUCKET) + 1
        carried = 2 * (workers - 1) / workers * self.gradients / rate
        return carried + count * 2 * (workers - 1) * latency

    def step(self, workers: int, latency: float, rate: float, weak: bool = False) -> float:
        """Seconds of a step; weak: each worker has a batch of its own, and not a share of one."""
        return self.one / (1 if weak else workers) + self.messages(workers, latency, rate)


def fitted(sizes: list[int], times: list[float]) -> tuple[float, float]:
    """Latency and rate of 2 · latency + bytes / rate, the time of a sum over two, by least relative
    squares: in a ring of two, each sends half of the numbers twice.
    """
    weights = 1 / np.array(times)
    columns = np.stack([2 * weights, np.array(sizes) * weights], 1)
    (latency, slope), *_ = np.linalg.lstsq(columns, np.ones(len(times)), rcond=None)
    return float(latency), float(1 / slope)


def seconds(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def network(case: tuple[str, int, int, int]) -> nn.Module:
    name, size, channels, _ = case
    torch.manual_seed(0)
    return create(name, num_classes=10, in_channels=channels, size=size)


def stepping(case: tuple[str, int, int, int], ranks: Ranks, share: Ranks) -> Callable[[], object]:
    """Takes a step at each call. share: what part of the batch is taken, also where alone."""
    _, size, channels, examples = case
    model = network(case)
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
        numbers = [torch.zeros(size) for size in SIZES]
        times: list[list[float]] = [[] for _ in SIZES]
        for _ in range(rounds):
            for place_of, many, each in zip(times, MESSAGES, numbers, strict=True):
                ranks.wait()
                place_of.append(seconds(lambda each=each: ranks.add_up([each]), many))
        if rank == 0:
            told.put([median(each) for each in times])
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
                model = network(case)
                told.put(
                    Terms(
                        name=f"{case[0]}, {case[1]}², batch {case[3]}",
                        **{name: median(each) for name, each in found.items()},
                        ratios=(median(ratios), min(ratios), max(ratios)),
                        gradients=4 * sum(p.numel() for p in model.parameters()),
                        norms=sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()),
                    )
                )
        ranks.wait()
        if rank == 0:
            told.put(None)


def measured(rounds: int, steps: int) -> dict[str, Any]:
    """Everything that is measured here, as plain values."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as place:
        pair = [
            context.Process(target=work, args=(rank, place, rounds, steps, told))
            for rank in range(2)
        ]
        for process in pair:
            process.start()
        found: dict[str, Any] = {"torch": torch.__version__, "cores": cores()}
        found["messages"], found["cases"] = told.get(), []
        while (terms := told.get()) is not None:
            print(terms, flush=True)
            found["cases"].append(asdict(terms))
        for process in pair:
            process.join()
    return found


def tables(found: dict[str, Any]) -> None:
    """Print what was measured, and what the model makes of it."""
    latency, rate = fitted([4 * size for size in SIZES], found["messages"])
    cases = [Terms(**each) for each in found["cases"]]
    print(f"\ntorch {found['torch']}, {found['cores']} cores; a sum over two processes:\n")
    print("| bytes | ms | fitted |\n|---|---|---|")
    for size, time_of in zip(SIZES, found["messages"], strict=True):
        fit_of = 2 * latency + 4 * size / rate
        print(f"| {4 * size:,} | {time_of * 1e3:.2f} | {fit_of * 1e3:.2f} |")
    print(f"\nlatency {latency * 1e6:.0f} µs, rate {rate / 1e9:.2f} GB/s\n")
    print("| network | one process, ms | two, ms | a share alone, ms | modeled, ms | efficiency |")
    print("|---|---|---|---|---|---|")
    for case in cases:
        modeled = case.share + case.messages(2, latency, rate)
        times = " | ".join(
            f"{each * 1e3:.1f}" for each in (case.one, case.two, case.share, modeled)
        )
        ratio, least, most = case.ratios
        print(f"| {case.name} | {times} | {ratio:.2f} ({least:.2f}–{most:.2f}) |")
    for name, terms in NETWORKS.items():
        print(f"\n{name}: how many times as fast (share of the ideal where each has a batch)\n")
        print("| network |" + "".join(f" {count} |" for count in WORKERS[1:]))
        print("|---|" + "---|" * len(WORKERS[1:]))
        for case in cases:
            cells = [
                f" {case.one / case.step(count, *terms):.2g} "
                f"({case.one / case.step(count, *terms, weak=True):.0%}) |"
                for count in WORKERS[1:]
            ]
            print(f"| {case.name} |" + "".join(cells))


def picture(found: dict[str, Any], path: Path) -> None:
    """Computing and messages of a step against the number of workers, for each network."""
    from matplotlib import pyplot

    cases = [Terms(**each) for each in found["cases"]]
    figure, places = pyplot.subplots(1, len(cases), figsize=(12, 3.4), sharey=True)
    for axes, case in zip(places, cases, strict=True):
        computing = [1e3 * case.one / count for count in WORKERS]
        axes.loglog(WORKERS, computing, "o-", label="computing")
        for name, terms in NETWORKS.items():
            messages = [1e3 * case.messages(count, *terms) for count in WORKERS[1:]]
            axes.loglog(WORKERS[1:], messages, "s--", label=f"messages, {name}")
        axes.set_title(case.name.partition(",")[0])
        axes.set_xlabel("workers")
        axes.set_xticks(WORKERS, map(str, WORKERS))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    places[0].set_ylabel("milliseconds of a step")
    places[-1].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--terms", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.terms and options.terms.exists():
        found = json.loads(options.terms.read_text("utf-8"))
    else:
        found = measured(options.rounds, options.steps)
        if options.terms:
            options.terms.write_text(json.dumps(found), "utf-8")
    tables(found)
    if options.picture:
        picture(found, options.picture)


if __name__ == "__main__":
    main()
