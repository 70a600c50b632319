"""Grad-CAM side by side: images a second of vitreous, captum and pytorch-grad-cam, in turns.

    python benchmarks/explain.py [--network resnet18] [--batch 16] [--side 224] [--rounds 5]

The same network, images, layer and class in one process; medians over rounds that alternate, so
that whatever else the machine does falls on all of them. Maps are compared first: they are equal to
1e-4 of the largest value, or the benchmark stops. Peers: pip install captum grad-cam.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.explain.gradcam import coarse_gradcam
from vitreous.models import create

LAYERS = {"resnet18": "layer4", "efficientnet_lite0": "top", "vgg16": "conv5_3"}


def runners(model: nn.Module, layer: str, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    """What each library does for these images, by name: to maps (B, h, w), or scaled (B, H, W)."""
    label, module = 3, model.get_submodule(layer)
    found: dict[str, Callable[[], Tensor]] = {
        "vitreous": lambda: coarse_gradcam(model, images, label, layer=layer)
    }
    attr = optional("captum.attr")
    if attr is not None:
        captum = attr.LayerGradCam(model, module)
        found["captum"] = lambda: captum.attribute(images, target=label, relu_attributions=True)[
            :, 0
        ].detach()
    peer = optional("pytorch_grad_cam")
    if peer is not None:
        other = peer.GradCAM(model=model, target_layers=[module])
        targets = [itemgetter(label)] * len(images)
        found["pytorch-grad-cam"] = lambda: torch.from_numpy(other(images, targets))
    return found


# torchvision's wheel, which pytorch-grad-cam imports, looks for two operators of its own build.
TORCHVISION = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    TORCHVISION.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def optional(name: str) -> Any:
    """A peer, or None where it is not installed or does not import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception as error:
        print(f"{name} is left out: {error}")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet18", choices=LAYERS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    model = create(options.network).eval()
    images = torch.rand(options.batch, 3, options.side, options.side)
    images = images.to(memory_format=torch.channels_last)
    found = runners(model, LAYERS[options.network], images)
    if "captum" in found:
        ours, theirs = found["vitreous"](), found["captum"]()
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.max()))
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for number in range(options.rounds + 1):
        for name, work in found.items():
            start = time.perf_counter()
            work()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    print(f"\n{options.network}, {options.batch} × {options.side}², torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads\n")  # fmt: skip
    best = statistics.median(seconds["vitreous"])
    print("| library | images/s | vitreous is faster by |\n|---|---|---|")
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(f"| {name} | {options.batch / middle:.1f} | {middle / best:.2f} |")


if __name__ == "__main__":
    main()
