"""Five challenges of recognizing things in images, measured on a data set (bias report).

Dimensionality: how many numbers is an image, and along how many directions do these images vary?
Ambiguity: how many images do not tell their class even to an honest model? Transformations: how
much nearer do images of one class come when one is moved or mirrored? Variability: how unlike are
images of one class, beside those of different ones? Perceptual similarity: how often is the nearest
image by pixels one of another class?

The number of directions that images fill is that of Facco et al. (2017), "Estimating the intrinsic
dimension of datasets by a minimal neighborhood information".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.doctor.deep.out_of_fold import OutOfFold
from vitreous.formats import percent, quantity

SAMPLE = 1500  # images between which distances are taken
SIDE = 16  # pixels of the small images that are compared
MOVED = (-2, 0, 2)  # pixels of these by which an image may be moved
LEAST = 40


@dataclass(frozen=True)
class Challenge:
    """One of the five, as it was measured.

    value  the number that says most; sentence: what was found, in words
    """

    name: str
    value: float
    sentence: str


def challenges(
    rows: NDArray[np.uint8],
    numbers: int,
    labels: NDArray[np.int64] | None,
    classes: tuple[str, ...],
    answers: OutOfFold | None,
    seed: int = 0,
) -> list[Challenge]:
    """Those of the five that can be measured on these data.

    rows     (N, 64, 64, C) thumbnails
    numbers  values of the median image
    labels   (N,) where each image has one class
    answers  out of fold, where there are some
    """
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    if len(chosen) < LEAST:
        return []
    small = torch.from_numpy(rows[chosen]).float().mean(3)[:, None]
    small = torch.nn.functional.adaptive_avg_pool2d(small, SIDE)
    flat = small.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)  # brightness is no content
    apart = torch.cdist(flat, flat)
    apart.fill_diagonal_(torch.inf)
    found = [_dimensionality(flat, apart, numbers, len(rows))]
    if answers is not None:
        found.append(_ambiguity(answers, classes))
    if labels is not None:
        own = torch.from_numpy(labels[chosen])
        same = own[:, None] == own
        found.append(_transformations(small, apart, same))
        found.append(_variability(apart, own, same, classes))
        found.append(_similarity(apart, own))
    return found


def _dimensionality(flat: Tensor, apart: Tensor, numbers: int, count: int) -> Challenge:
    centered = flat - flat.mean(0)
    variances = torch.linalg.svdvals(centered).square()
    shares = variances.cumsum(0) / variances.sum().clamp_min(1e-12)
    needed = int((shares < 0.9).sum()) + 1
    filled = intrinsic(apart)
    ratio = numbers / count
    return Challenge(
        "dimensionality",
        filled,
        f"an image is {quantity(numbers)} numbers, {ratio:.3g} for each image there is; at "
        f"{SIDE} × {SIDE} pixels, {needed} of {flat.shape[1]} directions hold 90 % of the "
        f"variance, and the images fill about {filled:.0f} dimensions",
    )


def intrinsic(apart: Tensor) -> float:
    """Dimension of the set that points lie in, by the ratio of the distances to the two nearest.

    apart  (N, N) distances, infinite on the diagonal
    """
    two = apart.topk(2, largest=False).values.double()
    two = two[two[:, 0] > 1e-6 * two[:, 1]]
    logs = (two[:, 1] / two[:, 0]).log()
    # The largest ratios are of outliers.
    logs = logs.sort().values[: max(1, int(0.9 * len(logs)))]
    cut = logs[-1]
    total = logs.sum() + cut * (len(two) - len(logs))
    return float(len(logs) / total.clamp_min(1e-12))


def _ambiguity(answers: OutOfFold, classes: tuple[str, ...]) -> Challenge:
    wrong = answers.answers != answers.labels
    share = float(wrong.mean())
    unsure = float((answers.probabilities.max(axis=1) < 0.5).mean())
    text = (
        f"{answers.title} tells {percent(share)} of the images wrongly that it has not seen, and "
        f"gives no class half of its belief for {percent(unsure)}"
    )
    if wrong.any():
        pairs = np.sort(np.column_stack([answers.labels[wrong], answers.answers[wrong]]), axis=1)
        kinds, counts = np.unique(pairs, axis=0, return_counts=True)
        one, other = kinds[counts.argmax()].tolist()
        text += f"; most often mixed: {classes[one]} and {classes[other]}"
    return Challenge("ambiguity", share, text)


def _transformations(small: Tensor, apart: Tensor, same: Tensor) -> Challenge:
    """How much nearer the nearest image of the class comes when it may be moved or mirrored."""
    plain = apart.masked_fill(~same, torch.inf).amin(1)
    best = plain.clone()
    flat = small.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    for mirrored in (False, True):
        for down in MOVED:
            for right in MOVED:
                moved = torch.roll(small, (down, right), (2, 3))
                moved = moved.flip(3) if mirrored else moved
                other = moved.flatten(1)
                distances = torch.cdist(flat, other - other.mean(1, keepdim=True))
                distances.fill_diagonal_(torch.inf)
                best = torch.minimum(best, distances.masked_fill(~same, torch.inf).amin(1))
    known = torch.isfinite(plain) & (plain > 0)
    gain = float((1 - best[known] / plain[known]).mean()) if bool(known.any()) else 0.0
    return Challenge(
        "transformations",
        gain,
        "the nearest image of the same class comes nearer by "
        f"{percent(gain)} when it may be moved by an eighth of its side, or mirrored",
    )


def _variability(apart: Tensor, own: Tensor, same: Tensor, classes: tuple[str, ...]) -> Challenge:
    finite = torch.isfinite(apart)
    within = apart[same & finite].mean()
    between = apart[~same & finite].mean()
    ratio = float(within / between)
    spreads = {
        classes[number]: float(
            apart[(own == number)][:, own == number][
                finite[(own == number)][:, own == number]
            ].mean()
        )
        for number in own.bincount().nonzero().flatten().tolist()
        if int((own == number).sum()) > 2
    }
    text = (
        f"images of one class are {percent(ratio, 0)} as far apart by pixels as images of "
        "different classes"
    )
    if len(spreads) > 1:
        most, least = max(spreads, key=spreads.__getitem__), min(spreads, key=spreads.__getitem__)
        text += f"; the most various class is {most}, the most uniform {least}"
    return Challenge("variability", ratio, text)


def _similarity(apart: Tensor, own: Tensor) -> Challenge:
    wrong = float((own[apart.argmin(1)] != own).double().mean())
    shares = own.bincount().double() / len(own)
    chance = float(1 - shares.square().sum())
    return Challenge(
        "perceptual similarity",
        wrong,
        f"the nearest image by pixels is of another class for {percent(wrong)} of the images; by "
        f"chance it would be for {percent(chance)}",
    )
