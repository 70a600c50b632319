"""Where does the time of a training step go, and in which layout and number format is it least?

    python benchmarks/layout.py [--batch 32] [--rounds 3] [--networks mlp lenet5 resnet18]
    ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/layout.py --formats float32

One thread; seconds of the processor of that thread, the least of the rounds, so that other programs
disturb less. `arithmetic` is the share of convolutions and products of matrices in the way that
vitreous takes (channels last); `peak` compares all multiply-accumulates of forward and backward
pass, three times those of an answer, with what a product of two large matrices reaches in the same
number format.
"""

from __future__ import annotations

import argparse
import time

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
        """The share of the time of one step that convolutions and products of matrices take."""
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            self.step(precision)
        times = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
        heavy = sum(t for key, t in times.items() if any(word in key for word in ARITHMETIC))
        return heavy / sum(times.values())


def peak(precision: str, side: int = 2048) -> float:
    """Multiply-accumulates a second of a product of two square matrices, the best of five."""
    one, other = (torch.rand(side, side, dtype=PRECISIONS[precision]) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        one @ other
        best = min(best, time.thread_time() - start)
    return side**3 / best


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
