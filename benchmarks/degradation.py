"""Deeper is not better, unless there are shortcuts: errors on the very images that were trained on.

    python benchmarks/degradation.py --data $VITREOUS_DATA/cifar-10-batches-bin

Plain and residual networks of 20 and 56 layers on the first images of CIFAR-10, each with the same
images, order and schedule (SGD, momentum 0.9, one-cycle, no augmentation). More layers could always
do what fewer do; whether training finds it is the question. He et al. (2016), arXiv:1512.03385,
figure 6. The figures of one seed vary by a few points on so few images.

Without shortcuts the deeper network ends with the higher error; with them, with the lower one, as
soon as it has had some 1,000 steps (`--images 10000 --epochs 12 --batch 100`).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from torch import nn

from vitreous.data.dataset import Part
from vitreous.data.formats.open import open as open_data
from vitreous.models import create

NETWORKS = ("plain20", "plain56", "resnet20", "resnet56")


def train(
    name: str, images: torch.Tensor, targets: torch.Tensor, epochs: int, batch: int, seed: int
) -> tuple[float, float]:
    """(loss, error) over all training images after the last epoch, in evaluation mode."""
    torch.manual_seed(seed)
    model = create(name).to(memory_format=torch.channels_last).train()
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(
        model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for chosen in order[: len(images) // batch * batch].split(batch):
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(images[chosen])
            loss = nn.functional.cross_entropy(logits.float(), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(part) for part in images.split(500)])
    wrong = (logits.argmax(1) != targets).double().mean().item()
    return nn.functional.cross_entropy(logits, targets).item(), wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "cifar-10-batches-bin"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    arguments = parser.parse_args()

    dataset = open_data(arguments.data)
    assert dataset.pixels is not None
    rows = (dataset.parts != Part.TEST).nonzero()[0][: arguments.images]
    images = torch.from_numpy(dataset.pixels[rows]).permute(0, 3, 1, 2) / 255
    images = images.contiguous(memory_format=torch.channels_last)
    targets = dataset.targets["class"].batch(rows)
    print(f"{'network':10}{'seed':>5}{'loss':>9}{'train error':>13}{'seconds':>9}")
    for seed in range(arguments.seeds):
        for name in arguments.networks:
            began = time.perf_counter()
            loss, wrong = train(name, images, targets, arguments.epochs, arguments.batch, seed)
            seconds = time.perf_counter() - began
            print(f"{name:10}{seed:5}{loss:9.3f}{wrong:12.1%} {seconds:8.0f}", flush=True)


if __name__ == "__main__":
    main()
