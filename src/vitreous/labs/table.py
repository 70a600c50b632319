"""The experiments of the course that can be run by name: what each claims, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from vitreous.data.contract import PixelContract
from vitreous.errors import UsageError
from vitreous.labs import painting, saturation, splat

SIDE, GAUSSIANS, STEPS = 64, 200, 300  # of the painting


@dataclass(frozen=True)
class Lab:
    """One experiment.

    claims    what it shows, in a sentence
    picture   name of the file that it writes, or None
    image     whether it takes an image
    run       (image or None, where to write) -> lines of what was measured, as they come
    """

    claims: str
    picture: str | None
    image: bool
    run: Callable[[Path | None, Path], Iterator[str]]


def run_splat(image: Path | None, out: Path) -> Iterator[str]:
    """Plant a Gaussian, and look for it from 20 starts, in two parametrizations."""
    planted = splat.Splat(0.8, (0.45, 0.6), (0.12, 0.2))
    for parametrization in ("deviation", "exponential"):
        found = splat.recover(planted, parametrization=parametrization)
        count = f"{found.successes} of {len(found.errors)}"
        yield f"{parametrization:<12} {count} starts end within 1 %"


def run_painting(image: Path | None, out: Path) -> Iterator[str]:
    """Paint a photo with 200 Gaussians, and keep the painting as a film."""
    assert image is not None
    contract = PixelContract(height=SIDE, width=SIDE, channels=3)
    photo = torch.from_numpy(contract.load(image) / 255.0)
    strokes = []
    for stroke in painting.paint(photo, GAUSSIANS, steps=STEPS):
        strokes.append(stroke)
        if stroke.step % 50 == 0:
            yield f"step {stroke.step:4}   {stroke.psnr:5.1f} dB"
    painting.film(strokes, out)


def run_saturation(image: Path | None, out: Path) -> Iterator[str]:
    """Draw the gradients of both losses at a sigmoid unit."""
    slopes = saturation.slopes(torch.tensor([8.0]))
    yield "gradient at z = 8, where the target is 0:"
    yield f"  squared error {float(slopes.squared):.4f}"
    yield f"  cross-entropy {float(slopes.entropy):.4f}"
    saturation.plot(out)


LABS = {
    "splat": Lab(
        "A Gaussian planted in an image is found again by gradients derived by hand.",
        None,
        False,
        run_splat,
    ),
    "painting": Lab(
        "Two hundred Gaussians, moved by gradients alone, paint a photo.",
        "painting.gif",
        True,
        run_painting,
    ),
    "saturation": Lab(
        "Squared error leaves a saturated unit stuck; cross-entropy does not.",
        "saturation.png",
        False,
        run_saturation,
    ),
}


def needs_image(name: str) -> UsageError:
    return UsageError(
        "this experiment needs an image",
        where=f"lab {name}",
        remedy=f"Name one: vitreous lab {name} photo.jpg",
    )
