"""Named recipes: settings that were found together, as a table; `--recipe NAME` takes one.

A field that is given beside the name counts more. Rates are those of the recipe's own batches, and
follow the size of others in proportion, as the mean gradient of a larger batch is one of as many
steps: Goyal et al. (2017), "Accurate, large minibatch SGD", arXiv:1706.02677.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NamedRecipe:
    """A row of NAMED.

    purpose  what it is for, and where it is published
    fields   of a `Recipe`; its rate belongs to its batch size
    """

    purpose: str
    fields: Mapping[str, Any]


NAMED = {
    # Published in units that depend neither on the batch nor on the momentum μ: a rate of 11.5 for
    # 1,024 examples is 11.5 · B / 1,024 / (1 + 1 / (1 - μ)) for the mean of B, and the decay of
    # 0.0153 is one of 0.0153 / 11.5 for each unit of the rate.
    "speedrun": NamedRecipe(
        "94 % on CIFAR-10 with little arithmetic; Jordan (2024), arXiv:2404.00498",
        {
            "model": "airbench94",
            "epochs": 10,
            "batch_size": 500,
            "optimizer": "nesterov",
            "lr": 0.7324,
            "momentum": 0.85,
            "weight_decay": 0.00133,
            "bias_lr": 64.0,
            "schedule": "triangle",
            "label_smoothing": 0.2,
            "lookahead": 5,
            "augment": "alternate",
        },
    ),
}


def fields_of(name: str, batch_size: int | None) -> dict[str, Any]:
    """The fields of a named recipe for batches of this size; None is its own."""
    fields = dict(NAMED[name].fields)
    if batch_size is not None:
        fields["lr"] *= batch_size / fields["batch_size"]
    return fields
