"""Shortcuts: a spot that makes the answer by itself, such as a watermark on the images of a class.

Two witnesses name the suspects: heat that lies at one place in all images of a class and not in the
others, and pixels that differ there from those of other classes by more than images of one class
differ from each other, as a mark does that is always the same. The proof is by transplant: the spot
is cut out of images of the class and laid over images of other classes. If these are then answered
with the class, the network reads the spot and not the thing.
Lapuschkin et al. (2019), "Unmasking Clever Hans predictors", arXiv:1902.10178.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.explain.looking import forward, looking
from vitreous.explain.saliency import saliency
from vitreous.explain.target import Target
from vitreous.shapes import Heatmaps, Images

PARTS = 4  # windows along a side: a spot is at most a sixteenth of the image
SUSPECTS = 4  # windows that each witness may name for a class
FLIPS = 0.5  # of the other images that must change their answer
NOISE = 0.05  # deviation of pixels that is taken for none
EACH = 24  # images of a class, and of the others, that are looked at
CHUNK = 256  # images that go through the network at once


@dataclass(frozen=True)
class Shortcut:
    """A spot that is enough for an answer.

    label  number of the class
    box    left, top, right, bottom, half-open, in pixels of the network's window
    flips  share of images of other classes that are answered with this class once they have it,
           each class counting the same
    """

    label: int
    box: tuple[int, int, int, int]
    flips: float


def find_shortcuts(
    model: nn.Module, images: Images, labels: Tensor, seed: int = 0
) -> list[Shortcut]:
    """At most one shortcut a class, the strongest; none where nothing small is enough.

    images  (B, C, H, W) in [0, 1]
    labels  (B,) what the images are called, by people or by the network

    A thing that is itself small and always in one place cannot be told from a watermark: the box
    says where to look.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = images.shape[2:]
    window = max(2, height // PARTS), max(2, width // PARTS)
    found = []
    for label in sorted({*labels.tolist()}):
        own, others = (
            _some(images[mine], generator) for mine in (labels == label, labels != label)
        )
        if len(own) < 2 or len(others) < 2:
            continue
        heat = _mean(model, own, label) - _mean(model, others, None)
        suspects = [*_hottest(heat, window), *_hottest(_distinct(own, others), window)]
        tried = [
            Shortcut(label, box, _flips(model, own, others, label, box, generator))
            for box in dict.fromkeys(suspects)
        ]
        best = max(tried, key=lambda each: each.flips)
        if best.flips >= FLIPS:
            found.append(best)
    return found


def _some(images: Images, generator: torch.Generator) -> Images:
    return images[torch.randperm(len(images), generator=generator)[:EACH]]


def _mean(model: nn.Module, images: Images, target: Target) -> Heatmaps:
    """(H, W) the mean heat of all images, of each as a share of its whole."""
    heat = saliency(model, images, target)
    shares: Tensor = heat / heat.sum((1, 2), keepdim=True).clamp_min(1e-30)
    return shares.mean(0)


def _distinct(own: Images, others: Images) -> Tensor:
    """(H, W) how far the pixels of a class lie from those of others, in their own deviations."""
    apart = (own.mean(0) - others.mean(0)).square()
    spread = own.var(0) + others.var(0)
    found: Tensor = (apart / (spread + NOISE**2)).mean(0)
    return found


def _hottest(heat: Tensor, window: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Windows with the most heat, no two with more than half in common."""
    step = max(1, min(window) // 4)
    sums = F.avg_pool2d(heat[None, None], window, step)[0, 0]
    boxes: list[tuple[int, int, int, int]] = []
    for place in sums.flatten().argsort(descending=True).tolist():
        top, left = place // sums.shape[1] * step, place % sums.shape[1] * step
        near = [
            b for b in boxes if abs(b[1] - top) < window[0] / 2 and abs(b[0] - left) < window[1] / 2
        ]
        if not near:
            boxes.append((left, top, left + window[1], top + window[0]))
        if len(boxes) == SUSPECTS:
            break
    return boxes


def _flips(
    model: nn.Module,
    own: Images,
    others: Images,
    label: int,
    box: tuple[int, int, int, int],
    generator: torch.Generator,
) -> float:
    """Share of the other images that the spot brings to the class, of those not there already; the
    mean of what they were answered before, since laid over a mark of one class, anything is a way
    out of that class.
    """
    left, top, right, bottom = box
    givers = torch.randint(len(own), (len(others),), generator=generator)
    moved = others.clone()
    moved[:, :, top:bottom, left:right] = own[givers][:, :, top:bottom, left:right]
    with looking(model), torch.no_grad():
        before, after = (
            torch.cat([forward(model, part).argmax(1).cpu() for part in torch.split(each, CHUNK)])
            for each in (others, moved)
        )
    kinds = sorted({*before.tolist()} - {label})
    shares = [float((after[before == kind] == label).double().mean()) for kind in kinds]
    return sum(shares) / len(shares) if shares else 0.0
