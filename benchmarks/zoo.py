"""Does every family of networks learn with its defaults? The smallest variants of each on MNIST.

    python benchmarks/zoo.py --data $VITREOUS_DATA/mnist

Each is trained by `vt.train` with nothing but its name on the first images of MNIST, 15 % of which
are held out for choosing the epoch, and is measured on the whole test set. A linear network ends
near 90 %; any other one below 95 % has a default that does not suit it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import vitreous as vt
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.formats.open import open as open_data
from vitreous.files import read_yaml

NETWORKS = (
    "linear", "mlp", "mlp_residual", "lenet5_1998", "lenet5", "convnet", "resnet20", "resnet18",
    "mobilenet_v2_050", "mobilenet_v1", "efficientnet_lite0", "efficientnet_b0", "densenet121",
    "googlenet_bn", "googlenet", "vit_nano4", "vit_ti16", "plain20", "alexnet", "vgg11_bn", "vgg11",
    "nin_cifar",
)  # fmt: skip


def first_images(data: str, count: int) -> ArrayDataset:
    """The first `count` training images and all test images."""
    whole = open_data(data)
    assert whole.pixels is not None
    test = np.flatnonzero(whole.parts == Part.TEST)
    rows = np.concatenate([np.flatnonzero(whole.parts != Part.TEST)[:count], test])
    parts = whole.parts[rows]
    targets = {name: column.take(rows) for name, column in whole.targets.items()}
    return ArrayDataset("mnist", whole.pixels[rows], targets, parts=parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "mnist"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, help="default: that of the recipe")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    options = parser.parse_args()
    dataset = first_images(options.data, options.images)
    print("| network | parameters | pixels | rate | test accuracy | seconds |")
    print("|---|---|---|---|---|---|")
    for name in options.networks:
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            run = vt.train(dataset, model=name, epochs=options.epochs, out=f"{place}/run")
            seconds = time.perf_counter() - began
            rate = read_yaml(run.folder.recipe)["recipe"]["lr"]
        parameters = sum(p.numel() for p in run.model.model.parameters())
        print(
            f"| {name} | {parameters:,} | {run.model.contract.height} | {rate:g}"
            f" | {run.scores['test'].accuracy:.2%} | {seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
