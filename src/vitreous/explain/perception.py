"""Perception visualization: what a network keeps of an image, and where it looks, in one picture.

"What" is the latent inverted: an image that gives the same maps in a layer, found from noise alone.
What the layer has thrown away cannot come back. "Where" is the evidence for the answer in that
layer. Together they show what the network perceives where it matters.

    x' = argmin ‖Φ(x') - Φ(x)‖² / ‖Φ(x)‖² + λ mean |∇x'|

Mahendran and Vedaldi (2015), "Understanding deep image representations by inverting them",
arXiv:1412.0035; Giulivi et al. (2021), "Perception visualization", arXiv:2204.09920.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitreous.explain.gradcam import gradcam
from vitreous.explain.heat import laid_over, scaled
from vitreous.explain.layer_maps import last_map
from vitreous.explain.layer_output import layer_output, one_call
from vitreous.explain.looking import fitting, gradient, looking
from vitreous.explain.parametrization import parametrization_of
from vitreous.explain.plate import Picture, Plate, to_bytes
from vitreous.explain.target import Target, scalar_of
from vitreous.formats import counted, percent
from vitreous.shapes import Heatmaps, Images

STEPS = 192
RATE = 0.5
SMOOTH = 0.1  # λ
FAILED = 0.5  # of what the layer gives is missing: the image that was found shows little of it


@dataclass(frozen=True, eq=False)
class Inverted:
    """images (B, C, H, W) in [0, 1]; rests: (B,) ‖Φ(x') - Φ(x)‖ / ‖Φ(x)‖, what is still missing."""

    images: Images
    rests: Tensor


def invert(
    model: nn.Module,
    images: Images,
    layer: str,
    *,
    parametrization: str = "decorrelated",
    steps: int = STEPS,
    rate: float = RATE,
    smooth: float = SMOOTH,
    seed: int = 0,
) -> Inverted:
    """Images that give in a layer what these give, from noise.

    images  (B, C, H, W) in [0, 1]; each is inverted as if it were alone
    layer   as in `model.named_modules()`
    smooth  λ: how much differences of neighboring pixels cost

    Raises UsageError for an unknown layer, ModelError for one that no gradient passes.
    """
    written = parametrization_of(parametrization)
    layer = one_call(model, images, layer)
    size = images.shape[2], images.shape[3]
    with looking(model):
        given = fitting(model, images)
        with torch.no_grad():
            wanted = layer_output(model, given, layer).float().flatten(1)
        scale = wanted.square().sum(1).clamp_min(1e-12)
        numbers = torch.cat([written.start((1, *images.shape[1:]), seed)] * len(images))
        numbers = numbers.to(given.device).requires_grad_()
        optimizer = torch.optim.Adam([numbers], rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            made = written.images(numbers, size)
            rest = _apart(model, made.to(given.dtype), layer, wanted) / scale
            slopes = made.diff(dim=2).abs().mean((1, 2, 3)) + made.diff(dim=3).abs().mean((1, 2, 3))
            numbers.grad = gradient(rest + smooth * slopes, numbers, f"the image from {layer}")
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            made = written.images(numbers, size)
            rest = _apart(model, made.to(given.dtype), layer, wanted) / scale
    return Inverted(made.detach(), rest.sqrt().cpu())


def _apart(model: nn.Module, images: Images, layer: str, wanted: Tensor) -> Tensor:
    found = layer_output(model, images, layer).float().flatten(1)
    return (found - wanted).square().sum(1)


@dataclass(frozen=True, eq=False)
class Perceived:
    """layer: that was looked at; what: the inverted images; where: (B, H, W) in [0, 1], 1 where the
    evidence is densest; both: what is perceived there, the rest faded to gray, (B, C, H, W)."""

    layer: str
    what: Inverted
    where: Heatmaps
    both: Images


def perceive(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    layer: str | None = None,
    steps: int = STEPS,
) -> Perceived:
    """What and where a network perceives.

    target  as for `gradcam`; layer: None is what `last_map` finds

    Raises as `gradcam` and `invert` do.
    """
    scalar = scalar_of(model, images, target)
    layer = last_map(model, images, scalar) if layer is None else layer
    where = scaled(gradcam(model, images, scalar, layer=layer))
    what = invert(model, images, layer, steps=steps)
    share = where.sqrt()[:, None].to(what.images)  # faint evidence is still seen
    gray = what.images.mean((1, 2, 3), keepdim=True)
    return Perceived(layer, what, where, gray + share * (what.images - gray))


def perception_plate(images: Images, found: Perceived, names: list[str], asked: list[str]) -> Plate:
    """Each image, what the layer kept of it, where the evidence lies, and both in one.

    names  of the images; asked: what was asked about each
    """
    pictures = []
    rests = found.what.rests.tolist()
    given, what, both = (
        [to_bytes(one.float().cpu().numpy()) for one in batch]
        for batch in (images, found.what.images, found.both)
    )
    heats = found.where.float().cpu().numpy()
    for number, rest in enumerate(rests):
        pictures += [
            Picture(given[number], names[number], False),
            Picture(what[number], f"what: {percent(rest, 0)} still missing", False),
            Picture(laid_over(given[number], heats[number]), f"where: {asked[number]}", False),
            Picture(both[number], "what is perceived there", False),
        ]
    says = [
        "The second picture was sought from noise alone, to give this layer what the image "
        "gives it; below it stands what is still missing."
    ]
    failed = sum(rest > FAILED for rest in rests)
    if failed:
        says.append(
            f"For {failed} of {counted(len(rests), 'image')} the search found less than half: such "
            "a picture does not show what the network sees. Try an earlier --layer."
        )
    else:
        says.append("All else it does not see.")
    return Plate(
        name=f"perception-{found.layer}",
        title=f"What {found.layer} keeps, and where the evidence lies",
        says=says,
        pictures=pictures,
        across=4,
        facts={"layer": found.layer, "missing": rests, "asked": asked},
    )
