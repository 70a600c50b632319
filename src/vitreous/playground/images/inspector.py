"""A trained network and the image that it looks at, opened layer by layer.

Every map can be drawn, and every number in a map can be asked where it came from: the patch that
was seen, the kernel, the sum. What is shown is what the network computed for the answer that
`predict` gives: the lens only looks on; nothing is recomputed in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.dataset import Pixels
from vitreous.data.images.decode import Source
from vitreous.errors import UsageError
from vitreous.explain.cam import Pooled, pooled
from vitreous.explain.embedding import Embedding, embed
from vitreous.explain.first_filters import byte_maps, filter_bytes, first_filters
from vitreous.inference.model_file import Bundle
from vitreous.models import head
from vitreous.models.linear import Linear, templates
from vitreous.playground.images.backward import gradients
from vitreous.playground.images.demo_networks import CONTRACT
from vitreous.playground.images.evidence_map import choices, evidence
from vitreous.playground.images.layers import (
    SHOWN,
    View,
    kind_of,
    reduced,
    shown_layers,
    source_of,
    watched,
)
from vitreous.playground.images.photo import Fields, Window, drawn_over, told
from vitreous.playground.images.provenance import explained
from vitreous.playground.images.trail import THROUGH, followed, inner_leaves
from vitreous.playground.plane.snapshot import Frame
from vitreous.shapes import Images
from vitreous.trace.capture.operations import Shape
from vitreous.trace.graph.family import describe


class Lens:
    """A network with the last image it saw.

    title   what the page calls it
    origin  what it was trained on, in words
    """

    def __init__(self, bundle: Bundle, title: str, origin: str) -> None:
        self.bundle, self.title, self.origin = bundle, title, origin
        contract = bundle.contract
        self.shape = contract.channels, contract.height, contract.width
        self.shown = shown_layers(bundle.model)
        self.views: list[View] = []
        self._fields: dict[Shape, Fields] = {}
        self._cloud: tuple[Tensor, Embedding] | None = None
        self._opened: tuple[View, list[View]] | None = None
        self.see(np.zeros(contract.shape, np.uint8))

    @property
    def named(self) -> bool:
        """Are its answers probabilities of classes, of the image as a whole?"""
        return self.bundle.task.probabilities(self.seen.outputs) is not None

    @property
    def reads_digits(self) -> bool:
        """Does it take images as the digits that come along are?"""
        return self.named and self.bundle.contract == CONTRACT

    def network(self) -> Frame:
        """What belongs to the network alone: layers, classes, first filters, templates."""
        channels, height, width = self.shape
        facts: dict[str, Any] = {
            "title": self.title,
            "origin": self.origin,
            "classes": list(self.bundle.classes) if self.named else [],
            "exclusive": self._exclusive(),
            "channels": channels,
            "height": height,
            "width": width,
            "parameters": sum(p.numel() for p in self.bundle.model.parameters()),
            "layers": [self._described(view) for view in self.views],
            "cam": self._averaged() is not None,
            "choices": choices(self.views),
        }
        arrays: dict[str, NDArray[Any]] = {}
        if isinstance(self.bundle.model, Linear) and self.named:
            arrays["templates"] = byte_maps(templates(self.bundle.model).mean(1))  # (L, H, W)
        first = first_filters(self.bundle.model, channels)
        if first is not None:
            weights = first.weight.detach()[:SHOWN]
            arrays["filters"] = filter_bytes(weights)
            facts["filters"] = {
                "count": len(first.weight),
                "scale": float(weights.abs().max()),
                "ranges": [[float(kernel.min()), float(kernel.max())] for kernel in weights],
            }
        return facts, arrays

    def _exclusive(self) -> bool:
        """Do its classes share one probability?"""
        found = self.bundle.task.probabilities(self.seen.outputs)
        return found is not None and bool((found.double().sum(1) - 1).abs().max() < 1e-5)

    def embedding(self, images: Images) -> Frame:
        """What enters the last layer for images (B, C, H, W), and for the present image, along the
        first two principal components of the former. The images are looked at once.
        """
        if self._cloud is None:
            vectors = self._features(images)
            self._cloud = vectors.mean(dim=0), embed(vectors)
        center, cloud = self._cloud
        (here,) = self._features(self.seen.images)
        facts = {"dimensions": len(center), "shares": cloud.shares.tolist()}
        arrays = {
            "places": cloud.places.float().numpy(),
            "here": ((here - center) @ cloud.axes).float().numpy(),
        }
        return facts, arrays

    def _features(self, images: Images) -> Tensor:
        """The input of the layer that makes the logits, (B, D)."""
        with watched([("head", head(self.bundle.model))]) as found:
            self.bundle.outputs(images)
        return found["head"].input.flatten(1).double()

    def see(self, image: Source, targets: Mapping[str, Any] | None = None) -> Frame:
        """Look at an image, the bytes of a file or an array (h, w, C): what the network sees, every
        map, and the answer, drawn over the image where it lies in it.

        targets  what is true of it, as a batch of one, where that is known
        """
        self.source, self.targets = image, targets
        with watched(self.shown) as found:
            self.seen = self.bundle.answered(image)
        self.views = list(found.values())
        self._opened = None
        facts: dict[str, Any] = {"answer": self.seen.answer.line}
        arrays: dict[str, NDArray[Any]] = {"image": self.row}
        probabilities = self.bundle.task.probabilities(self.seen.outputs)
        if probabilities is not None:
            facts["probabilities"] = probabilities[0].tolist()
            facts["logits"] = self.seen.outputs[0].tolist()
        shown, pictures = drawn_over(self.seen, self.bundle.task)
        facts["photo"] = shown
        arrays |= pictures
        scales = []
        for number, view in enumerate(self.views):
            maps = reduced(view.maps[: view.shown])
            arrays[f"maps{number}"] = byte_maps(maps)
            scales.append(float(view.maps.abs().max()))
        facts["scales"] = scales
        return facts, arrays

    @property
    def row(self) -> Pixels:
        """What the network sees of the image, (H, W, C)."""
        levels = self.seen.images[0].permute(1, 2, 0).cpu().numpy() * 255
        return np.ascontiguousarray(np.rint(levels).astype(np.uint8))

    def pixel(self, x: int, y: int) -> Frame:
        """What the network says at a pixel of the image, in its own pixels, and which pixels that
        depends on. Raises UsageError if there is no such pixel.
        """
        height, width = self.seen.picture.shape[:2]
        for what, index, limit in (("column", x, width), ("line", y, height)):
            self._check(what, index, limit)
        return told(self.seen, self.bundle.task, x, y, self._fields_here().output), {}

    def cam(self, label: int) -> Frame:
        """Where the evidence for a class lies: its class activation map, as bytes.

        For networks whose maps are averaged and then weighed by one dense layer; the mean of the
        map and the bias add up to the logit.
        """
        self._check("class", label, len(self.bundle.classes) if self.named else 0)
        end = self._averaged()
        if end is None:
            raise UsageError(
                "this network has no class activation maps",
                remedy="They need global average pooling followed by one dense layer.",
            )
        heat = end.class_maps()[0, label]
        bias = float(end.bias[label])
        facts = {
            "label": label,
            "mean": float(heat.mean()),
            "bias": bias,
            "logit": float(self.seen.outputs[0, label]),
            "scale": float(heat.abs().max()),
        }
        return facts, {"heat": byte_maps(heat[None])[0]}

    def explain(self, asked: Mapping[str, Any]) -> Frame:
        """Where in the image the evidence for its answer lies; see `evidence_map.evidence`."""
        return evidence(self.bundle, self.source, asked)

    def backward(self) -> Frame:
        """The loss of the answer, and its gradient at what each layer made.

        Raises UsageError where what is true is not known.
        """
        if self.targets is None:
            raise UsageError(
                "what is true of this image is not known, so it has no loss",
                where="loss",
                remedy="Choose an example or a validation image.",
            )
        return gradients(self.bundle, self.seen.images, self.targets, self.views)

    def value(self, layer: int, channel: int, row: int, column: int) -> Frame:
        """One number of a map, and what made it.

        Raises UsageError if there is no such number.
        """
        self._check("layer", layer, len(self.views))
        view = self.views[layer]
        for what, index, limit in zip(
            ("channel", "row", "column"), (channel, row, column), view.maps.shape, strict=True
        ):
            self._check(what, index, limit)
        facts: dict[str, Any] = {
            "layer": layer,
            "channel": channel,
            "row": row,
            "column": column,
            "value": float(view.maps[channel, row, column]),
            "window": self._window(view, row, column),
            "source": source_of(self.views, layer),
        }
        more, arrays = explained(view, channel, row, column)
        facts |= more
        leaf = next(view.module.children(), None) is None
        if leaf and more["how"] not in THROUGH:
            return facts, arrays
        # A layer of one number, or a whole stage: what made it lies further back.
        views = self.views[: layer + 1] if leaf else self._inside(view)
        further, pictures = followed(view, (channel, row, column), views)
        return facts | further, arrays | pictures

    def _inside(self, view: View) -> list[View]:
        """The layers inside of a stage, with what went through them for the present image."""
        if self._opened is None or self._opened[0] is not view:
            with watched(inner_leaves(view.module, view.name)) as found:
                self.bundle.outputs(self.seen.images)
            self._opened = view, list(found.values())
        return self._opened[1]

    def _window(self, view: View, row: int, column: int) -> Window | None:
        """Of the pixels that the number depends on; None where that is not known."""
        height, width = self.seen.images.shape[2:]
        if view.output.dim() == 2:  # a layer of vectors: flattened or averaged, it has read all
            return 0, 0, height, width
        field = self._fields_here().layers.get(view.name)
        return None if field is None else field.window(row, column, height, width)

    def _fields_here(self) -> Fields:
        """The receptive fields for images of the present size: borders are added by size."""
        shape = tuple(self.seen.images.shape[1:])
        if shape not in self._fields:
            self._fields = {shape: Fields.of(self.bundle.model, shape)}
        return self._fields[shape]

    def _averaged(self) -> Pooled | None:
        """The end of a network that averages its maps and has one dense layer after that."""
        if not self.named:
            return None
        last = head(self.bundle.model)
        entered = next((view.input for view in self.views if view.module is last), None)
        if entered is None:
            return None
        end = pooled(last, entered, (view.input for view in self.views))
        return end if end and end.pool == "average" else None

    def _described(self, view: View) -> dict[str, Any]:
        count, height, width = view.maps.shape
        return {
            "name": view.name,
            "kind": kind_of(view.module),
            "text": describe(view.module),
            "channels": count,
            "shown": view.shown,
            "height": height,
            "width": width,
            "drawn": list(reduced(view.maps[:1]).shape[1:]),
        }

    @staticmethod
    def _check(what: str, index: object, limit: int) -> None:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < limit:
            raise UsageError(f"there is no {what} {str(index)[:20]}", where=what)
