"""One row of the table of networks: a class, its arguments, and what was published about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vitreous.models.network import Network, OutputKind, Sizes


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Published weights: where they are, what they are, and how their pixels were normalized.

    source      an address, `hub:OWNER/NAME/FILE`, or `package:NAME/FILE` in an installed package
    sha256      of the file
    mean, std   of the pixels it was trained on, in units of [0, 1]
    size        of the images it was trained on, in pixels
    trained_on  the data set
    """

    source: str
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int = 224
    trained_on: str = "ImageNet-1k"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A network that can be asked for by name.

    build        its class
    arguments    what makes it this variant
    year, paper  where it was published
    parameters   how many it has, with the number of classes and channels below: a golden number
    macs         multiply-accumulates for one image of the default size: a golden number, too
    output       does it answer for each image ("vector"), or for each pixel ("map")?
    sized        the class must know the image size (dense layers on flattened maps, positions)
    at_once      a classic method, which learns in one go and not by steps; its costs follow from
                 the data
    """

    name: str
    build: Callable[..., Network]
    year: int
    paper: str
    parameters: int
    macs: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int = 1000
    in_channels: int = 3
    sizes: Sizes = field(default_factory=Sizes)
    output: OutputKind = "vector"
    sized: bool = False
    at_once: bool = False
    weights: Weights | None = None
