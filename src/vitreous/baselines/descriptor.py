"""Descriptors: features designed by hand, as modules from images to one vector each.

They are torch from end to end, so a saved method needs nothing but its file; `tests/baselines`
holds them against scikit-image. What is a row of `DESCRIPTORS` can follow the classifier in the
name of a method, as hog does in svm-hog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.baselines.binary_pattern import BINS, histograms
from vitreous.baselines.oriented_gradients import hog, hog_width
from vitreous.baselines.visual_words import VisualWords
from vitreous.blocks.filters import gabor
from vitreous.shapes import Images

WAVELENGTHS = 4.0, 8.0, 16.0  # pixels; a wave fits at least three times into the image
ANGLES = tuple(range(0, 180, 30))  # degrees
GRID = 8  # cells a side in which the answers of Gabor filters are averaged
PATTERN_GRID = 4  # the same for local binary patterns


class Described(nn.Module):
    """One descriptor of images of one size.

    width  how many numbers it gives for an image
    """

    width: int

    def learn(self, images: Iterable[Images], count: int, seed: int) -> None:
        """Take what it needs from training images; most need nothing. count: of the images."""


class PixelValues(Described):
    """The pixels themselves, (B, C · H · W)."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.width = channels * height * width

    def forward(self, images: Images) -> Tensor:
        return images.flatten(1)


class Hog(Described):
    """Histograms of oriented gradients in about eight cells a side."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.cell = max(2, round(min(height, width) / 8))
        self.width = hog_width(height, width, self.cell)

    def forward(self, images: Images) -> Tensor:
        return hog(images, self.cell)


class Sift(Described):
    """Bag of words over dense SIFT descriptors."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.bag = VisualWords(height, width, max(2, round(min(height, width) / 12)))
        self.width = self.bag.width

    def learn(self, images: Iterable[Images], count: int, seed: int) -> None:
        self.bag.learn(images, count, seed)

    def forward(self, images: Images) -> Tensor:
        found: Tensor = self.bag(images)
        return found


class GaborBank(Described):
    """Energy of Gabor filters of several wavelengths and angles, averaged in cells of a grid."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        least = min(height, width)
        self.waves = [wave for wave in WAVELENGTHS if 3 * wave <= least] or [WAVELENGTHS[0]]
        self.grid = min(GRID, least)
        self.width = len(self.waves) * len(ANGLES) * self.grid**2

    def forward(self, images: Images) -> Tensor:
        gray = images.mean(1, keepdim=True)
        return torch.cat([self.energies(gray, wave).flatten(1) for wave in self.waves], dim=1)

    def energies(self, gray: Tensor, wave: float) -> Tensor:
        """(B, 1, H, W) to (B, angles, grid, grid)."""
        side = 2 * round(wave) + 1
        pairs = [gabor(side, wave, angle) for angle in ANGLES]
        even = torch.stack([one - one.mean() for one, _ in pairs])  # blind to plain light
        odd = torch.stack([other for _, other in pairs])
        border = side // 2
        padded = F.pad(gray, (border,) * 4, mode="replicate")
        answers = [F.conv2d(padded, kernel.to(gray)[:, None]) for kernel in (even, odd)]
        return F.adaptive_avg_pool2d(torch.hypot(*answers), self.grid)


class BinaryPatterns(Described):
    """Histograms of local binary patterns in the cells of a grid."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.width = BINS * PATTERN_GRID**2

    def forward(self, images: Images) -> Tensor:
        return histograms(images.mean(1, keepdim=True), PATTERN_GRID)


@dataclass(frozen=True, kw_only=True)
class DescriptorRow:
    """A kind of features.

    build     from (channels, height, width) of the images
    title     what it is, as the end of "an SVM on ..."
    paper     where it was published, and year
    most      pixels a side of the images that it looks at; larger ones are averaged down
    each      are its numbers brought to one scale one by one, or all by the same factor?
    """

    build: Callable[[int, int, int], Described]
    title: str
    paper: str
    year: int
    most: int = 64
    each: bool = False


