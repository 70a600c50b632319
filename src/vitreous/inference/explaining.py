"""A predictor that shows the evidence for its answers: heatmaps, and what these are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from vitreous.errors import UsageError
from vitreous.inference.predictor import BATCH, Image, Predictor, listed

if TYPE_CHECKING:  # what explains takes longer to import than to predict
    from vitreous.explain.certificate.certificate import Certificate
    from vitreous.explain.explanation import Explanation


@dataclass(frozen=True, kw_only=True)
class ExplainingPredictor(Predictor):
    """A network with everything that its answers, and their explanations, depend on."""

    @overload
    def explain(
        self,
        source: Image,
        *,
        method: str = "auto",
        layer: str | None = None,
        unit: int | None = None,
        target: str = "",
    ) -> Explanation: ...
    @overload
    def explain(
        self,
        source: list[Any] | tuple[Any, ...],
        *,
        method: str = "auto",
        layer: str | None = None,
        unit: int | None = None,
        target: str = "",
    ) -> list[Explanation]: ...
    def explain(
        self,
        source: Any,
        *,
        method: str = "auto",
        layer: str | None = None,
        unit: int | None = None,
        target: str = "",
    ) -> Any:
        """Where in one image, or in each of several, the evidence for the answer lies.

        source  as for `predict`
        method  a key of `vitreous.explain.METHODS`; "auto" is Grad-CAM, or integrated gradients for
                a network without maps
        layer   that Grad-CAM looks at, or that has the unit; None is found
        unit    channel of the layer that is asked about, in place of the answer
        target  what of the answer is asked about, in words of the task: a class, a class at a pixel
                ("road@120,80"), "box", a point; "" is what was answered

        Raises UsageError with the nearest names for what there is not, ModelError for a method that
        the network does not allow, and as `predict` does.
        """
        from vitreous.explain.explainer import Question, explain

        question = Question(method=method, layer=layer, unit=unit, target=target)
        several = listed(source)
        sources = [source] if several is None else several
        found: list[Explanation] = []
        chunks = (sources[first : first + BATCH] for first in range(0, len(sources), BATCH))
        for images, pictures, frames, _ in (each for chunk in chunks for each in self.seen(chunk)):
            images = images.to(self.device)
            outputs = self.outputs(images)
            found += explain(self.model, self.task, images, outputs, pictures, frames, question)
        return found[0] if several is None else found

    def certify(
        self,
        sources: Sequence[Image],
        *,
        method: str = "auto",
        layer: str | None = None,
        target: str = "",
    ) -> Certificate:
        """What the maps of a method are worth on this network, measured on these images.

        sources  as for `explain`: four or more, of several classes
        method, layer, target  as for `explain`

        Raises UsageError for too few images, for such of several sizes where the network sees each
        at its own, and as `explain` does.
        """
        import torch

        from vitreous.explain.explainer import Question, certify

        question = Question(method=method, layer=layer, target=target)
        seen = [*self.seen(sources)]
        sizes = Counter((images.shape[3], images.shape[2]) for images, *_ in seen)
        if len(sizes) > 1:
            (width, height), count = sizes.most_common(1)[0]
            raise UsageError(
                f"these images have {len(sizes)} sizes, and a certificate compares maps of one",
                where="images",
                remedy=f"Give images of one size: {count} of these have {width} × {height} pixels.",
            )
        images = torch.cat([images for images, *_ in seen]).to(self.device)
        frames = [frame for _, _, frames, _ in seen for frame in frames]
        return certify(self.model, self.task, images, self.outputs(images), frames, question)
