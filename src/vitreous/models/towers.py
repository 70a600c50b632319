"""Model parallelism: a network of towers, each on a device of its own, as AlexNet was trained.

    network = divided(create("alexnet_two_towers"), ["cuda:0", "cuda:1"])

Half of the channels, and of the units of dense layers, lie on each of two devices. These exchange
maps only where a layer looks at all of them: in the third convolution and in the dense layers; at
the border of the halves, a response normalization needs the two maps beyond it. Outputs and
gradients are those of one device.
Krizhevsky, Sutskever and Hinton (2012), section 3.2; Krizhevsky (2014), arXiv:1404.5997.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError, UsageError
from vitreous.models.network import Network

Parts = tuple[Tensor, ...]
"""Of a tensor (B, K, ...), the channels that lie on each device."""


class Divided(nn.Module):
    """A layer of which each device has a part.

    parts  those, each on its device
    """

    def __init__(self, layer: nn.Module, parts: Sequence[nn.Module], devices: Sequence[str]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.devices = devices
        for name, tensor in [*layer.named_parameters()]:
            for part, own, device in zip(
                parts, tensor.detach().tensor_split(len(parts)), devices, strict=True
            ):
                setattr(part, name, weight(own.to(device, copy=True), tensor))
            setattr(layer, name, weight(tensor.detach().to("meta"), tensor))
        self.whole = (layer,)  # in a tuple: it is no layer of this one

    def forward(self, x: Parts) -> Parts:
        return tuple(part(own) for part, own in zip(self.parts, self.inputs(x), strict=True))

    def inputs(self, x: Parts) -> Parts:
        """What each part is given."""
        return x

    def gathered(self) -> nn.Module:
        """The whole layer, on the first device."""
        layer = copy.deepcopy(self.whole[0])
        for name, tensor in [*layer.named_parameters()]:
            made = torch.empty_like(tensor, device=self.devices[0])
            parts = [part.get_parameter(name).detach() for part in self.parts]
            made.copy_(everything(parts, self.devices[0], axis=0))
            setattr(layer, name, weight(made, tensor))
        return layer


def weight(value: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=like.requires_grad)


class Everywhere(Divided):
    """A layer whose every output depends on all channels: here the devices talk to each other."""

    def inputs(self, x: Parts | Tensor) -> Parts:
        parts = (x,) if isinstance(x, Tensor) else x  # the images are whole
        return tuple(everything(parts, device) for device in self.devices)


class Last(Everywhere):
    """The layer that makes the answers, which come together on the first device."""

    def forward(self, x: Parts) -> Tensor:  # type: ignore[override]
        return everything(super().forward(x), self.devices[0])


class Response(Divided):
    """Local response normalization: of the other half, it sees a few maps at the border."""

    def inputs(self, x: Parts) -> Parts:
        reach: int = self.parts[0].size // 2  # type: ignore[assignment, operator]
        found = []
        for number, (own, device) in enumerate(zip(x, self.devices, strict=True)):
            before = [part[:, -reach:].to(device) for part in x[:number][-1:]]
            after = [part[:, :reach].to(device) for part in x[number + 1 :][:1]]
            found.append(torch.cat([*before, own, *after], 1))
        return tuple(found)

    def forward(self, x: Parts) -> Parts:
        reach: int = self.parts[0].size // 2  # type: ignore[assignment, operator]
        wide = super().forward(x)
        firsts = [0, *[reach] * (len(x) - 1)]
        return tuple(
            made[:, first : first + own.shape[1]]
            for made, own, first in zip(wide, x, firsts, strict=True)
        )


class Dropped(Divided):
    """Dropout, by the mask that one device would draw for all units."""

    def forward(self, x: Parts) -> Parts:
        rate: float = self.parts[0].p  # type: ignore[assignment]
        if not self.training or not rate:
            return x
        widths = [part.shape[1] for part in x]
        drawn = x[0].new_empty(len(x[0]), sum(widths), *x[0].shape[2:]).bernoulli_(1 - rate)
        masks = torch.split(drawn / (1 - rate), widths, 1)
        own = zip(x, masks, self.devices, strict=True)
        return tuple(part * mask.to(device) for part, mask, device in own)


ALONE: dict[type[nn.Module], type[Divided]] = {
    nn.ReLU: Divided,
    nn.MaxPool2d: Divided,
    nn.AdaptiveAvgPool2d: Divided,
    nn.Flatten: Divided,
    nn.LocalResponseNorm: Response,
    nn.Dropout: Dropped,
}
"""Layers without weights. Most look at each channel by itself."""


def divided(network: nn.Module, devices: Sequence[str | torch.device]) -> Network:
    """The network with its layers divided over these devices; the one that was given is used up.

    devices  as many as it has towers, the first being that of images and answers. One may occur
             several times, such as "cpu"

    Raises UsageError for a network that has not as many towers.
    """
    places, towers = [str(device) for device in devices], getattr(network, "towers", 1)
    if not isinstance(network, Network) or towers != len(places) or towers < 2:
        name = network.name if isinstance(network, Network) else type(network).__name__
        raise not_divisible(name, towers, len(places))
    leaves = [
        (name, layer)
        for stage, module in network.stages()
        for name, layer in module.named_modules(prefix=stage)
        if not [*layer.children()]
    ]
    network.normalize.to(places[0])
    for name, layer in leaves:
        network.set_submodule(name, part_out(layer, places, last=name == leaves[-1][0]))
    return network


def not_divisible(name: str, towers: int, devices: int) -> UsageError:
    """The error for a network that cannot be divided over so many devices."""
    has = "no towers" if towers < 2 else f"{towers} towers"
    return UsageError(
        f"{name} has {has}, and cannot be divided over {devices} devices",
        where="--model-parallel",
        remedy="Choose --model alexnet_two_towers and 2; --processes shares any network's batches.",
    )


def part_out(layer: nn.Module, devices: Sequence[str], last: bool) -> Divided:
    """This layer, divided. last: its outputs are the answers."""
    count = len(devices)
    if isinstance(layer, nn.Linear):
        widths = [len(part) for part in torch.arange(layer.out_features).tensor_split(count)]
        parts = [nn.Linear(layer.in_features, width, device="meta") for width in widths]
        return (Last if last else Everywhere)(layer, parts, devices)
    if isinstance(layer, nn.Conv2d) and layer.groups in (1, count):
        kind = Everywhere if layer.groups == 1 else Divided
        return kind(layer, [slim(layer, count) for _ in devices], devices)
    if type(layer) not in ALONE:
        raise ModelError(f"no rule divides a layer of the kind {type(layer).__name__}")
    return ALONE[type(layer)](layer, [copy.deepcopy(layer) for _ in devices], devices)


def slim(layer: nn.Conv2d, count: int) -> nn.Conv2d:
    """A convolution for one of `count` equal parts of the filters, without weights."""
    assert isinstance(layer.padding, tuple)
    return nn.Conv2d(
        layer.in_channels // layer.groups,
        layer.out_channels // count,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        bias=layer.bias is not None,
        device="meta",
    )


def gathered(network: nn.Module) -> nn.Module:
    """A divided network as one that is whole again, a copy on the first device; any other one as
    it is.
    """
    layers = [(name, m) for name, m in network.named_modules() if isinstance(m, Divided)]
    if not layers:
        return network
    whole = copy.deepcopy(network)
    for name, layer in layers:
        whole.set_submodule(name, layer.gathered())
    return whole


def everything(parts: Sequence[Tensor], device: str, axis: int = 1) -> Tensor:
    """All channels, on one device."""
    moved = [part.to(device) for part in parts]
    return moved[0] if len(moved) == 1 else torch.cat(moved, axis)
