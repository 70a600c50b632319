"""The certificate of an explanation: what is proven about a method's maps on this network.

Every proof is a measurement with a bound. One that fails says that the maps are not to be trusted
for this network, and why; one that does not apply is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError, UsageError
from vitreous.explain.cam import pooled_end
from vitreous.explain.certificate.deletion import curves
from vitreous.explain.certificate.mosaic import CELLS, found_share, mattering, mosaics
from vitreous.explain.certificate.randomized_weights import kept_without_weights
from vitreous.explain.certificate.stability import max_sensitivity
from vitreous.explain.integrated_gradients import integrated_gradients
from vitreous.explain.looking import forward, looking
from vitreous.explain.methods import METHODS, method_of
from vitreous.explain.target import Scalar, asked, scalar_of
from vitreous.shapes import Images

COMPLETE = 0.05  # of the difference that may be left over
IDENTITY = 1e-5  # of the largest logit
KEPT = 0.5  # rank correlation with the map of a random network
CHANGED = 1.0  # relative change of a map by a change of its image that nobody sees
SURE = 3.3  # standard errors above chance: one in two thousand gets there by luck
LEAST = 4  # images


@dataclass(frozen=True)
class Proof:
    """One measurement.

    name    of it
    value   what was measured; bound: what it is held against; above: must it be above that?
    says    what it means, in a sentence
    needed  does the certificate depend on it?
    """

    name: str
    value: float
    bound: float
    above: bool
    says: str
    needed: bool = True

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.above else self.value <= self.bound

    @property
    def line(self) -> str:
        sign = "≥" if self.above else "≤"
        verdict = "holds" if self.holds else "FAILS" if self.needed else "weak"
        return f"{self.name:15}{self.value:9.3g} {sign} {self.bound:<8.3g}{verdict:7}{self.says}"


@dataclass(frozen=True)
class Certificate:
    """What is proven about the maps of a method on a network.

    method, layer  as in an explanation
    proofs         those that apply; missing: (name, reason) of those that do not
    """

    method: str
    layer: str
    proofs: tuple[Proof, ...]
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def granted(self) -> bool:
        """Do all proofs hold that it depends on, one of which asks for evidence?"""
        needed = [proof for proof in self.proofs if proof.needed]
        return bool(needed) and all(proof.holds for proof in needed)

    @property
    def text(self) -> str:
        verdict = "granted" if self.granted else "REFUSED"
        where = f" in {self.layer}" if self.layer else ""
        lines = [proof.line for proof in self.proofs]
        lines += [f"{name:15}{'–':>9}            {reason}" for name, reason in self.missing]
        return "\n".join([f"certificate    {verdict}: {self.method}{where}", *lines])

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "layer": self.layer or None,
            "granted": self.granted,
            "proofs": [
                {
                    "name": proof.name,
                    "value": proof.value if math.isfinite(proof.value) else None,
                    "bound": proof.bound,
                    "above": proof.above,
                    "holds": proof.holds,
                    "needed": proof.needed,
                    "says": proof.says,
                }
                for proof in self.proofs
            ],
            "missing": [{"name": name, "reason": reason} for name, reason in self.missing],
        }


def certify(
    model: nn.Module,
    images: Images,
    method: str,
    *,
    scalar: Scalar | None = None,
    layer: str | None = None,
    seed: int = 0,
) -> Certificate:
    """Every proof that applies to a method on a network.

    images  (B, C, H, W) in [0, 1], at least four; the more, the surer
    scalar  what is asked about; None is the class that is answered
    layer   for a method that looks at one

    Raises UsageError for fewer images, and what the method itself raises.
    """
    if len(images) < LEAST:
        raise UsageError(
            f"{len(images)} images prove nothing about a method",
            where="images",
            remedy=f"Give {LEAST} or more, better 30, of several classes.",
        )
    apply = method_of(method)
    target = scalar_of(model, images, None) if scalar is None else scalar
    proofs: list[Proof] = []
    missing: list[tuple[str, str]] = []
    for found in (
        _identity(model, images, method, target),
        _randomized(model, images, method, target, layer, seed),
        _curves(model, images, method, target, layer, seed),
        _planted(model, images, method, layer, seed) if scalar is None else _unplanted(),
        _stable(model, images, method, target, layer, seed),
    ):
        for each in found:
            (proofs if isinstance(each, Proof) else missing).append(each)  # type: ignore[arg-type]
    return Certificate(method, (layer or "") if apply.layered else "", (*proofs,), (*missing,))


Found = Iterator[Proof | tuple[str, str]]


def _identity(model: nn.Module, images: Images, method: str, target: Scalar) -> Found:
    """What must add up, exactly."""
    if method == "integrated_gradients":
        with looking(model), torch.no_grad():
            ends = [
                asked(forward(model, each), target, len(images))
                for each in (images, torch.zeros_like(images))
            ]
        difference = ends[0] - ends[1]
        rest = integrated_gradients(model, images, target).sum((1, 2)) - difference
        left = float((rest.abs() / difference.abs().clamp_min(1e-6)).median())
        yield Proof("completeness", left, COMPLETE, False, "left over of the difference to black")
    elif method in ("cam", "gradcam"):
        try:
            end = pooled_end(model, images)
        except ModelError:
            yield "identity", "the network does not end in a global average and one dense layer"
            return
        if end.pool != "average":
            yield "identity", "the network ends in a global maximum"
            return
        with looking(model), torch.no_grad():
            logits = forward(model, images)
        error = (end.class_maps().mean((2, 3)) + end.bias - logits).abs().max()
        share = float(error / logits.abs().max().clamp_min(1e-12))
        yield Proof("identity", share, IDENTITY, False, "the mean of the class map and the bias "
                    "are the logit")  # fmt: skip
    else:
        yield "identity", "nothing has to add up in this method"


def _randomized(
    model: nn.Module, images: Images, method: str, target: Scalar, layer: str | None, seed: int
) -> Found:
    for name, share, which in (("randomization", 1.0, "the"), ("upper half", 0.5, "the upper")):
        kept = kept_without_weights(
            lambda net: METHODS[method](net, images, target, layer), model, share=share, seed=seed
        )
        says = f"of the map stays when {which} weights are random"
        yield Proof(name, kept, KEPT, False, says)


def _curves(
    model: nn.Module, images: Images, method: str, target: Scalar, layer: str | None, seed: int
) -> Found:
    heat = METHODS[method](model, images, target, layer)
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(heat.shape, generator=generator).to(heat)
    own, random = (curves(model, images, target, maps, seed=seed) for maps in (heat, chance))
    earlier = random.deletion_area - own.deletion_area
    sooner = own.insertion_area - random.insertion_area
    yield Proof("deletion", float(earlier.mean()), 0.0, True, "earlier falls the answer than by "
                "random pixels", needed=False)  # fmt: skip
    yield Proof("insertion", float(sooner.mean()), 0.0, True, "sooner rises the answer than by "
                "random pixels", needed=False)  # fmt: skip


def _planted(model: nn.Module, images: Images, method: str, layer: str | None, seed: int) -> Found:
    with looking(model), torch.no_grad():
        outputs = forward(model, images)
    if not isinstance(outputs, Tensor) or outputs.dim() != 2:
        yield from _unplanted()
        return
    planted = mosaics(model, images, outputs.argmax(1).cpu(), seed=seed)
    if planted is None:
        yield Proof("mosaics", math.nan, 0.0, True, "all images are answered alike: give others")
        return
    matter = mattering(model, planted)
    count = len(matter)
    chance = 1 / CELLS
    luck = chance + SURE * math.sqrt(chance * (1 - chance) / count)
    share = float(matter.double().mean())
    yield Proof("mosaics", share, luck, True, "of the mosaics are answered by the right quarter, "
                f"by chance {chance}")  # fmt: skip
    if not matter.any():
        return
    asks = planted.images[matter.to(images.device)]
    heat = METHODS[method](model, asks, planted.labels[matter], layer)
    shares = found_share(heat, planted.cells[matter.to(images.device)]).double()
    error = float(shares.std(correction=0)) / math.sqrt(len(shares))
    yield Proof("planted", float(shares.mean()), chance + SURE * error, True, "of the evidence "
                f"lies in it, by chance {chance}")  # fmt: skip


def _unplanted() -> Found:
    yield "planted", "only answers of one class an image can be planted"


def _stable(
    model: nn.Module, images: Images, method: str, target: Scalar, layer: str | None, seed: int
) -> Found:
    changes = max_sensitivity(
        lambda given: METHODS[method](model, given, target, layer), images, seed=seed
    )
    yield Proof("sensitivity", float(changes.median()), CHANGED, False, "of the map changes with a "
                "change that nobody sees", needed=False)  # fmt: skip
