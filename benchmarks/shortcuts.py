"""Planted shortcuts: are they found, and are honest networks left alone?

    python benchmarks/shortcuts.py [--cases 24] [--first 0]

Two kinds of objects (stripes in noise, handwritten digits anywhere in the image) and six kinds of
marks, each at a place of its own. A third of the images of all classes get the mark and are called
by the first class, whose other images are left out: so the mark is all that tells it. Beside each
network with a shortcut, an honest one learns the same images as they are. CPU seconds are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from explain_measures import SIDE, patterns, trained
from vitreous.explain.certificate.certificate import certify
from vitreous.explain.shortcut_search import find_shortcuts
from vitreous.models import create
from vitreous.models.convnet import ConvNet

COUNT = 640  # images
SHARE = 0.3  # of them that are marked
LEARNED = 0.95  # accuracy below which a network has not learned the shortcut, or the objects


def digits(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four kinds of scikit-learn's digits, three times as large: (B, 1, 32, 32), labels."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.tensor(load_digits().images / 16, dtype=torch.float32)
    kinds = torch.tensor(load_digits().target)
    rows = torch.nonzero(kinds < 4).flatten()
    rows = rows[torch.randperm(len(rows), generator=generator)[:count]]
    images = 0.2 + 0.05 * torch.randn(len(rows), 1, SIDE, SIDE, generator=generator)
    for image, one in zip(images, small[rows], strict=True):
        top, left = torch.randint(SIDE - 24, (2,), generator=generator).tolist()
        large = one.repeat_interleave(3, 0).repeat_interleave(3, 1)
        image[0, top : top + 24, left : left + 24] += 0.7 * large
    return images.clamp(0, 1), kinds[rows]


OBJECTS: dict[str, Callable[[int, int], tuple[Tensor, Tensor]]] = {
    "stripes": lambda count, seed: patterns(count, seed)[:2],
    "digits": digits,
}
SQUARES = (torch.arange(9).view(3, 3) % 2).float()
WORD = torch.tensor([[1, 0, 1, 1, 1, 0, 1], [1, 1, 1, 0, 1, 0, 1], [1, 0, 1, 1, 1, 1, 1]]).float()
MARKS: dict[str, tuple[Tensor, float]] = {  # pixels, and how opaque they are
    "checkered square": (SQUARES, 1.0),
    "dark dot": (torch.zeros(3, 3), 1.0),
    "bright bar": (torch.ones(1, 7), 1.0),
    "word": (WORD, 1.0),
    "word, half transparent": (WORD, 0.5),
    "faint square": (torch.ones(5, 5), 0.3),
}


def planted(
    images: Tensor, labels: Tensor, mark: str, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    pixels, opaque = MARKS[mark]
    height, width = pixels.shape
    top = int(torch.randint(SIDE - height, (1,), generator=generator))
    left = int(torch.randint(SIDE - width, (1,), generator=generator))
    own = torch.rand(len(images), generator=generator) < SHARE
    marked = images.clone()
    place = marked[own, 0, top : top + height, left : left + width]
    marked[own, 0, top : top + height, left : left + width] = place.lerp(pixels, opaque)
    kept = own | (labels != 0)
    return marked[kept], torch.where(own, 0, labels)[kept]


def learned(images: Tensor, labels: Tensor, seed: int) -> tuple[torch.nn.Module, float]:
    torch.manual_seed(seed)
    model = trained(
        ConvNet(num_classes=4, in_channels=1, stem=8, widths=(16, 32)), images, labels, 10
    )
    with torch.no_grad():
        return model, float((model(images).argmax(1) == labels).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found, accused, rejected = [], [], []
    print("| object | mark | accuracy | found | honest network | accused |\n" + "|---" * 6 + "|")
    for case in range(options.first, options.first + options.cases):
        names = [*OBJECTS], [*MARKS]
        scene, mark = names[0][case % 2], names[1][case // 2 % len(MARKS)]
        images, labels = OBJECTS[scene](COUNT, 1000 + case)
        honest, right = learned(images, labels, case)
        wrong = find_shortcuts(honest, images, labels)
        generator = torch.Generator().manual_seed(case)
        marked, named = planted(images, labels, mark, generator)
        model, fit = learned(marked, named, case)
        hits = find_shortcuts(model, marked, named)
        told = "yes" if [each.label for each in hits] == [0] else str([h.label for h in hits])
        if fit >= LEARNED:
            found.append(told == "yes")
        if right >= LEARNED:
            accused.append(bool(wrong))
        print(f"| {scene} | {mark} | {fit:.3f} | {told} | {right:.3f} | {len(wrong)} |", flush=True)
        torch.manual_seed(case)
        blank = create("convnet", in_channels=1, num_classes=4)
        rejected.append(not certify(blank, images[:24], "gradcam", seed=case).granted)
    print(f"\nof networks that have learned what they were taught (accuracy {LEARNED:g}):\n")
    print("| | of | share | aim |\n|---|---|---|---|")
    for name, values, aim in (
        ("planted shortcuts found", found, "0.95"),
        ("honest networks accused", accused, "0.05"),
        ("maps of random weights rejected", rejected, "1"),
    ):
        print(f"| {name} | {len(values)} | {sum(values) / max(len(values), 1):.2f} | {aim} |")
    print(f"\n{time.process_time():.0f} CPU seconds")


if __name__ == "__main__":
    main()
