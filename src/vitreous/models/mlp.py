"""The multi-layer perceptron: dense layers with a non-linearity between them.

With enough hidden units it approximates any continuous function (Cybenko 1989); with several
layers it needs far fewer of them. Rumelhart, Hinton and Williams (1986), "Learning
representations by back-propagating errors".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from vitreous.blocks.dense import Dense
from vitreous.blocks.residual import Residual
from vitreous.errors import UsageError
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


def hidden_layers(
    inputs: int,
    widths: Sequence[int],
    *,
    act: str = "relu",
    dropout: float = 0.0,
    bypass: bool = False,
) -> list[nn.Module]:
    """The hidden layers of a perceptron with `inputs` inputs, one module each.

    bypass  shortcuts between hidden layers: all layers from one width to its next occurrence
            become the body of one residual block, so that 10/20/10/10 has two shortcuts and not
            one parameter more
    """
    if any(width < 1 for width in (inputs, *widths)):
        raise UsageError(
            f"layers of {[inputs, *widths]} units",
            where="widths",
            remedy="Give each layer at least one unit.",
        )
    sizes = [inputs, *widths]
    dense = [Dense(a, b, act, dropout) for a, b in zip(sizes, widths, strict=False)]
    layers: list[nn.Module] = [*dense[:1]]
    at = 0  # the hidden layer whose output we hold
    while at + 1 < len(widths):
        same = widths.index(widths[at], at + 1) if widths[at] in widths[at + 1 :] else None
        if bypass and same is not None:
            layers.append(Residual(nn.Sequential(*dense[at + 1 : same + 1])))
            at = same
        else:
            layers.append(dense[at + 1])
            at += 1
    return layers


def perceptron(
    *widths: int, act: str = "relu", dropout: float = 0.0, bypass: bool = False
) -> nn.Sequential:
    """A perceptron on plain vectors: `perceptron(2, 125, 1)` has 2 inputs and 501 parameters.

    widths  units of every layer, inputs and outputs included; the last layer is linear
    """
    if len(widths) < 2:
        raise UsageError(
            f"{len(widths)} layers",
            where="widths",
            remedy="Give at least the numbers of inputs and outputs.",
        )
    inputs, *hidden, outputs = widths
    body = hidden_layers(inputs, hidden, act=act, dropout=dropout, bypass=bypass)
    return nn.Sequential(*body, nn.Linear(hidden[-1] if hidden else inputs, outputs))


class MLP(Network):
    """Flatten, `hidden1`, `hidden2`, ..., `head`.

    widths   units of the hidden layers, any number of them
    act      a name of the activation table
    dropout  proportion of hidden units left out in training
    bypass   residual shortcuts between hidden layers of equal width
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: tuple[int, int],
        widths: Sequence[int] = (300, 100),
        act: str = "relu",
        dropout: float = 0.0,
        bypass: bool = False,
    ) -> None:
        super().__init__(in_channels)
        self.flatten = nn.Flatten()
        inputs = in_channels * math.prod(size)
        widths = [*widths]
        layers = hidden_layers(inputs, widths, act=act, dropout=dropout, bypass=bypass)
        for number, layer in enumerate(layers, 1):
            self.add_module(f"hidden{number}", layer)
        self.head = nn.Linear(widths[-1] if widths else inputs, num_classes)
        self.sizes = Sizes(default=size[0], fixed=size)


_PAPER = 'Rumelhart et al., "Learning representations by back-propagating errors", Nature 323'

VARIANTS = (
    Variant(
        name="mlp",
        build=MLP,
        sized=True,
        year=1986,
        paper=_PAPER,
        parameters=266_610,
        macs=266_200,
        num_classes=10,
        in_channels=1,
        sizes=Sizes(default=28),
    ),
    Variant(
        name="mlp_residual",
        build=MLP,
        sized=True,
        arguments={"widths": (256, 256, 256, 256), "bypass": True},
        year=2016,
        paper='He et al., "Deep residual learning", arXiv:1512.03385, on dense layers',
        parameters=784 * 256 + 256 + 3 * (256 * 256 + 256) + 2_570,
        macs=399_872,
        num_classes=10,
        in_channels=1,
        sizes=Sizes(default=28),
    ),
)
