"""Augmentation: random crop, flip, rotation and color of photos, against three peers on one thread.

Every contestant takes the same rows (N, H, W, 3) of bytes, crops between 35 % and all of the area,
mirrors half of them, turns them by up to 15° and changes brightness, contrast and saturation by up
to 0.4; it ends with a batch of floats in [0, 1], (B, 3, size, size). Seconds are those of the
processor, turns alternate, so that other work on the machine shows little. Peers that are not
installed are left out, and named.

    python benchmarks/augmentation.py --data $VITREOUS_DATA/imagenette/train
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import peers
from vitreous.augment.policy import Augment
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract

Rows = NDArray[np.uint8]
AREA, TURN, COLOR = (0.35, 1.0), 15, 0.4


def vitreous(size: int, rows: Rows) -> Callable[[Rows], Tensor]:
    """By the batches of a run; an epoch is one batch."""
    colors = {"brightness": COLOR, "contrast": COLOR, "saturation": COLOR}
    batches = Batches(
        rows,
        {},
        np.arange(len(rows)),
        PixelContract(height=size, width=size, channels=3),
        batch_size=len(rows),
        augment=Augment(flip=0.5, crop=AREA[0], rotate=TURN, **colors),
        threads=1,
        prefetch=0,
    )
    epochs = itertools.count()
    return lambda _: next(batches.epoch(next(epochs))).images


def torchvision(size: int, _: Rows) -> Callable[[Rows], Tensor]:
    """transforms.v2 on tensors of bytes, one image after the other, as in a DataLoader."""
    peers.torchvision()
    from torchvision.transforms import v2

    change = v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=AREA, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(TURN, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(COLOR, COLOR, COLOR),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return lambda rows: torch.stack([change(torch.from_numpy(r).permute(2, 0, 1)) for r in rows])


def albumentations(size: int, _: Rows) -> Callable[[Rows], Tensor]:
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    change = A.Compose(
        [
            A.RandomResizedCrop((size, size), scale=AREA),
            A.HorizontalFlip(p=0.5),
            A.Rotate(TURN, p=1),
            A.ColorJitter((1 - COLOR, 1 + COLOR), (1 - COLOR, 1 + COLOR), (1 - COLOR, 1 + COLOR),
                          (0, 0), p=1),
            A.ToFloat(255),
            ToTensorV2(),
        ]
    )  # fmt: skip
    return lambda rows: torch.stack([change(image=row)["image"] for row in rows])


def kornia(size: int, _: Rows) -> Callable[[Rows], Tensor]:
    """On a whole batch of floats, as its users do."""
    import kornia.augmentation as K

    change = K.AugmentationSequential(
        K.RandomResizedCrop((size, size), scale=AREA),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomRotation(TURN, p=1.0),
        K.ColorJitter(COLOR, COLOR, COLOR, 0.0, p=1.0),
    )
    return lambda rows: change(torch.from_numpy(rows).permute(0, 3, 1, 2).float().div(255))


CONTESTANTS = {
    "vitreous": vitreous,
    "torchvision v2": torchvision,
    "albumentations": albumentations,
    "kornia": kornia,
}


def photos(folder: Path | None, count: int, side: int) -> Rows:
    """Rows of photos, or of noise where there are none."""
    found = sorted(folder.rglob("*.[jJ]*"))[:: max(1, 1000 // count)][:count] if folder else []
    if not found:
        return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    contract = PixelContract(height=side, width=side, channels=3)
    return np.stack([contract.load(path) for path in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of JPEGs; default: noise")
    parser.add_argument("--count", type=int, default=64, help="images in a batch")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = photos(options.data, options.count, options.size)
    work = {}
    for name, make in CONTESTANTS.items():
        try:
            work[name] = make(options.size, rows)
            made = work[name](rows)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            work.pop(name, None)
            continue
        assert made.shape == (len(rows), 3, options.size, options.size), (name, made.shape)
        assert 0 <= float(made.min()) <= float(made.max()) <= 1, name
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, run in work.items():
            began = time.process_time()
            run(rows)
            spent[name].append((time.process_time() - began) / len(rows))
    print(f"\n{len(rows)} images of {options.size}², medians of {options.rounds} rounds\n")
    print("| | CPU ms an image | images per CPU second | × vitreous (lowest – highest) |")
    print("|---|---|---|---|")
    for name, each in spent.items():
        ratios = [their / our for their, our in zip(each, spent["vitreous"], strict=True)]
        middle = median(each)
        print(
            f"| {name} | {middle * 1e3:.2f} | {1 / middle:,.0f} "
            f"| {median(ratios):.1f} ({min(ratios):.1f} – {max(ratios):.1f}) |"
        )


if __name__ == "__main__":
    main()
