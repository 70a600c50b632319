"""A dense layer and its activation."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from vitreous.blocks.activation import activation


class Dense(nn.Sequential):
    """Children `linear`, `act` and, if its rate is positive, `dropout`.

    dropout  the proportion of units left out in training (some texts mean the proportion kept)
    """

    def __init__(self, inputs: int, outputs: int, act: str = "relu", dropout: float = 0.0) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            linear=nn.Linear(inputs, outputs), act=activation(act)
        )
        if dropout:
            layers["dropout"] = nn.Dropout(dropout)
        super().__init__(layers)
