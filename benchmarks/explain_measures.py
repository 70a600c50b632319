"""Explanations measured: agreement with Quantus, boxes from names alone.

    python benchmarks/explain_measures.py [quantus] [boxes] [--bccd FOLDER]

Without a name, all of them. Quantus is a peer: pip install quantus. BCCD is looked for in
$VITREOUS_DATA/bccd. CPU seconds stand beside what they were spent on.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.explain import METHODS
from vitreous.explain.certificate.deletion import curves
from vitreous.explain.certificate.randomized_weights import randomized, rank_correlation
from vitreous.explain.certificate.stability import RADIUS, max_sensitivity
from vitreous.explain.heat_box import heat_box
from vitreous.metrics.interval import wilson
from vitreous.models.convnet import ConvNet

SIDE = 32


def patterns(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise with one object, whose stripes tell its class: (B, 1, 32, 32), labels, boxes (B, 4)."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.5 + 0.15 * torch.randn(count, 1, SIDE, SIDE, generator=generator)
    labels = torch.randint(4, (count,), generator=generator)
    sides = torch.randint(9, 17, (count, 2), generator=generator)
    boxes = torch.zeros(count, 4)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    stripes = [(each // 2 % 2) * 1.0 for each in (y, x, x + y, x - y)]
    for number, (label, (height, width)) in enumerate(
        zip(labels.tolist(), sides.tolist(), strict=True)
    ):
        top = int(torch.randint(SIDE - height, (1,), generator=generator))
        left = int(torch.randint(SIDE - width, (1,), generator=generator))
        place = slice(top, top + height), slice(left, left + width)
        images[number, 0][place] += 0.5 * (stripes[label][place] - 0.5)
        boxes[number] = torch.tensor([left, top, left + width, top + height])
    return images.clamp(0, 1), labels, boxes


def trained(
    model: nn.Module, images: Tensor, labels: Tensor, epochs: int, rate: float = 5e-3
) -> nn.Module:
    optimizer = torch.optim.AdamW(model.train().parameters(), rate)
    generator = torch.Generator().manual_seed(0)
    steps = epochs * len(images.split(64))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).split(64):
            loss = F.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def quantus() -> None:
    """Where the definitions agree, on the same maps with the same noise."""
    from quantus.functions.similarity_func import correlation_spearman
    from quantus.metrics.faithfulness.pixel_flipping import PixelFlipping
    from quantus.metrics.robustness.max_sensitivity import MaxSensitivity

    torch.manual_seed(0)
    images, labels, _ = patterns(600, 0)
    model = trained(ConvNet(num_classes=4, in_channels=1, stem=8, widths=(16,)), images, labels, 3)
    given, asked = images[:24], labels[:24]
    heat = METHODS["integrated_gradients"](model, given, asked)
    # Without equal pixels: we draw their order, and Quantus takes the one in which they lie.
    heat = heat + 1e-6 * heat.abs().max() * torch.rand_like(heat)
    arrays = {"x_batch": given.numpy(), "y_batch": asked.numpy(), "a_batch": heat[:, None].numpy()}
    rows = []

    for name, maps in (("deletion", heat), ("insertion", -heat)):
        # What is inserted from the hottest on is what deletion of the coldest leaves.
        peer = PixelFlipping(
            features_in_step=SIDE * SIDE // 16, perturb_baseline=0.0,
            abs=False, normalise=False, disable_warnings=True,
        )  # fmt: skip
        arrays["a_batch"] = maps[:, None].numpy()
        theirs = torch.tensor(np.array(peer(model=model, softmax=False, **arrays)))
        scalar = lambda out: out.gather(1, asked.repeat(len(out) // 24)[:, None])[:, 0]  # noqa: E731
        own = curves(model, given, scalar, heat, cover=torch.zeros_like, steps=16)
        with torch.no_grad():
            ends = [scalar(model(each)).double() for each in (given, torch.zeros_like(given))]
        span, nothing = (ends[0] - ends[1])[:, None], ends[1][:, None]
        ours = own.deletion[:, 1:] if name == "deletion" else own.insertion.flip(1)[:, 1:]
        falls = (ends[0] > ends[1]).nonzero().flatten()
        ours = (ours * span + nothing)[falls]
        rows.append((name, ours, theirs[falls]))

    generator = torch.Generator().manual_seed(0)  # the noise of `max_sensitivity`
    noise = [(2 * torch.rand(given.shape[1:], generator=generator) - 1) * RADIUS for _ in range(5)]
    draws = iter(noise)
    explain = METHODS["gradcam"]

    def noised(arr: Any, **_: Any) -> Any:
        return arr + next(draws).numpy().reshape(1, -1)

    peer = MaxSensitivity(
        nr_samples=5, abs=False, normalise=False, disable_warnings=True, perturb_func=noised
    )
    own_maps = explain(model, given, asked)
    found = max_sensitivity(lambda x: explain(model, x, asked), given, tries=5)
    theirs = peer(
        model=model, x_batch=given.numpy(), y_batch=asked.numpy(),
        a_batch=own_maps[:, None].numpy(),
        explain_func=lambda model, inputs, targets, **_: explain(
            model, torch.as_tensor(inputs), torch.as_tensor(targets))[:, None].numpy(),
        batch_size=24,
    )  # fmt: skip
    rows.append(("sensitivity", found, torch.tensor(np.array(theirs))))

    other = explain(randomized(model, torch.Generator().manual_seed(0)), given, asked)
    both = rank_correlation(own_maps, other)
    peers = [correlation_spearman(one.flatten().numpy(), two.flatten().numpy())
             for one, two in zip(own_maps, other, strict=True)]  # fmt: skip
    peers = torch.tensor(np.array(peers))
    known = peers.isfinite()  # of a map without any evidence Quantus says nothing, and we 0
    rows.append(("randomization", both[known], peers[known]))
    print("| measure | mean, ours | mean, Quantus | largest difference |\n|---|---|---|---|")
    for name, ours, theirs in rows:
        apart = float((ours.double() - theirs.double()).abs().max())
        print(f"| {name} | {ours.mean():.4f} | {theirs.mean():.4f} | {apart:.1e} |", flush=True)


def iou(one: tuple[int, ...], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both) if both else 0.0


def corloc(
    model: nn.Module, images: Tensor, labels: Tensor, truths: list[list[list[float]]], share: float
) -> list[bool]:
    """Of each image: has its box an IoU of 0.5 with one of the true ones?"""
    heat = torch.cat([
        METHODS["cam"](model, part, named)
        for part, named in zip(images.split(64), labels.split(64), strict=True)
    ])  # fmt: skip
    return [
        any(iou(heat_box(one.numpy(), share), truth) >= 0.5 for truth in several)
        for one, several in zip(heat, truths, strict=True)
    ]


def told(name: str, right: list[bool], guess: list[bool], accuracy: float, share: float) -> None:
    low, high = wilson(sum(right), len(right))
    print(f"| {name} | {np.mean(right):.3f} ({low:.3f} to {high:.3f}) | {np.mean(guess):.3f} | "
          f"{accuracy:.3f} | {share:.1f} | {time.process_time():.0f} |", flush=True)  # fmt: skip


def boxes(bccd: Path) -> None:
    """CorLoc; the share of the heat is chosen on other images than are measured."""
    print(
        "| images | CorLoc (95 %) | the whole image | accuracy | share | CPU s so far |\n"
        "|---|---|---|---|---|---|"
    )
    images, labels, truth = patterns(2600, 1)
    torch.manual_seed(0)
    model = trained(
        ConvNet(num_classes=4, in_channels=1, stem=8, widths=(16,)), images[:2000], labels[:2000], 6
    )
    several = [[box] for box in truth.tolist()]
    report("planted objects", model, images, labels, several, 2000, 2200)
    if not (bccd / "Annotations").is_dir():
        print(f"| BCCD | not in {bccd} |")
        return
    images, labels, several = cells(bccd)
    torch.manual_seed(0)
    size = len(images)
    first, second = size * 6 // 10, size * 7 // 10
    model = trained(
        ConvNet(num_classes=2, in_channels=3, stem=16, widths=(32, 64)),
        images[:first],
        labels[:first],
        12,
    )
    report("white cells in BCCD", model, images, labels, several, first, second)


def report(
    name: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    several: list[Any],
    first: int,
    second: int,
) -> None:
    def of(start: int, stop: int) -> tuple[Tensor, Tensor, list[Any]]:
        rows = [n for n in range(start, stop) if several[n]]
        return images[rows], labels[rows], [several[n] for n in rows]

    chosen = max(
        (0.2, 0.3, 0.4, 0.5, 0.6), key=lambda share: sum(corloc(model, *of(first, second), share))
    )
    held = of(second, len(images))
    with torch.no_grad():
        right = (
            (
                torch.cat([model(part) for part in images[second:].split(64)]).argmax(1)
                == labels[second:]
            )
            .float()
            .mean()
        )
    height, width = images.shape[2:]
    whole = [any(iou((0, 0, width, height), box) >= 0.5 for box in boxes) for boxes in held[2]]
    told(name, corloc(model, *held, chosen), whole, float(right), chosen)


def cells(folder: Path) -> tuple[Tensor, Tensor, list[list[list[float]]]]:
    """Windows of 240 × 240 pixels of blood photos at 80 × 80, with a white cell wholly inside
    (class 1), or without any (class 0); of the first the box. Photos stay apart in their order.
    """
    import xml.etree.ElementTree as ElementTree

    from PIL import Image

    random = np.random.default_rng(0)
    images, labels, truths = [], [], []
    for path in sorted((folder / "Annotations").glob("*.xml")):
        photo = folder / "JPEGImages" / f"{path.stem}.jpg"
        if not photo.is_file():
            continue
        whole = np.asarray(Image.open(photo).convert("RGB"))
        white = [
            [float(each.find("bndbox").findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
            for each in ElementTree.parse(path).iter("object") if each.findtext("name") == "WBC"
        ]  # fmt: skip
        for wanted in (1, 0):
            for _ in range(40):
                top, left = (int(random.integers(0, side - 240 + 1)) for side in whole.shape[:2])
                inside = [
                    b
                    for b in white
                    if b[0] >= left and b[1] >= top and b[2] <= left + 240 and b[3] <= top + 240
                ]
                touched = [
                    b
                    for b in white
                    if b[2] > left and b[3] > top and b[0] < left + 240 and b[1] < top + 240
                ]
                if bool(inside) == bool(wanted) and len(touched) == len(inside):
                    crop = Image.fromarray(whole[top : top + 240, left : left + 240]).resize(
                        (80, 80)
                    )
                    images.append(torch.from_numpy(np.array(crop)).permute(2, 0, 1) / 255)
                    labels.append(wanted)
                    truths.append(
                        [
                            [
                                (b[0] - left) / 3,
                                (b[1] - top) / 3,
                                (b[2] - left) / 3,
                                (b[3] - top) / 3,
                            ]
                            for b in inside
                        ]
                    )
                    break
    return torch.stack(images), torch.tensor(labels), truths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["quantus", "boxes"])
    parser.add_argument(
        "--bccd", type=Path, default=Path(os.environ.get("VITREOUS_DATA", ".")) / "bccd"
    )
    options = parser.parse_args()
    for part in options.parts:
        print(f"\n### {part}\n", flush=True)
        if part == "quantus":
            try:
                quantus()
            except ImportError as error:
                print(f"quantus is left out: {error}")
        else:
            boxes(options.bccd)


if __name__ == "__main__":
    main()
