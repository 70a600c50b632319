"""Building the network that a recipe asks for, and checking that it can be had and fits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vitreous.blocks.init import initialize, without_weights
from vitreous.blocks.mode import evaluating
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.statistics import statistics
from vitreous.errors import DivergedError, ModelFileError, ShapeError, UsageError
from vitreous.inference.model_file import Bundle, parse
from vitreous.models import create, variant
from vitreous.models.imagenet import imagenet
from vitreous.models.network import Network, Output
from vitreous.models.pretrained import remedy
from vitreous.models.release import find
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.training.optimizer import NORMS


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
    stride = {"stride": output.stride} if output.stride > 1 else {}
    projected = {"projected": True} if output.projected else {}
    return {"num_classes": output.channels, **shape, **dropout, **stride, **projected}


def check_network(
    recipe: Recipe,
    contract: PixelContract,
    output: Output,
    module: nn.Module | None = None,
    progress: Progress | None = None,
) -> None:
    """Create the network without memory, and look for its weights, which are fetched now if they
    must be; or try out a module of the user's own.

    Raises UsageError, ShapeError or ModelFileError where that is impossible.
    """
    if module is not None:
        check_module(module, contract, output)
        check_norms(recipe, module)
    if recipe.model is None:
        return
    with without_weights():
        try:
            network: nn.Module = create(recipe.model, **arguments(recipe, contract, output))
        except ShapeError as error:  # one that the network needs, not one that the data have
            raise UsageError(error.message, where="--size", remedy=error.remedy) from error
        except UsageError as error:
            if "'dropout'" not in error.message:
                raise
            raise UsageError(
                f"{recipe.model} has no layer that drops units",
                where="--dropout",
                remedy="Leave it out, or choose a network such as convnet, mlp or vgg16.",
            ) from error
    check_norms(recipe, network)
    row = variant(recipe.model)
    if recipe.pretrained == "yes" and row.weights is None:
        raise UsageError(
            f"no weights come with {recipe.model}", where="--pretrained", remedy=remedy(row)
        )
    fetched = progress.task("downloading weights") if progress else None
    if recipe.pretrained == "imagenet":
        weights = imagenet(row)
        find(weights.source, weights.sha256, fetched)
    elif recipe.pretrained not in (None, "yes", "no"):
        find(recipe.pretrained, progress=fetched)


def check_norms(recipe: Recipe, network: nn.Module) -> None:
    """Raises UsageError where something is asked for of normalization layers that are not there, or
    do not learn. A named recipe brings its rate to any network.
    """
    head_alone = recipe.freeze == "backbone" and not recipe.fine_tune
    learns = not head_alone and any(isinstance(m, NORMS) for m in network.modules())
    if recipe.bias_lr is not None and recipe.recipe is None and not learns:
        raise UsageError(
            f"has no effect: in {recipe.model or 'the network'} no normalization layer learns",
            where="--bias-lr",
            remedy="Leave it out.",
        )
    if recipe.bn_recalibrate and not any(isinstance(m, _BatchNorm) for m in network.modules()):
        raise UsageError(
            f"has no effect: {recipe.model or 'the network'} has no batch norm",
            where="--bn-recalibrate",
            remedy="Leave it out.",
        )


def check_module(module: nn.Module, contract: PixelContract, output: Output) -> None:
    """Pass two black images through a network. Raises ShapeError if it does not take them, and
    UsageError if it does not answer as the task needs, or if nothing in it can learn.
    """
    height, width, channels = contract.shape
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    images = torch.zeros(2, channels, height, width, device=device)
    try:
        # Lazy layers make their weights now, which inference mode would not let them train.
        with torch.enable_grad(), evaluating(module):
            outputs = module(images)
    except Exception as error:  # a foreign network may raise anything
        raise ShapeError(
            f"the network does not take images (B, {channels}, {height}, {width}): "
            f"{str(error) or type(error).__name__}",
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
    if not outputs.requires_grad:
        raise UsageError(
            "nothing in the network can learn: its outputs depend on no parameter with a gradient",
            where="model",
            remedy="Leave torch.no_grad, detach and numpy out of its forward pass, and let a "
            "parameter have requires_grad=True.",
        )


def check_file(bundle: Bundle) -> None:
    """Write a network of the user's own into a model file in memory, and load it again.

    Raises UsageError where that is impossible or gives other answers: better now than after the
    last epoch.
    """
    height, width, channels = bundle.contract.shape
    image = torch.full((2, channels, height, width), 0.5)
    with evaluating(bundle.model):
        try:
            once, again = (bundle.outputs(image) for _ in range(2))
        except DivergedError as error:
            raise UsageError(
                "the network's answers to a gray image are not finite numbers",
                where="model",
                remedy="Look at its first weights; mask with -1e9 in place of -inf.",
            ) from error
        if not torch.allclose(once, again, rtol=1e-3, atol=1e-5):
            raise UsageError(
                "the network gives other answers to the same image when it is asked again",
                where="model",
                remedy="Let nothing be random in evaluation mode, nor depend on earlier images.",
            )
        try:
            parse(bundle.to_bytes(), "model.safetensors", bundle.model)
        except ModelFileError as error:
            raise UsageError(
                f"a model file of this network could not be loaded again: {error.message}",
                where="model",
                remedy="Keep all that its answers depend on in parameters and buffers: tensors of "
                "finite numbers, each under a name of its own.",
            ) from error
