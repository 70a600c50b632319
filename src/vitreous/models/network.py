"""Base class of networks: normalization, then named stages that run in the order of their names.

A network *is* its children, unless it says otherwise in `run_stages`: there is no other forward
pass to read, and printing a network shows it. It takes images in [0, 1] and returns logits and
nothing else; `features` returns what each stage made of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal, Self

from torch import Tensor, nn

from vitreous.blocks.normalize import Normalize
from vitreous.errors import ShapeError
from vitreous.shapes import Images, Logits

OutputKind = Literal["vector", "map"]


@dataclass(frozen=True)
class Output:
    """What a network answers with: numbers for each image, or for each of its pixels.

    kind      "vector" is (B, L), "map" is (B, L, h, w): by default, the height and width of the
              images
    channels  L, such as the number of classes
    stride    pixels a side of the square that one place of a map answers for. The squares begin in
              the left upper corner, and the last ones may reach beyond the image: h is ⌈H/stride⌉
    projected a hidden layer lies between the features and the answers, see
              `surgery.with_projection`
    """

    kind: OutputKind
    channels: int
    stride: int = 1
    projected: bool = False

    def shape(self, batch: int, height: int, width: int) -> tuple[int, ...]:
        """Of the answer to that many images of that many pixels."""
        places = (-(-side // self.stride) for side in (height, width) if self.kind == "map")
        return (batch, self.channels, *places)

    def fits(self, outputs: Tensor, images: Images) -> bool:
        """Could `outputs` be the answer to these images?"""
        batch, _, height, width = images.shape
        return tuple(outputs.shape) == self.shape(batch, height, width)


@dataclass(frozen=True)
class Sizes:
    """Which image sizes a network takes, in pixels.

    default   the size it was published with
    minimum   the smallest side that leaves a pixel in its last map
    multiple  sides must be divisible by this (the patch of a transformer)
    fixed     the one size (height, width) that it was built for, or None for any
    """

    default: int = 224
    minimum: int = 1
    multiple: int = 1
    fixed: tuple[int, int] | None = None

    def fit(self, size: int) -> int:
        """The smallest acceptable side that is not smaller than `size`."""
        return -(-max(size, self.minimum) // self.multiple) * self.multiple

    def check(self, height: int, width: int, name: str) -> None:
        """Raises ShapeError that proposes a size which works."""
        got = f"{name} cannot take images of {height}×{width}"
        if self.fixed is not None and (height, width) != self.fixed:
            raise ShapeError(
                f"{got}: its dense layers were built for {self.fixed[0]}×{self.fixed[1]}",
                where="size",
                remedy=f"Resize the images, or create the network with size={height}."
                if height == width
                else f"Resize the images to {self.fixed[0]}×{self.fixed[1]}.",
            )
        if min(height, width) < self.minimum:
            raise ShapeError(
                f"{got}: its last map would be empty",
                where="size",
                remedy=f"Use at least {self.fit(self.minimum)}×{self.fit(self.minimum)}.",
            )
        if height % self.multiple or width % self.multiple:
            raise ShapeError(
                f"{got}: its patches of {self.multiple}×{self.multiple} do not divide them",
                where="size",
                remedy=f"Use {self.fit(height)}×{self.fit(width)}.",
            )


class Network(nn.Module):
    """Base of all networks: `normalize` and the stages that a subclass adds after it.

    A network that is no chain of stages overrides `run_stages`, and nothing else.

    auxiliary  children that are no stages (heads that only help training)
    aliases    names of tensors in published files, and ours
    smooth     do its derivatives tell what the answer depends on?
    notes      what was adapted when weights were loaded
    unpublished  stages beside the head that published weights do not have
    grid       images are padded inside to multiples of this many pixels, half before and half
               behind, with the mean color; 1 where nothing is padded
    """

    auxiliary: ClassVar[tuple[str, ...]] = ()
    smooth: ClassVar[bool] = True
    aliases: ClassVar[Mapping[str, str]] = {}
    towers: int = 1
    notes: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()
    grid: int = 1
    normalize: Normalize
    sizes: Sizes = Sizes()
    name: str

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.normalize = Normalize(in_channels)

    @property
    def in_channels(self) -> int:
        return self.normalize.channels

    def stages(self) -> Iterator[tuple[str, nn.Module]]:
        """(name, module) of each stage, in order; the last one makes the logits."""
        children = self.named_children()
        return ((n, m) for n, m in children if n != "normalize" and n not in self.auxiliary)

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        """(name, output) of each stage as soon as it has run, in order; the last are the logits.

        Nobody holds an output longer than the next stage needs it, unless the caller does.
        """
        self.check(images)
        x: Tensor = self.normalize(images)
        for name, stage in self.stages():
            x = stage(x)
            yield name, x

    def published(self) -> Network:
        """The network that published weights are loaded into: this one, or what it is built on."""
        return self

    def forward(self, images: Images) -> Logits:
        x: Tensor = images
        for _, x in self.run_stages(images):  # noqa: B007
            pass
        return x

    def run(self, images: Images) -> dict[str, Tensor]:
        """The output of every stage by name, in order; the last one is what `forward` returns."""
        return dict(self.run_stages(images))

    def features(self, images: Images) -> dict[str, Tensor]:
        """The output of every stage by name, in order, up to the one that makes the logits, which
        is not run.
        """
        return dict(islice(self.run_stages(images), len([*self.stages()]) - 1))

    def extra_repr(self) -> str:
        """What runs after what, for the head of the printed network."""
        return " → ".join(["normalize", *(name for name, _ in self.stages())])

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode, as in any module.

        In training, rectifiers inside stages work in place, which saves time and memory. In
        evaluation, when networks are looked into, every layer leaves its input as it was.
        """
        super().train(mode)
        stages = [stage for _, stage in self.stages()]
        for layer in self.modules():
            if isinstance(layer, (nn.ReLU, nn.ReLU6)) and layer not in stages:
                layer.inplace = mode
        return self

    def check(self, images: Images) -> None:
        """Raises ShapeError, with what would work, if the network cannot take these images."""
        if images.dim() != 4 or images.shape[1] != self.in_channels:
            raise ShapeError(
                f"{self.name} takes images (B, {self.in_channels}, H, W), not a tensor of shape "
                f"{tuple(images.shape)}",
                where="images",
                remedy="Add the missing axis."
                if images.dim() != 4
                else f"Create the network with in_channels={images.shape[1]}, or convert the "
                f"images to {self.in_channels} channels.",
            )
        self.sizes.check(images.shape[2], images.shape[3], self.name)
