"""A unit of a layer as if it were an output: what in an image excites one channel?"""

from __future__ import annotations

from torch import Tensor, nn

from vitreous.errors import ShapeError, UsageError
from vitreous.explain.layer_maps import as_map
from vitreous.explain.layer_output import layer_output
from vitreous.explain.looking import layer_of
from vitreous.shapes import Images


class Unit(nn.Module):
    """A network that answers with the mean activation of each channel of one of its layers, (B, K).

    layer  as in `model.named_modules()`; its last call, or "name#2" the second

    Everything that explains a class explains a channel by it. Raises UsageError for an unknown
    layer; its pass raises ShapeError where the layer has neither channels nor units.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        layer_of(model, layer)
        self.model, self.layer = model, layer

    def forward(self, images: Images) -> Tensor:
        output = layer_output(self.model, images, self.layer)
        maps = as_map(output, (images.shape[2], images.shape[3]))
        if maps is not None:
            return maps.mean((2, 3))
        if output.dim() == 2:
            return output
        raise ShapeError(
            f"{self.layer} has no units: it gives {tuple(output.shape)}",
            where="layer",
            remedy="Choose a convolution, a stage, a block of tokens or a dense layer.",
        )


def check_unit(unit: int, count: int, layer: str) -> None:
    """Raises UsageError for a channel that the layer does not have."""
    if not 0 <= unit < count:
        raise UsageError(
            f"{layer} has no unit {unit}",
            where="unit",
            remedy=f"It has {count:,}, counted from 0.",
        )
