"""From what size on does a network train faster in bfloat16 on a CPU?

    python benchmarks/precision.py [--rounds 12]

The answer is `WORTH_BFLOAT16` in vitreous/training/precision.py, if bfloat16 pays at all, which
vitreous/training/processor.py measures. Plain convolutional networks of
growing width take whole training steps (AdamW) in both formats in turns, on one thread, measured by
the processor time of that thread; the least of the rounds counts. On a processor with AVX-512
bfloat16 instructions, shared with other programs:

    network         MMAC   float32   bfloat16   ratio
    LeNet-5          0.4     7.5 ms     6.3 ms   1.20
    width 8, 32²     2.0    27.9       17.3      1.61
    width 8, 64²     8.0    38.1       30.4      1.25
    width 16, 28²    5.8    31.3       22.3      1.40
    width 16, 32²    7.5    52.2       29.2      1.79
    width 32, 28²   22.4    95.8       57.0      1.68
    width 32, 32²   29.2   145.1       74.9      1.94
    width 64, 32²  115.0   477.0      246.2      1.94
    width 32, 64²  116.8   327.1      164.9      1.98

By the clock, on two idle cores with what is freed kept (`vitreous.heap`), LeNet-5 gains nothing
(0.94 to 1.00), `convnet` with 2.7 MMAC 1.20 to 1.29, and with 3.9 MMAC 1.27 to 1.35.

An Intel Xeon whose matrix unit (AMX) a virtual machine hides, though not avx512_bf16, has ratios of
0.72 to 1.05 over all of these networks.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import nn

from vitreous.trace.measure.cost import macs
from vitreous.training.precision import forward_context


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    kernel = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(outputs), nn.ReLU())


def plain(width: int) -> nn.Sequential:
    return nn.Sequential(
        convolution(3, width), convolution(width, width), nn.MaxPool2d(2),
        convolution(width, 2 * width), convolution(2 * width, 2 * width), nn.MaxPool2d(2),
        convolution(2 * width, 4 * width), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4 * width, 10),
    )  # fmt: skip


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cases = [("LeNet-5", lenet(), 32)]
    cases += [(f"width {w}, {s}²", plain(w), s) for w in (8, 16, 32, 64) for s in (28, 32, 64)]
    print(f"{'network':14} {'MMAC':>6} {'float32':>9} {'bfloat16':>9} {'ratio':>6}")
    for name, model, size in cases:
        model = model.to(memory_format=torch.channels_last)
        images = torch.rand(64 if size <= 32 else 32, 3, size, size)
        images = images.to(memory_format=torch.channels_last)
        targets = torch.randint(0, 10, (len(images),))
        method = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
        least = {"float32": float("inf"), "bfloat16": float("inf")}
        for _ in range(rounds):
            for precision in least:
                start = time.thread_time()
                method.zero_grad()
                with forward_context(precision, "cpu"):
                    outputs = model(images)
                nn.functional.cross_entropy(outputs.float(), targets).backward()
                method.step()
                least[precision] = min(least[precision], time.thread_time() - start)
        work = macs(model, (3, size, size)) / 1e6
        full, half = least["float32"] * 1e3, least["bfloat16"] * 1e3
        print(f"{name:14} {work:6.1f} {full:6.1f} ms {half:6.1f} ms {full / half:6.2f}", flush=True)


if __name__ == "__main__":
    main()
