"""Parametrization of an image that is sought: by pixels, by frequencies, in decorrelated colors.

The same gradient ascent finds other images in other coordinates. Natural images have amplitudes
that fall with 1/f, and colors that mostly differ in brightness; where all coordinates are as likely
as in such images, noise of high frequency is no cheap way any more.
Olah et al. (2017), "Feature visualization", Distill, on preconditioning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.errors import unknown
from vitreous.shapes import Images

SPREAD = 0.05  # deviation of the image that is begun with, before the sigmoid

COLORS = torch.tensor(
    [
        [-0.918, -0.329, 0.096],
        [-0.955, -0.018, -0.183],
        [-0.990, 0.322, 0.088],
    ]
)
"""(3, 3) from decorrelated colors to red, green and blue: principal axes of the colors of photos,
each as long as its deviation. Measured on 200 photos of Imagenette; the mean variance is 1."""


@dataclass(frozen=True)
class Parametrization:
    """How an image is written in the numbers that are changed.

    says          in a few words
    frequencies   are they Fourier coefficients, weighted by 1/f? otherwise pixels
    decorrelated  are colors turned so that they vary independently?
    """

    says: str
    frequencies: bool = False
    decorrelated: bool = False

    def start(self, shape: tuple[int, int, int, int], seed: int = 0) -> Tensor:
        """The numbers of faint noise around middle gray.

        shape  (B, C, H, W) of the images
        """
        count, channels, height, width = shape
        wanted = (count, channels, height, width // 2 + 1, 2) if self.frequencies else shape
        # Each image has its own noise, whatever others there are.
        noise = [
            torch.randn(wanted[1:], generator=torch.Generator().manual_seed(seed + number))
            for number in range(count)
        ]
        return torch.stack(noise)

    def images(self, numbers: Tensor, size: tuple[int, int]) -> Images:
        """(B, C, H, W) in (0, 1).

        size  height and width
        """
        values = self._space(numbers, size) if self.frequencies else numbers
        if self.decorrelated and values.shape[1] == len(COLORS):
            colors = COLORS.to(values)
            values = torch.einsum("ij,bjhw->bihw", colors, values)
        return torch.sigmoid(SPREAD * values)

    def _space(self, numbers: Tensor, size: tuple[int, int]) -> Tensor:
        """Fourier coefficients to pixels, whose variance is about 1 for noise of variance 1."""
        weights = falling(size).to(numbers)
        spectrum = torch.view_as_complex(numbers.contiguous()) * weights
        values: Tensor = torch.fft.irfft2(spectrum, s=size, norm="ortho")
        return values


def falling(size: tuple[int, int]) -> Tensor:
    """(H, W // 2 + 1) 1/f for each frequency, the mean of its squares 1/2 for all of a real image;
    of the mean color that of the lowest frequency.
    """
    height, width = size
    down, across = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    frequency = (down[:, None].square() + across[None].square()).sqrt()
    found = 1 / frequency.clamp_min(1 / max(height, width))
    twice = torch.full((len(across),), 2.0)  # each column stands for two, but the ends
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    mean = (found.square() * twice).sum() / (height * width)
    scaled: Tensor = found / (math.sqrt(2) * mean.sqrt())
    return scaled


PARAMETRIZATIONS = {
    "decorrelated": Parametrization("frequencies in decorrelated colors", True, True),
    "fourier": Parametrization("frequencies of red, green and blue", True, False),
    "pixels": Parametrization("pixels"),
}
"""By name; the first is the default."""


def parametrization_of(name: str) -> Parametrization:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in PARAMETRIZATIONS:
        raise unknown("parametrization", name, PARAMETRIZATIONS, where="parametrization")
    return PARAMETRIZATIONS[name]
