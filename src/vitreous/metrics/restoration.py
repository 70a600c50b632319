"""The scores of restored pictures: PSNR and SSIM, the mean over images, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError
from vitreous.metrics.interval import Interval, percentiles, resampled_sums
from vitreous.metrics.score import Score
from vitreous.metrics.simple_rule import SimpleRule


@dataclass(frozen=True, kw_only=True)
class RestorationScores:
    """Means over images. Intervals are of 95 %, None where images tell none.

    count      number of images
    loss       mean loss of an image
    psnr       in decibels
    ssim       in [-1, 1]; None where no image is large enough for its windows
    baselines  what simple rules reach on the same images
    """

    count: int
    loss: float
    psnr: float
    ssim: float | None
    psnr_interval: Interval | None
    ssim_interval: Interval | None
    baselines: tuple[SimpleRule, ...] = ()

    @property
    def headline(self) -> Score:
        return self.all[0]

    @property
    def all(self) -> tuple[Score, ...]:
        noise = Score(
            name="psnr",
            title="PSNR",
            value=self.psnr,
            bounds=self.psnr_interval,
            unit="dB",
            detail="peak signal-to-noise ratio",
        )
        if self.ssim is None:
            return (noise,)
        likeness = Score(
            name="ssim",
            title="SSIM",
            value=self.ssim,
            bounds=self.ssim_interval,
            unit="",
            detail="structural similarity; 1 is the same picture",
        )
        return noise, likeness

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self) | {"headline": self.headline.name}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> RestorationScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for name in ("psnr_interval", "ssim_interval"):
            known[name] = known[name] and tuple(known[name])
        rules = tuple(map(SimpleRule.from_json, known.get("baselines", ())))
        return cls(**known | {"baselines": rules})


def restoration(
    images: NDArray[np.float64], *, loss: float = 0.0, baselines: Sequence[SimpleRule] = ()
) -> RestorationScores:
    """The scores of a part from the PSNR and SSIM of its images, (N, 2), NaN where there is none.

    Raises DataError without images.
    """
    there = images[~np.isnan(images[:, 0])]
    if not len(there):
        raise DataError("no image shows a pixel that is known")
    alike = there[~np.isnan(there[:, 1]), 1:]
    return RestorationScores(
        count=len(images),
        loss=loss,
        psnr=float(there[:, 0].mean()),
        ssim=float(alike.mean()) if len(alike) else None,
        psnr_interval=_interval(there[:, :1]),
        ssim_interval=_interval(alike),
        baselines=tuple(baselines),
    )


def untouched(images: NDArray[np.float64]) -> SimpleRule:
    """What giving the noisy pictures back as they are reaches: (N, 2) as in `restoration`."""
    scores = restoration(images)
    return SimpleRule(
        name="noisy",
        title="the noisy picture itself",
        detail="gives back the noisy picture as it is",
        count=scores.count,
        scores=scores.all,
    )


def _interval(column: NDArray[np.float64]) -> Interval | None:
    if len(column) < 2:
        return None
    return percentiles(resampled_sums(column)[:, 0] / len(column))
