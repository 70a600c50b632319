"""The table of explanation methods: from a network, images and a target to heatmaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from vitreous.errors import UsageError, unknown
from vitreous.explain.attention_rollout import attention_rollout
from vitreous.explain.cam import cam
from vitreous.explain.gradcam import gradcam
from vitreous.explain.gradient_input import gradient_input
from vitreous.explain.guided_backprop import guided_backprop
from vitreous.explain.integrated_gradients import integrated_gradients
from vitreous.explain.occlusion import occlusion
from vitreous.explain.saliency import saliency
from vitreous.explain.smoothgrad import smoothgrad
from vitreous.explain.target import Target
from vitreous.shapes import Heatmaps, Images


@dataclass(frozen=True)
class Method:
    """A way to explain.

    says     what its colors mean, in a few words
    apply    (model, images, target) to (B, H, W)
    signed   can a place speak against the answer?
    layered  does it look at a layer, `layer=...`?
    heeds    does the target matter to it?
    """

    says: str
    apply: Callable[..., Heatmaps]
    signed: bool = False
    layered: bool = False
    heeds: bool = True

    def __call__(
        self, model: nn.Module, images: Images, target: Target = None, layer: str | None = None
    ) -> Heatmaps:
        if layer is not None and not self.layered:
            raise UsageError(
                f"{self.apply.__name__} works on pixels and looks at no layer",
                where="layer",
                remedy="Leave it out, or choose gradcam.",
            )
        options = {"layer": layer} if self.layered else {}
        return self.apply(model, images, target, **options)


METHODS: dict[str, Method] = {
    "gradcam": Method(
        "warm is where the last maps hold evidence for the target", gradcam, layered=True
    ),
    "cam": Method("what each place adds to the logit", cam, signed=True),
    "saliency": Method("warm is where a small change of the pixel matters", saliency),
    "gradient_input": Method(
        "what each pixel would add, were all linear", gradient_input, signed=True
    ),
    "smoothgrad": Method(
        "warm is where a small change matters, its noise averaged out", smoothgrad
    ),
    "integrated_gradients": Method(
        "what each pixel adds to the difference from a black image",
        integrated_gradients,
        signed=True,
    ),
    "guided_backprop": Method("edges that excite, whatever for", guided_backprop, signed=True),
    "occlusion": Method("warm is where covering it lowers the target", occlusion, signed=True),
    "attention_rollout": Method(
        "where attention came from, whatever is asked", attention_rollout, heeds=False
    ),
}
"""The methods by name; the first is the default where a network has maps."""

PIXELS = "integrated_gradients"
"""The default where it has none."""


def method_of(name: str) -> Method:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in METHODS:
        raise unknown("method", name, METHODS, where="method")
    return METHODS[name]
