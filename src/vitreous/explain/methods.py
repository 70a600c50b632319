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

    says     what a bright place means, in a few words
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
    "gradcam": Method("evidence in the last maps", gradcam, layered=True),
    "cam": Method("the class's share of its logit", cam, signed=True),
    "saliency": Method("a small change matters", saliency),
    "gradient_input": Method("the pixel's share, were all linear", gradient_input, signed=True),
    "smoothgrad": Method("a small change matters, noise averaged out", smoothgrad),
    "integrated_gradients": Method(
        "the pixel's share of the difference to black", integrated_gradients, signed=True
    ),
    "guided_backprop": Method("edges that excite", guided_backprop, signed=True),
    "occlusion": Method("covering it lowers the answer", occlusion, signed=True),
    "attention_rollout": Method("attention has flowed from it", attention_rollout, heeds=False),
}
"""The methods by name; the first is the default where a network has maps."""

PIXELS = "integrated_gradients"
"""The default where it has none."""


def method_of(name: str) -> Method:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in METHODS:
        raise unknown("method", name, METHODS, where="method")
    return METHODS[name]
