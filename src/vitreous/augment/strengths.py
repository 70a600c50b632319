"""Strengths of an augmentation: how far each kind of change of an image may go.

Cubuk et al. (2020), "RandAugment", arXiv:1909.13719, for `num_ops`; Hendrycks et al. (2020),
"AugMix", arXiv:1912.02781, for `num_chains`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from vitreous.augment import warp
from vitreous.errors import UsageError
from vitreous.fields import Between, check, check_names

KINDS = (
    *("shift_x", "shift_y", "rotate", "scale", "shear_x", "shear_y"),
    *("perspective_x", "perspective_y"),
    *("brightness", "contrast", "saturation", "hue", "noise", "erase"),
)
"""The kinds of change; those that go both ways have an amount for each axis."""

STRENGTH = {kind: kind.removesuffix("_x").removesuffix("_y") for kind in KINDS}
"""The field that holds the strength of each kind."""


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """Strengths of all changes; 0 leaves one out (for `crop`, 1)."""

    name: str = "none"
    flip: float = 0.0
    """probability of mirroring left and right"""
    alternate: bool = False
    """draw the mirror once for all epochs, and in every other one the opposite: with a flip of 0.5
    two epochs in a row show each image both ways"""
    flip_vertical: float = 0.0
    """probability of mirroring top and bottom"""
    crop: float = 1.0
    """least share of the area that a random crop keeps"""
    piece: int = 0
    """if positive, pixels a side of a random piece of the image at its own scale, in its place"""
    shift: float = 0.0
    """largest shift, as a share of each side; in whole pixels"""
    rotate: float = 0.0
    """largest angle, in degrees"""
    scale: float = 0.0
    """largest relative change of size"""
    shear: float = 0.0
    """largest lean of vertical and horizontal lines, in degrees"""
    perspective: float = 0.0
    """largest change of depth from the center to the edge"""
    elastic: float = 0.0
    """standard deviation by which the points of a coarse grid are pulled about, as a share of the
    shorter side"""
    brightness: float = 0.0
    """largest change of the factor on all values"""
    contrast: float = 0.0
    """largest change of the factor on distances from middle gray"""
    saturation: float = 0.0
    """largest change of the factor on distances from the gray of equal luma; RGB only"""
    hue: float = 0.0
    """largest turn of the colors, in degrees; RGB only"""
    noise: float = 0.0
    """largest standard deviation of noise, where 1 is white"""
    erase: float = 0.0
    """probability of erasing a rectangle"""
    erase_area: float = 0.2
    """largest share of the image that is erased"""
    mixup: float = 0.0
    """strength of blending pairs of images"""
    cutmix: float = 0.0
    """strength of pasting a box of another image; with mixup, each in half of the batches"""
    num_ops: int = 0
    """if positive, so many kinds of change an image, each at full strength (RandAugment)"""
    num_chains: int = 0
    """if positive, so many changed copies are blended with the image (AugMix)"""
    border: warp.Border = "reflect"
    """what lies outside of the image: zero, edge or reflect"""

    def __post_init__(self) -> None:
        ranges = {name: Between(0, most) for name, (most, _) in LIMITS.items()}
        check(self, "augmentation {}".format, ranges)
        if self.crop == 0:
            raise UsageError(
                "a crop has to keep something",
                where="augmentation crop",
                remedy="Give a share of the area from 0.05 to 1.",
            )
        if self.piece and self.crop < 1:
            raise UsageError(
                "a piece has the image's own scale, and a crop gets another one",
                where="augmentation piece",
                remedy="Leave piece at 0, or crop at 1.",
            )
        if self.elastic and (self.num_chains or self.num_ops):
            raise UsageError(
                "bending is not one of the kinds of change that are chosen or blended",
                where="augmentation elastic",
                remedy="Leave num_ops and num_chains at 0, or elastic.",
            )

    @property
    def is_identity(self) -> bool:
        """Does it leave each image as it is, up to mixing?"""
        default = type(self)()
        return all(
            getattr(self, name) == getattr(default, name)
            for name in ("flip", "flip_vertical", "crop", "piece", "elastic", *STRENGTH.values())
        )

    @property
    def mixes(self) -> bool:
        """Does it mix pairs, so that targets become soft?"""
        return self.mixup > 0 or self.cutmix > 0

    def describe(self) -> str:
        """One line for a person: all that differs from doing nothing."""
        default = type(self)()
        told = [
            words.format(getattr(self, name), 100 * getattr(self, name))
            for name, (_, words) in LIMITS.items()
            if getattr(self, name) != getattr(default, name)
        ]
        told += ["the mirror alternates from epoch to epoch"] * (self.alternate and self.flip > 0)
        return ", ".join(told) or "none"

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The policy of a file. Raises UsageError for an unknown key or a wrong value."""
        check_names(fields, cls, "augmentation")
        return cls(**fields)


# Largest value, and how it is told: {0} is the value, {1} the value in percent.
LIMITS: dict[str, tuple[float, str]] = {
    "flip": (1, "flip {0:g}"),
    "flip_vertical": (1, "vertical flip {0:g}"),
    "crop": (1, "crop {1:g}–100 % of the area"),
    "piece": (4096, "pieces of {0} pixels a side"),
    "shift": (1, "shift ±{1:.3g} %"),
    "rotate": (180, "rotate ±{0:g}°"),
    "scale": (4, "scale ±{1:g} %"),
    "shear": (60, "shear ±{0:g}°"),
    "perspective": (0.4, "perspective ±{1:g} %"),
    "elastic": (0.2, "bending {1:.3g} %"),
    "brightness": (1, "brightness ±{1:g} %"),
    "contrast": (1, "contrast ±{1:g} %"),
    "saturation": (1, "saturation ±{1:g} %"),
    "hue": (180, "hue ±{0:g}°"),
    "noise": (1, "noise up to {1:g} %"),
    "erase": (1, "erase {0:g}"),
    "erase_area": (1, "up to {1:g} % erased"),
    "mixup": (100, "mixup {0:g}"),
    "cutmix": (100, "cutmix {0:g}"),
    "num_ops": (len(KINDS), "{0} kinds at a time"),
    "num_chains": (10, "{0} chains blended"),
}
