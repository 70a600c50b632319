"""Activation maximization: the image that excites a unit most, sought by gradient ascent.

Three steps: begin with noise; compute the gradient of the unit by the image; go a step along it,
and again. What is made large (`objective`), how the image is written (`parametrization`) and how it
is moved in each step (`wobble`) are three choices of their own.
Erhan et al. (2009), "Visualizing higher-layer features of a deep network".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.explain.looking import gradient, looking
from vitreous.explain.objective import Objective
from vitreous.explain.parametrization import parametrization_of
from vitreous.explain.plate import Picture, Plate, to_bytes
from vitreous.explain.wobble import wobble_of
from vitreous.shapes import Images

STEPS = 96
RATE = 0.5  # of Adam; a number of the parametrization is about 1 in noise


@dataclass(frozen=True, eq=False)
class Maximized:
    """What was found.

    images  (B, C, H, W) in [0, 1]
    before  (B,) the objective of the noise that was begun with; after: of these images
    steps   of gradient ascent
    """

    images: Images
    before: Tensor
    after: Tensor
    steps: int


def maximize(
    model: nn.Module,
    shape: tuple[int, int, int],
    objective: Objective,
    *,
    parametrization: str = "decorrelated",
    transform: str = "robust",
    steps: int = STEPS,
    rate: float = RATE,
    count: int = 1,
    seed: int = 0,
) -> Maximized:
    """Images for which the objective is large, from different noise each.

    shape            (C, H, W) of the network's images
    parametrization  a key of PARAMETRIZATIONS; transform: a key of WOBBLES
    rate             of Adam

    Raises UsageError for what there is not, ModelError for a network without gradients.
    """
    if steps < 1 or count < 1 or not rate > 0:
        raise UsageError(
            f"{steps} steps at a rate of {rate:g} for {count} images find nothing",
            where="steps",
            remedy="Give positive numbers.",
        )
    written, wobble = parametrization_of(parametrization), wobble_of(transform)
    size = shape[1], shape[2]
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(()))
    generator = torch.Generator().manual_seed(seed)

    def value(images: Images) -> Tensor:
        return objective(model, images.to(like.dtype))

    with looking(model):
        numbers = written.start((count, *shape), seed).to(like.device).requires_grad_()
        optimizer = torch.optim.Adam([numbers], rate)
        with torch.no_grad():
            before = value(written.images(numbers, size))
        for _ in range(steps):
            moved = wobble(written.images(numbers, size), generator)
            numbers.grad = -gradient(value(moved), numbers, "the image")
            optimizer.step()
        with torch.no_grad():
            images = written.images(numbers, size)
            after = value(images)
    return Maximized(images.detach(), before.float().cpu(), after.float().cpu(), steps)


def maximized_plate(found: Maximized, name: str, what: str) -> Plate:
    """What was found as pictures.

    name  of the file; what: that was made large
    """
    first, last = found.before.tolist(), found.after.tolist()
    pictures = [
        Picture(
            to_bytes(image.float().cpu().numpy()), f"{low:.3g} in noise, {high:.3g} here", False
        )
        for image, low, high in zip(found.images, first, last, strict=True)
    ]
    return Plate(
        name=name,
        title=f"What excites {what}",
        says=[
            f"Images that make it large, found in {found.steps} steps of gradient ascent, each "
            "from other noise. They are no photos: what they have in common is what the network "
            "looks for."
        ],
        pictures=pictures,
        across=len(pictures) if len(pictures) < 5 else 0,
        facts={"target": what, "before": first, "after": last, "steps": found.steps},
    )
