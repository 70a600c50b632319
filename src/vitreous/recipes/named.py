"""Named recipes: settings that were found together, as a table; `--recipe NAME` takes one.

A field that is given beside the name counts more. Rates are those of steps over the recipe's own
batches, and follow the examples of other steps in proportion: Goyal et al. (2017), "Accurate, large
minibatch SGD", arXiv:1706.02677. Many small color pictures get one of them without a name; which
one depends on the time for each picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vitreous.augment.policies import directed, symbols
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import seconds

MANY = 20_000  # pictures
AMPLE = 0.03  # seconds for each of them, in which the wider network is the better one


@dataclass(frozen=True)
class NamedRecipe:
    """A row of NAMED.

    purpose  what it is for, and where it is published
    fields   of a `Recipe`; its rate belongs to its batch size
    """

    purpose: str
    fields: Mapping[str, Any]


# Published in units that depend neither on the batch nor on the momentum μ: a rate of 11.5 for
# 1,024 examples is 11.5 · B / 1,024 / (1 + 1 / (1 - μ)) for the mean of B, and the decay of 0.0153
# is one of 0.0153 / 11.5 for each unit of the rate.
AIRBENCH: dict[str, Any] = {
    "optimizer": "nesterov",
    "momentum": 0.85,
    "weight_decay": 0.00133,
    "bias_lr": 64.0,
    "schedule": "triangle",
    "label_smoothing": 0.2,
    "lookahead": 5,
    "augment": "alternate",
    "keep": "last",
}
OF_OPTIMIZER = ("lr", "momentum", "weight_decay", "bias_lr")  # another one takes its own
PICTURES, WIDE = "small_pictures", "speedrun"
NAMED = {
    WIDE: NamedRecipe(
        "94 % on CIFAR-10 with little arithmetic; Jordan (2024), arXiv:2404.00498",
        {
            **AIRBENCH,
            "model": "airbench94",
            "epochs": 12,
            "batch_size": 1024,
            "lr": 1.5,
            "tta": "shift",
        },
    ),
    PICTURES: NamedRecipe(
        "many small color pictures in minutes: the same with a narrower network",
        {**AIRBENCH, "model": "airbench_small", "batch_size": 250, "lr": 0.3662},
    ),
}


def named_fields(
    values: Mapping[str, Any], facts: DataFacts, *, own_module: bool = False
) -> Iterator[tuple[str, Any, str]]:
    """Field, value and reason of each setting that a named recipe brings: the one that is asked
    for, or the one that these data get unasked.

    values      the fields of the recipe as it was given
    own_module  the network is the user's
    """
    name, reason = values["recipe"], f"of the recipe {values['recipe']}"
    if name is None:
        if own_module or not suits(values, facts):
            return
        wide = values["time"] is not None and seconds(values["time"]) >= AMPLE * facts.examples
        name, reason = WIDE if wide else PICTURES, "many small color pictures"
        reason += f"{', and time enough' if wide else ''}: of the recipe {name}"
    fields = dict(NAMED[name].fields)
    if values["recipe"] is None:  # its length and its views are not asked for
        fields.pop("epochs", None)
        fields.pop("tta", None)
    if turned_round(facts):
        fields.pop("tta", None)
    if own_module:
        del fields["model"]
    if values["ema"] or values["swa"]:
        del fields["lookahead"]  # the user has chosen another average
    if values["patience"]:
        del fields["keep"]  # it stops where the score does
    if values["optimizer"] not in (None, fields["optimizer"]):
        fields = {field: fields[field] for field in fields if field not in OF_OPTIMIZER}
    else:
        step = (values["batch_size"] or fields["batch_size"]) * values["accumulate"]
        fields["lr"] *= step / fields["batch_size"]
    if "epochs" not in fields and values["time"] is not None:
        yield "epochs", 60, "at most; the time ends it"
    for field, value in fields.items():
        yield field, value, reason


def turned_round(facts: DataFacts) -> bool:
    """Would a mirror change what the images show, as far as names tell?"""
    return symbols(facts.classes, facts.dataset) or directed(facts.classes)


def suits(values: Mapping[str, Any], facts: DataFacts) -> bool:
    """Are these many small color pictures of one class each, and nothing is asked for that belongs
    to another network or optimizer?
    """
    told = ("model", "optimizer", "lr", "dropout")
    usual = {
        "task": ("classify",),
        "loss": ("auto", "cross_entropy"),
        "engine": ("autograd",),
        "freeze": ("auto", "none"),
        "pretrained": (None, "no"),
    }
    return (
        facts.small
        and facts.channels == 3
        and facts.examples >= MANY
        and all(values[name] is None for name in told)
        and all(values[name] in words for name, words in usual.items())
    )
