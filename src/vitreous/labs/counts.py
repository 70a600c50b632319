"""Counting parameters: the weights of the course's networks, taken from the networks themselves."""

from __future__ import annotations

from math import prod

import torch
from markupsafe import Markup
from torch import nn

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.labs.gallery import table
from vitreous.labs.lab import Finding, Lab, Values
from vitreous.models.mlp import perceptron
from vitreous.models.table import create

EXACT: dict[str, tuple[float, str]] = {
    "2-125-1": (501, "501"),
    "2-20-20-1": (501, "501"),
    "2-14-14-14-1": (477, "477"),
    "2-15-15-15-1": (541, "541"),
    "2-19-19-19-1": (837, "837"),
    "2-10-20-10-1": (471, "471"),
    "2-10-20-10-10-1": (581, "581"),
    "784-20-10": (15_910, "hidden 20"),
    "784-120-10": (95_410, "hidden 120"),
    "convolution 5 × 5, from 96 maps to 256": (614_656, "614,656"),
    "lenet5": (61_706, "as in its listing"),
    "lenet5 for colors": (62_006, "as in its listing"),
    "alexnet": (62_378_344, "60M"),
    "vgg16": (138_357_544, "138M"),
    "googlenet": (6_998_552, "only 5M"),
    "unet": (31_030_658, "as in its figure"),
    "units: 28 × 28 by 5 × 5, 3 maps": (1728, "3 × 24 × 24"),
    "size after 3 × 3 without padding, less n": (-2, "n − 2"),
    "size after 3 × 3 with half padding, less n": (0, "n"),
    "size after 3 × 3 with full padding, less n": (2, "n + 2"),
    "largest slope of the logistic function": (0.25, "0.25"),
}
"""What follows from the architectures by arithmetic, and how the source prints it."""

SHARES = {"alexnet": (94, "94 %"), "vgg16": (89, "89 %")}
HEADS = ("aux1", "aux2")  # of GoogLeNet, which are dropped where it answers


def parameters(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def dense_share(network: nn.Module) -> float:
    """Percent of the parameters that lie in dense layers."""
    dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return 100 * sum(map(parameters, dense)) / parameters(network)


def measure(*, seed: int = 0) -> Values:
    """All counts, on a device without memory, since no weight is looked at."""
    found: dict[str, float] = {}
    shares: dict[str, float] = {}
    with torch.device("meta"):
        for name in EXACT:
            if name[0].isdigit():
                found[name] = parameters(perceptron(*map(int, name.split("-"))))
        found["convolution 5 × 5, from 96 maps to 256"] = parameters(nn.Conv2d(96, 256, 5))
        for name in ("lenet5", "alexnet", "vgg16", "googlenet", "unet"):
            network = create(name)
            dropped = [layer for kind, layer in network.named_children() if kind in HEADS]
            found[name] = parameters(network) - sum(map(parameters, dropped))
            if name in SHARES:
                shares[name] = dense_share(network)
        found["lenet5 for colors"] = parameters(create("lenet5", in_channels=3))
        maps = nn.Conv2d(1, 3, 5)(torch.zeros(1, 1, 28, 28))
        found["units: 28 × 28 by 5 × 5, 3 maps"] = prod(maps.shape)
        for name, padding in (("without", 0), ("with half", 1), ("with full", 2)):
            size = nn.Conv2d(1, 1, 3, padding=padding)(torch.zeros(1, 1, 9, 9)).shape[-1]
            found[f"size after 3 × 3 {name} padding, less n"] = size - 9
    steepest = ACTIVATIONS["logistic"].derivative(torch.zeros(1, dtype=torch.float64))
    found["largest slope of the logistic function"] = float(steepest)
    return {"counts": found, "shares": shares}


def judge(values: Values) -> list[Finding]:
    """Counts are equal; shares are rounded as in the source."""
    counts = [
        Finding(name=name, ours=values["counts"][name], rule="=", bound=bound, source=source)
        for name, (bound, source) in EXACT.items()
    ]
    return counts + [
        Finding(
            name=f"{name}: percent of the parameters in dense layers",
            rule="±",
            reach=0.5,
            ours=values["shares"][name],
            bound=bound,
            source=source,
        )
        for name, (bound, source) in SHARES.items()
    ]


def draw(values: Values) -> Markup:
    """Which networks hold how much."""
    counts = sorted(values["counts"].items(), key=lambda row: -row[1])
    rows = [[name, f"{count:,.0f}"] for name, count in counts if count > 1e4]
    return table(("network", "parameters"), rows, "The largest first")


LAB = Lab(
    row="N1",
    name="counts",
    title="Counting parameters",
    claims="The sizes of the course's networks: 501 weights for 2-125-1 and 2-20-20-1, 614,656 for "
    "a convolution of 5 × 5, 138 million for VGG-16, 94 % and 89 % of them in dense layers.",
    source="Lectures 000, 001, 003 and 004",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(parameters, dense_share),
    assumed="AlexNet is the one without groups, for which the source's 94 % and 384 inputs are "
    "true. Where the source rounds, the exact number was computed from the architecture.",
    tries=("Open a network and see where they lie.", "vitreous inspect vgg16"),
)
