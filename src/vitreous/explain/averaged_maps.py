"""Conversion of a network to average pooling and one dense layer, so that it has exact class maps.

What follows a layer's maps is taken away; their mean goes into a new dense layer, which alone is
trained. The mean of a class activation map and the bias are then the logit, whatever the network
was. What that costs in accuracy has to be measured. Zhou et al. (2016), arXiv:1512.04150.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import DivergedError, ModelError
from vitreous.explain.layer_maps import last_map
from vitreous.explain.layer_output import layer_map, layer_output, mapped, one_call
from vitreous.explain.looking import fitting, looking
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Features, Images, Logits

ROUNDS = 200  # of L-BFGS, at most
DECAY = 1e-3  # on the weights, for features of deviation 1


class AveragedMaps(nn.Module):
    """A network up to one of its layers, the mean of that layer's maps, and a dense layer.

    model  the network, whose later layers are not run any more
    layer  with K maps; count: K; outputs: L of the dense layer, zeros before it is trained
    """

    def __init__(self, model: nn.Module, layer: str, count: int, outputs: int) -> None:
        super().__init__()
        self.model, self.layer = model, layer
        self.maps = nn.Identity()  # so that whoever looks for the maps sees them
        self.head = nn.Linear(count, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def name(self) -> str:
        return f"{getattr(self.model, 'name', type(self.model).__name__)} up to {self.layer}"

    def forward(self, images: Images) -> Logits:
        output = layer_output(self.model, images, self.layer)
        size = images.shape[2], images.shape[3]
        maps: Features = self.maps(mapped(output, self.layer, size).to(self.head.weight.dtype))
        logits: Tensor = self.head(maps.mean((2, 3)))
        return logits


def averaged(
    model: nn.Module,
    images: Images,
    outputs: int,
    *,
    layer: str | None = None,
    target: Target = None,
) -> AveragedMaps:
    """The network with an untrained end of average pooling and one dense layer.

    images   (B, C, H, W) in [0, 1], some examples
    outputs  numbers that it gives for an image
    layer    whose maps are averaged; None is what `last_map` finds for the target

    Raises ModelError for a network without maps, UsageError and ShapeError for such a layer.
    """
    if layer is None:
        layer = last_map(model, images, scalar_of(model, images, target))
    layer = one_call(model, images, layer)
    maps = layer_map(model, images, layer)
    if maps.shape[2:].numel() < 2:
        raise ModelError(
            f"{layer} has one place, of which nothing can be averaged",
            where="layer",
            remedy="Choose an earlier layer.",
        )
    made = AveragedMaps(model, layer, maps.shape[1], outputs)
    return made.to(next(model.parameters()).device).train(model.training)


@torch.no_grad()
def means(model: AveragedMaps, batches: Iterable[Images]) -> Tensor:
    """(N, K) what enters the dense layer for these images."""
    found = []
    with looking(model), torch.no_grad():
        for images in batches:
            output = layer_output(model.model, fitting(model.model, images), model.layer)
            size = images.shape[2], images.shape[3]
            found.append(mapped(output, model.layer, size).mean((2, 3)).cpu())
    return torch.cat(found)


def train_head(
    model: AveragedMaps,
    features: Tensor,
    targets: Mapping[str, Any],
    loss: Callable[[Tensor, Mapping[str, Any]], Tensor],
) -> float:
    """Train the dense layer alone, to the minimum of its convex loss where that is convex; returns
    the mean loss.

    features  (N, K) as `means` gives them
    targets   of the N examples; loss: outputs (N, L) and targets to (N,)

    Raises DivergedError where no minimum is found.
    """
    with torch.inference_mode(False), torch.enable_grad():
        features = features.clone()
        center, spread = features.mean(0), features.std(0, correction=0).clamp_min(1e-6)
        inputs = (features - center) / spread
        weight = torch.zeros(model.head.out_features, inputs.shape[1], requires_grad=True)
        bias = torch.zeros(model.head.out_features, requires_grad=True)
        search = torch.optim.LBFGS(
            [weight, bias], max_iter=ROUNDS, line_search_fn="strong_wolfe", history_size=20
        )

        def cost() -> Tensor:
            search.zero_grad()
            found = loss(inputs @ weight.T + bias, targets).mean()
            whole = found + DECAY * weight.square().sum()
            whole.backward()  # type: ignore[no-untyped-call]
            return whole

        search.step(cost)  # type: ignore[no-untyped-call]
        found = float(cost().detach())
    if not torch.isfinite(torch.tensor(found)):
        raise DivergedError(
            "the dense layer found no minimum", remedy="Choose another layer of the network."
        )
    # The same function of the features as they are.
    with torch.no_grad():
        own = weight / spread
        model.head.weight.copy_(own)
        model.head.bias.copy_(bias - own @ center)
    return found
