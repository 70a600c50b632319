"""The table of networks, in the order of their history, and the way to create one by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from vitreous.baselines.method_names import NAMES, is_classic
from vitreous.blocks.normalize import Normalize, Statistic
from vitreous.errors import UsageError, unknown
from vitreous.fields import checked
from vitreous.models import (
    airbench,
    alexnet,
    classic,
    convnet,
    denoiser,
    densenet,
    efficientnet,
    encoder_unet,
    fcn,
    googlenet,
    lenet,
    linear,
    mlp,
    mobilenet,
    nin,
    resnet,
    unet,
    unet_transformer,
    vgg,
    vit,
    vit_map,
)
from vitreous.models.network import Network
from vitreous.models.pretrained import load_weights
from vitreous.models.rows import Variant
from vitreous.models.surgery import with_projection

MODELS: dict[str, Variant] = {
    variant.name: variant
    for variant in chain(
        linear.VARIANTS,
        mlp.VARIANTS,
        lenet.VARIANTS,
        alexnet.VARIANTS,
        nin.VARIANTS,
        vgg.VARIANTS,
        googlenet.VARIANTS,
        unet.VARIANTS,
        resnet.VARIANTS,
        densenet.VARIANTS,
        mobilenet.VARIANTS,
        efficientnet.VARIANTS,
        encoder_unet.VARIANTS,
        fcn.VARIANTS,
        denoiser.VARIANTS,
        vit.VARIANTS,
        vit_map.VARIANTS,
        unet_transformer.VARIANTS,
        convnet.VARIANTS,
        airbench.VARIANTS,
    )
}


class Architectures:
    """Every name that `create` knows: networks of the table, and classic methods, of which there
    are as many as can be put together.
    """

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in MODELS or is_classic(name))

    def __iter__(self) -> Iterator[str]:
        return chain(MODELS, NAMES)


ARCHITECTURES = Architectures()


def create(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    size: int | tuple[int, int] | None = None,
    pretrained: bool | str | Path = False,
    mean: Statistic | None = None,
    std: Statistic | None = None,
    projected: bool = False,
    **arguments: Any,
) -> Network:
    """A network from the table: a plain module from images in [0, 1] to logits.

    num_classes, in_channels  None is what the network was published with; the first is the number
                of logits, for each image or, where the row's `output` is "map", for each pixel
    size        side of the images, or (height, width); None is the published one
    pretrained  True for the weights of the table; "imagenet" for those that torchvision publishes;
                or the folder of a run, a file (.safetensors, .pth), an address, or
                `hub:OWNER/NAME/FILE`. Layers of another number of classes or channels are adapted;
                what was done is in `model.notes`
    mean, std   of the pixels; None is that of the weights, ImageNet's for RGB, or 0.5 and 0.25
    projected   put a hidden layer before the logits, see `surgery.with_projection`
    arguments   anything else that the class takes, in place of the variant's own

    Raises UsageError for an unknown name or argument, ShapeError with a size that works.

    >>> sum(p.numel() for p in create("resnet20").parameters())
    269722
    """
    row = variant(name)
    num_classes = row.num_classes if num_classes is None else num_classes
    in_channels = row.in_channels if in_channels is None else in_channels
    for what, number in (("num_classes", num_classes), ("in_channels", in_channels)):
        if checked(what, number, int) < 1:
            raise UsageError(f"{number} of them", where=what, remedy="Give at least 1.")
    checked("size", size, int | tuple[int, int] | None)
    height, width = _sides(row.sizes.default if size is None else size)
    row.sizes.check(height, width, name)
    details = {**row.arguments, **arguments}
    known = _arguments_of(row, details.get("block"))
    for argument in arguments:
        if argument not in known:
            raise unknown(f"argument of {name}", argument, known)
    if row.sized:
        details["size"] = height, width
    model = row.build(num_classes=num_classes, in_channels=in_channels, **details)
    model.name = name
    if projected:
        with_projection(model)
    if not row.sized:
        model.sizes = row.sizes
    model.normalize = Normalize(in_channels, mean, std)
    if pretrained:
        load_weights(model, row, pretrained, mean=mean, std=std)
    return model


def variant(name: str) -> Variant:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if checked("model", name, str) in MODELS:
        return MODELS[name]
    if is_classic(name):
        return classic.row(name)
    raise unknown("model", name, ARCHITECTURES)


def learns_at_once(name: str | None) -> bool:
    """Is this a classic method, and no network that learns by steps? None is a module of one's own.

    Raises UsageError for a name that there is not.
    """
    return name is not None and variant(name).at_once


def default_size(name: str) -> int:
    """The side of the images that this network was published with, in pixels."""
    return variant(name).sizes.default


def minimum_size(name: str) -> int:
    """The smallest side that this network takes, in pixels."""
    return fitting_size(name, 1)


def fitting_size(name: str, size: int) -> int:
    """The smallest side that this network takes and that is not below `size`, in pixels."""
    return variant(name).sizes.fit(size)


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _arguments_of(row: Variant, block: Any) -> list[str]:
    """What the class of a network can be told by name, and the blocks that it is made of."""
    told = [row.build] if block is None else [row.build, block]
    names = {
        parameter.name: None
        for build in told
        for parameter in inspect.signature(build).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return [name for name in names if name not in ("num_classes", "in_channels", "size")]
