"""Building the network that a recipe asks for, and checking that it can be had and fits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.blocks.init import initialize
from vitreous.blocks.mode import evaluating
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.statistics import statistics
from vitreous.errors import ShapeError, UsageError
from vitreous.models import create, variant
from vitreous.models.network import Network, Output
from vitreous.models.release import find
from vitreous.recipes.recipe import Recipe


def build_network(
    recipe: Recipe, contract: PixelContract, output: Output, rows: Iterable[NDArray[np.uint8]]
) -> tuple[Network, dict[str, Any]]:
    """The network with its first weights, and the arguments that create it again without them.

    rows  of the training part, some at a time; their mean and deviation normalize the pixels of a
          network that begins from scratch
    """
    assert recipe.model is not None
    created = arguments(recipe, contract, output)
    weights = {"yes": True, "no": False}.get(recipe.pretrained or "no", recipe.pretrained or "no")
    if weights is False:
        mean, std = statistics(rows)
        created |= {"mean": mean.tolist(), "std": std.tolist()}
    network = create(recipe.model, **created, pretrained=weights)
    if weights is False:
        initialize(network, recipe.init)
    # The model file must say how pixels are normalized, wherever that came from.
    for name in ("mean", "std"):
        created[name] = getattr(network.normalize, name).flatten().tolist()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, created


def arguments(recipe: Recipe, contract: PixelContract, output: Output) -> dict[str, Any]:
    """What the recipe's network is created with, apart from weights and normalization."""
    dropout = {"dropout": recipe.dropout} if recipe.dropout else {}
    height, width = contract.height, contract.width
    shape = {
        "in_channels": contract.channels,
        "size": height if height == width else [height, width],
    }
    return {"num_classes": output.channels, **shape, **dropout}


def check_network(
    recipe: Recipe, contract: PixelContract, output: Output, module: nn.Module | None = None
) -> None:
    """Create the network without memory, and look for its weights; or try out a module of the
    user's own.

    Raises UsageError, ShapeError or ModelFileError where that is impossible.
    """
    if module is not None:
        check_module(module, contract, output)
    if recipe.model is None:
        return
    with torch.device("meta"):
        try:
            create(recipe.model, **arguments(recipe, contract, output))
        except UsageError as error:
            if "'dropout'" not in error.message:
                raise
            raise UsageError(
                f"{recipe.model} has no layer that drops units",
                where="--dropout",
                remedy="Leave it out, or choose a network such as convnet, mlp or vgg16.",
            ) from error
    if recipe.pretrained == "yes" and variant(recipe.model).weights is None:
        raise UsageError(
            f"no weights come with {recipe.model}",
            where="--pretrained",
            remedy="Give a file (.safetensors, .pth), an address or hub:OWNER/NAME/FILE.",
        )
    if recipe.pretrained not in (None, "yes", "no"):
        find(recipe.pretrained)


def check_module(module: nn.Module, contract: PixelContract, output: Output) -> None:
    """Pass two black images through a network. Raises ShapeError if it does not take them, and
    UsageError if it does not answer as the task needs.
    """
    height, width, channels = contract.shape
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    images = torch.zeros(2, channels, height, width, device=device)
    try:
        # Lazy layers make their weights now, which inference mode would not let them train.
        with torch.no_grad(), evaluating(module):
            outputs = module(images)
    except (RuntimeError, ValueError) as error:
        raise ShapeError(
            f"the network does not take images (B, {channels}, {height}, {width}): {error}",
            where="model",
            remedy="Choose another size, such as size=32, or a network that takes these.",
        ) from error
    found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    wanted = output.shape(2, height, width)
    if found != wanted:
        raise UsageError(
            f"the network answers two images with {found}, where the data need {wanted}",
            where="model",
            remedy=f"Let it return a tensor ({', '.join(['B', *map(str, wanted[1:])])}).",
        )
