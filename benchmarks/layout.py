"""Where does the time of a training step go, and in which layout and number format is it least?

    python benchmarks/layout.py [--batch 32] [--rounds 3] [--networks mlp lenet5 resnet18]
    ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/layout.py --formats float32

One thread; seconds of the processor of that thread, the least of the rounds, so that other programs
disturb less. `arithmetic` is the share of convolutions and products of matrices in the way that
vitreous takes (channels last); `peak` compares all multiply-accumulates of forward and backward
pass, three times those of an answer, with the most that a large product or convolution reaches in
the same number format.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from vitreous.models import create
from vitreous.trace.measure.cost import macs
from vitreous.training.optimizer import optimizer
from vitreous.training.precision import PRECISIONS, forward_context

NETWORKS = {  # name → side of the images
    "mlp": 28,
    "lenet5": 32,
    "convnet": 28,
    "airbench_small": 32,
    "resnet18": 64,
    "mobilenet_v2": 64,
    "efficientnet_lite0": 64,
    "vit_ti16": 64,
}
LAYOUTS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}
PROFILED = 8  # steps
ARITHMETIC = ("convolution", "addmm", "::mm", "::bmm", "linear", "attention")


class Training:
    """One network, ready to take steps."""

    def __init__(self, name: str, layout: str, batch: int) -> None:
        torch.manual_seed(0)
        side = NETWORKS[name]
        self.network = create(name, num_classes=10, size=side).train()
        channels = self.network.in_channels
        self.macs = macs(self.network, (channels, side, side))
        self.network.to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
        self.images = torch.rand(batch, channels, side, side).to(memory_format=LAYOUTS[layout])
        self.classes = torch.randint(0, 10, (batch,))
        self.method = optimizer("adamw", self.network)

    def step(self, precision: str) -> None:
        self.method.zero_grad()
        with forward_context(precision, "cpu"):
            outputs: Tensor = self.network(self.images)
        torch.autograd.backward(nn.functional.cross_entropy(outputs.float(), self.classes))
        self.method.step()

    def arithmetic(self, precision: str) -> float:
        """The share of the time of a step that convolutions and products of matrices take.

        Profiles have a clock and not the processor's time, so each operation counts with the least
        that it took in any of several steps.
        """
        steps: list[list[tuple[str, float]]] = []
        for _ in range(PROFILED):
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                self.step(precision)
            steps.append([(event.name, event.self_cpu_time_total) for event in seen.events()])
        times = [(one[0][0], min(time for _, time in one)) for one in zip(*steps, strict=True)]
        heavy = sum(time for name, time in times if any(word in name for word in ARITHMETIC))
        return heavy / sum(time for _, time in times)


def peak(precision: str, side: int = 1024, threads: int = 1) -> float:
    """The most multiply-accumulates a second that large products reach: of two square matrices, or
    of a convolution of 32 maps of 256 × 14². By the time of one thread, or the clock of several.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    kind = PRECISIONS[precision]
    one, other = (torch.rand(side, side, dtype=kind) for _ in range(2))
    maps, kernel = torch.rand(32, 256, 14, 14, dtype=kind), torch.rand(256, 256, 3, 3, dtype=kind)
    maps, kernel = (each.to(memory_format=torch.channels_last) for each in (maps, kernel))
    products: dict[int, Callable[[], Tensor]] = {
        side**3: lambda: one @ other,
        32 * 14**2 * 9 * 256**2: lambda: nn.functional.conv2d(maps, kernel, padding=1),
    }
    best = 0.0
    for count, product in products.items():
        for _ in range(20):
            start = clock()
            product()
            best = max(best, count / (clock() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument("--formats", nargs="+", choices=PRECISIONS, default=["float32", "bfloat16"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    best = {precision: peak(precision) for precision in arguments.formats}
    for precision, rate in best.items():
        print(f"peak in {precision}: {rate / 1e9:.0f} GMAC/s")
    print("| network | format | plain | channels last | arithmetic | peak |")
    print("|---|---|---|---|---|---|")
    for name in arguments.networks:
        runs = {layout: Training(name, layout, arguments.batch) for layout in LAYOUTS}
        for precision in arguments.formats:
            least = dict.fromkeys(LAYOUTS, float("inf"))
            for number in range(arguments.rounds + 1):
                for layout, run in runs.items():
                    start = time.thread_time()
                    run.step(precision)
                    if number:  # the first round warms up
                        least[layout] = min(least[layout], time.thread_time() - start)
            rates = [f"{arguments.batch / seconds:,.0f}" for seconds in least.values()]
            ours = runs["channels last"]
            reached = 3 * ours.macs * arguments.batch / least["channels last"] / best[precision]
            shares = f"{ours.arithmetic(precision):.0%} | {reached:.0%}"
            print(f"| {name} | {precision} | {' | '.join(rates)} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
