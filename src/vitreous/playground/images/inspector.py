"""A trained network and the image that it looks at, opened layer by layer.

Every map can be drawn, and every number in a map can be asked where it came from: the patch that
was seen, the kernel, the sum. What is shown is what the network computed, by the same pixel
contract as any prediction; nothing is recomputed in the browser.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.data.dataset import Pixels
from vitreous.errors import UsageError
from vitreous.explain.cam import Pooled, pooled
from vitreous.explain.embedding import Embedding, embed
from vitreous.explain.first_filters import byte_maps, filter_bytes, first_filters
from vitreous.inference.model_file import Bundle
from vitreous.inference.predictor import finite
from vitreous.models import head
from vitreous.models.linear import Linear, templates
from vitreous.playground.images.layers import (
    SHOWN,
    View,
    kind_of,
    reduced,
    shown_layers,
    watched,
)
from vitreous.playground.images.provenance import explained
from vitreous.playground.plane.snapshot import Frame
from vitreous.shapes import Images, Logits
from vitreous.trace.graph.family import describe
from vitreous.trace.measure.receptive import ReceptiveField, receptive_fields
from vitreous.training.precision import forward_context


class Lens:
    """A network with the last image it saw.

    title   what the page calls it
    origin  what it was trained on, in words
    """

    def __init__(self, bundle: Bundle, title: str, origin: str) -> None:
        self.bundle, self.title, self.origin = bundle, title, origin
        contract = bundle.contract
        if bundle.task.probabilities(torch.zeros(1, len(bundle.classes))) is None:
            raise UsageError(
                f"the playground opens networks that name classes; this one's task is another, "
                f"{bundle.task.name}",
                where=title,
                remedy="Look at its answers with `vitreous predict` or `vitreous report`.",
            )
        self.shape = contract.channels, contract.height, contract.width
        self.fields: dict[str, ReceptiveField] = receptive_fields(bundle.model, self.shape)
        self.shown = shown_layers(bundle.model)
        self.views: list[View] = []
        self._cloud: tuple[Tensor, Embedding] | None = None
        self.see(np.zeros((contract.height, contract.width, contract.channels), np.uint8))

    def network(self) -> Frame:
        """What belongs to the network alone: layers, classes, first filters, templates."""
        channels, height, width = self.shape
        facts: dict[str, Any] = {
            "title": self.title,
            "origin": self.origin,
            "classes": list(self.bundle.classes),
            "task": self.bundle.task.name,
            "channels": channels,
            "height": height,
            "width": width,
            "parameters": sum(p.numel() for p in self.bundle.model.parameters()),
            "layers": [self._described(view) for view in self.views],
            "cam": self._averaged() is not None,
        }
        arrays: dict[str, NDArray[Any]] = {}
        if isinstance(self.bundle.model, Linear):
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

    def embedding(self, images: Images) -> Frame:
        """What enters the last layer for images (B, C, H, W), and for the present image, along the
        first two principal components of the former. The images are looked at once.
        """
        if self._cloud is None:
            vectors = self._features(images)
            self._cloud = vectors.mean(dim=0), embed(vectors)
        center, cloud = self._cloud
        (here,) = self._features(self.bundle.contract.images(self.row[None].copy()))
        facts = {"dimensions": len(center), "shares": cloud.shares.tolist()}
        arrays = {
            "places": cloud.places.float().numpy(),
            "here": ((here - center) @ cloud.axes).float().numpy(),
        }
        return facts, arrays

    def _features(self, images: Images) -> Tensor:
        """The input of the layer that makes the logits, (B, D)."""
        _, found = self._looked([("head", head(self.bundle.model))], images)
        return found["head"].input.flatten(1).double()

    def _looked(
        self, layers: list[tuple[str, nn.Module]], images: Images
    ) -> tuple[Logits, dict[str, View]]:
        """The logits (B, L), computed as `Bundle.probabilities` does, and what layers made."""
        precision = forward_context(self.bundle.precision, images.device)
        with watched(layers) as found, torch.inference_mode(), precision:
            return finite(self.bundle.model(images)), found

    def see(self, image: Pixels) -> Frame:
        """Look at a decoded image (h, w, c): the image as it is fitted by the contract, every map,
        and the answer.
        """
        self.row = self.bundle.contract.row(image)
        images = self.bundle.contract.images(self.row[None].copy())
        (self.logits,), found = self._looked(self.shown, images)
        self.views = list(found.values())
        probabilities = self.bundle.task.probabilities(self.logits[None].float())
        assert probabilities is not None
        facts: dict[str, Any] = {
            "probabilities": probabilities[0].tolist(),
            "logits": self.logits.tolist(),
        }
        arrays: dict[str, NDArray[Any]] = {"image": self.row}
        scales = []
        for number, view in enumerate(self.views):
            maps = reduced(view.maps[: view.shown])
            arrays[f"maps{number}"] = byte_maps(maps)
            scales.append(float(view.maps.abs().max()))
        facts["scales"] = scales
        return facts, arrays

    def cam(self, label: int) -> Frame:
        """Where the evidence for a class lies: its class activation map, as bytes.

        For networks whose maps are averaged and then weighed by one dense layer; the mean of the
        map and the bias add up to the logit.
        """
        self._check("class", label, len(self.bundle.classes))
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
            "logit": float(self.logits[label]),
            "scale": float(heat.abs().max()),
        }
        return facts, {"heat": byte_maps(heat[None])[0]}

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
        }
        more, arrays = explained(view, channel, row, column)
        return facts | more, arrays

    def _window(self, view: View, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the pixels that the number depends on."""
        _, height, width = self.shape
        field = self.fields.get(view.name)
        if field is None or view.output.dim() != 4:
            return 0, 0, height, width
        return field.window(row, column, height, width)

    def _averaged(self) -> Pooled | None:
        """The end of a network that averages its maps and has one dense layer after that."""
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