DESCRIPTORS: dict[str, DescriptorRow] = {
    "pixels": DescriptorRow(
        build=PixelValues,
        title="pixels",
        paper="no features: the image as it is",
        year=1957,
        most=32,
    ),
    "hog": DescriptorRow(
        build=Hog,
        title="histograms of oriented gradients",
        paper='Dalal and Triggs, "Histograms of oriented gradients for human detection"',
        year=2005,
    ),
    "sift": DescriptorRow(
        build=Sift,
        title="words of dense SIFT",
        paper='Lazebnik et al., "Beyond bags of features: spatial pyramid matching"',
        year=2006,
    ),
    "gabor": DescriptorRow(
        build=GaborBank,
        title="a bank of Gabor filters",
        paper='Daugman, "Uncertainty relation for resolution in space"',
        year=1985,
        each=True,
    ),
    "lbp": DescriptorRow(
        build=BinaryPatterns,
        title="local binary patterns",
        paper='Ojala et al., "Multiresolution gray-scale and rotation invariant texture '
        'classification"',
        year=2002,
    ),
}


class Features(nn.Module):
    """One descriptor, or several side by side (early fusion), on one scale: (B, C, H, W) to (B, D).

    Each descriptor counts the same, however many numbers it has: all numbers together have zero
    mean and the variance D. A number that never varies is 0.

    names  of DESCRIPTORS
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, names: tuple[str, ...], channels: int, height: int, width: int) -> None:
        super().__init__()
        self.names = names
        sides = [self.seen(DESCRIPTORS[name].most, height, width) for name in names]
        self.sides = sides
        self.parts = nn.ModuleList(
            DESCRIPTORS[name].build(channels, *side)
            for name, side in zip(names, sides, strict=True)
        )
        self.widths = [int(part.width) for part in self.parts]  # type: ignore[arg-type]
        self.width = sum(self.widths)
        self.mean = nn.Parameter(torch.zeros(self.width), requires_grad=False)
        self.scale = nn.Parameter(torch.zeros(self.width), requires_grad=False)

    @staticmethod
    def seen(most: int, height: int, width: int) -> tuple[int, int]:
        """Height and width at which images of this size are looked at."""
        factor = min(1.0, most / max(height, width))
        return max(1, round(height * factor)), max(1, round(width * factor))

    def learn(self, images: Callable[[], Iterable[Images]], count: int, seed: int) -> Tensor:
        """Take words and scales from training images; returns their features, (N, D).

        images  gives the same batches each time it is called
        """
        for part, side in zip(self.parts, self.sides, strict=True):
            shrunk = (F.adaptive_avg_pool2d(batch, side) for batch in images())
            part.learn(shrunk, count, seed)  # type: ignore[operator]
        raw = torch.cat([self.raw(batch) for batch in images()])
        self.mean.copy_(raw.mean(0))
        variances = raw.var(0, correction=0).double()
        first = 0
        for name, width in zip(self.names, self.widths, strict=True):
            own = slice(first, first + width)
            first += width
            variance = variances[own]
            flat = variance <= 1e-12 * variance.max()
            share = self.width / len(self.names)
            if DESCRIPTORS[name].each:
                varying = (~flat).sum().clamp(min=1)
                scale = (share / varying / variance.clamp(min=1e-30)).sqrt()
            else:
                scale = (share / variance.sum().clamp(min=1e-30)).sqrt().expand(width)
            self.scale[own] = scale.masked_fill(flat, 0.0).float()
        return raw.sub_(self.mean).mul_(self.scale)

    def raw(self, images: Images) -> Tensor:
        """The descriptors side by side, as they come."""
        shrunk = (F.adaptive_avg_pool2d(images, side) for side in self.sides)
        return torch.cat([part(one) for part, one in zip(self.parts, shrunk, strict=True)], dim=1)

    def forward(self, images: Images) -> Tensor:
        found: Tensor = (self.raw(images) - self.mean) * self.scale
        return found
