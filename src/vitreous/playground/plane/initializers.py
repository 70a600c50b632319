"""How the weights of a network in the plane begin, as a table.

A row holds what is done to a network that PyTorch has just made, and the same as Python, so that
the script which the page hands out begins as the page did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from vitreous.blocks.init import initialize
from vitreous.labs.xor import awaken


@dataclass(frozen=True)
class Beginning:
    """A row of `BEGINNINGS`.

    label   as the page says it
    begin   what is done to the network
    source  the same in Python, for a plain sequence `network` of layers
    """

    label: str
    begin: Callable[[nn.Sequential], None]
    source: str


def drawn(name: str) -> Callable[[nn.Sequential], None]:
    """The initializer of that name, for all layers."""
    return lambda network: initialize(network, name)


EACH = "for layer in [layer for layer in network if isinstance(layer, nn.Linear)]"

BEGINNINGS = {
    "uniform": Beginning("uniform", lambda network: None, ""),
    "awake": Beginning(
        "uniform, biases ½",
        awaken,
        f"""\
{EACH}[:-1]:
    nn.init.constant_(layer.bias, 0.5)
""",
    ),
    "he": Beginning(
        "He",
        drawn("he"),
        f"""\
{EACH}:
    nn.init.normal_(layer.weight, 0.0, (2 / layer.in_features) ** 0.5)
    nn.init.zeros_(layer.bias)
""",
    ),
    "zero": Beginning(
        "all zero",
        drawn("zero"),
        f"""\
{EACH}:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
""",
    ),
}
