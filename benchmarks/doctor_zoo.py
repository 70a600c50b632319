"""The fault zoo: what is planted in trainings, and the healthy recipes beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from doctor_training import EXAMPLES, Plan

NETWORKS = ("mlp", "convnet", "resnet", "resnet20")


def each_layer(change: Callable[[nn.Module, int], None]) -> Callable[[nn.Module], None]:
    def init(net: nn.Module) -> None:
        with torch.no_grad():
            layers = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
            for number, layer in enumerate(layers):
                change(layer, number - len(layers))

    return init


def normal(scale: float) -> Callable[[nn.Module], None]:
    """Weights of `scale` times He's deviation."""

    def change(layer: Any, place: int) -> None:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        layer.weight.mul_(scale)
        nn.init.zeros_(layer.bias)

    return each_layer(change)


def constant(value: float) -> Callable[[nn.Module], None]:
    def change(layer: Any, place: int) -> None:
        nn.init.constant_(layer.weight, value)
        nn.init.zeros_(layer.bias)

    return each_layer(change)


def biased(value: float) -> Callable[[nn.Module], None]:
    def change(layer: Any, place: int) -> None:
        if place < -1:
            nn.init.constant_(layer.bias, value)

    return each_layer(change)


class Ended(nn.Module):
    def __init__(self, net: nn.Module, end: nn.Module):
        super().__init__()
        self.net, self.end = net, end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.net(x))


class Detached(nn.Module):
    """The features are computed without gradients, by mistake."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.body, self.head = net[:-1], net[-1]  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.body(x)
        return self.head(features)


def noisy(share: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    def change(labels: Tensor, generator: torch.Generator) -> Tensor:
        other = torch.randint(1, 10, labels.shape, generator=generator)
        wrong = torch.rand(labels.shape, generator=generator) < share
        return torch.where(wrong, (labels + other) % 10, labels)

    return change


def shuffled(labels: Tensor, generator: torch.Generator) -> Tensor:
    return labels[torch.randperm(len(labels), generator=generator)]


def with_nan(images: Tensor) -> Tensor:
    broken = images.clone()
    broken[::50, 0, 0, 0] = float("nan")
    return broken


@dataclass(frozen=True)
class Planted:
    """A row of the zoo.

    fault     what it does to a healthy plan
    accepted  keys of diagnoses that name it
    networks  on which it is a fault
    mended    the line of code or data that the fix is about; None: the fix is a flag
    data      on which it is a fault: a ship upside down is a ship, a 6 is a 9
    """

    fault: dict[str, Any]
    accepted: tuple[str, ...]
    networks: tuple[str, ...] = NETWORKS
    mended: dict[str, Any] | None = None
    data: tuple[str, ...] = tuple(EXAMPLES)


PLAIN = NETWORKS[:2]
DEEP = {"depth": 12, "norm": False}
RELU = {"activation": nn.ReLU, "init": normal(1.0)}  # what "--init he with ReLU" says
ZOO: dict[str, Planted] = {
    "sigmoids, 12 layers": Planted(
        {**DEEP, "activation": nn.Sigmoid}, ("vanishing_gradients",), PLAIN, RELU
    ),
    "tiny weights, 12 layers": Planted(
        {**DEEP, "init": normal(0.1)}, ("vanishing_gradients",), PLAIN
    ),
    "tiny weights, tanh": Planted(
        {**DEEP, "activation": nn.Tanh, "init": normal(0.2)},
        ("vanishing_gradients",),
        PLAIN,
        RELU,
    ),
    "large weights, 12 layers": Planted(
        {**DEEP, "init": normal(2.5)}, ("exploding_gradients",), PLAIN
    ),
    "large weights, 6 layers": Planted(
        {"depth": 6, "norm": False, "init": normal(5)}, ("exploding_gradients",), PLAIN
    ),
    "biases of -10": Planted({"norm": False, "init": biased(-10)}, ("dead_units",), PLAIN),
    "biases of -3": Planted({"norm": False, "init": biased(-3)}, ("dead_units",), ("mlp",)),
    "large weights, tanh": Planted(
        {"norm": False, "activation": nn.Tanh, "init": normal(15)}, ("saturated_units",), PLAIN
    ),
    "large weights, sigmoid": Planted(
        {"norm": False, "activation": nn.Sigmoid, "init": normal(40)},
        ("saturated_units",),
        ("mlp",),
    ),
    "zero weights": Planted({"norm": False, "init": constant(0)}, ("symmetric_units",), PLAIN),
    "equal weights": Planted({"norm": False, "init": constant(0.02)}, ("symmetric_units",), PLAIN),
    "learning rate × 1000, SGD": Planted({"optimizer": "sgd", "lr": 50.0}, ("lr_too_high",)),
    "learning rate × 100, momentum": Planted(
        {"optimizer": "momentum", "lr": 3.0, "norm": False}, ("lr_too_high",), PLAIN
    ),
    "learning rate × 500, Adam": Planted({"lr": 1.0}, ("lr_too_high",)),
    "learning rate / 1000, SGD": Planted({"optimizer": "sgd", "lr": 5e-5}, ("lr_too_low",)),
    "learning rate / 1000, Adam": Planted({"lr": 2e-6}, ("lr_too_low",)),
    "loss summed, not averaged": Planted(
        {"optimizer": "momentum", "lr": 0.05, "reduction": "sum", "norm": False},
        ("lr_too_high",),
        PLAIN,
    ),
    "softmax twice": Planted(
        {"wrap": lambda net: Ended(net, nn.Softmax(1))},
        ("softmax_twice",),
        mended={"wrap": None},
    ),
    "sigmoid before the softmax": Planted(
        {"wrap": lambda net: Ended(net, nn.Sigmoid())},
        ("loss_not_matched",),
        mended={"wrap": None},
    ),
    "ReLU on the logits": Planted(
        {"wrap": lambda net: Ended(net, nn.ReLU())}, ("loss_not_matched",), mended={"wrap": None}
    ),
    "labels shuffled": Planted({"labels": shuffled}, ("labels_shuffled",), mended={"labels": None}),
    "labels noisy, 40 %": Planted(
        {"labels": noisy(0.4)}, ("labels_noisy",), mended={"labels": None}
    ),
    "labels noisy, 25 %": Planted(
        {"labels": noisy(0.25)}, ("labels_noisy",), mended={"labels": None}
    ),
    "bytes as inputs": Planted(
        {"images": lambda x: x * 255}, ("inputs_not_normalized",), mended={"images": None}
    ),
    "inputs divided twice": Planted(
        {"images": lambda x: x / 255}, ("inputs_not_normalized",), mended={"images": None}
    ),
    "inputs far from zero": Planted(
        {"images": lambda x: x + 30}, ("inputs_not_normalized",), mended={"images": None}
    ),
    "not shuffled": Planted({"shuffle": False}, ("not_shuffled",), mended={"shuffle": True}),
    "layers without gradients": Planted(
        {"frozen": "requires_grad"}, ("frozen_layers",), mended={"frozen": ""}
    ),
    "optimizer of the head alone": Planted(
        {"held": "head"}, ("frozen_layers",), mended={"held": "all"}
    ),
    "features detached": Planted({"wrap": Detached}, ("frozen_layers",), mended={"wrap": None}),
    "optimizer of another network": Planted(
        {"held": "none"}, ("never_stepped",), mended={"held": "all"}
    ),
    "trained in evaluation mode": Planted(
        {"train_mode": False}, ("training_in_eval_mode",), NETWORKS[1:], {"train_mode": True}
    ),
    "batches of 2": Planted(
        {"batch_size": 2, "lr": 1e-3}, ("batch_norm_tiny_batches",), NETWORKS[1:]
    ),
    "evaluated in training mode": Planted(
        {"eval_mode": False, "dropout": 0.3},
        ("evaluated_in_training_mode",),
        mended={"eval_mode": True},
    ),
    "no zero_grad": Planted(
        {"zero_grad": False}, ("gradients_not_zeroed",), mended={"zero_grad": True}
    ),
    "weight decay of 10": Planted(
        {"optimizer": "adamw", "weight_decay": 30.0}, ("weight_decay_too_high",)
    ),
    "L2 of 1, momentum": Planted(
        {"optimizer": "momentum", "lr": 0.03, "weight_decay": 1.0, "norm": False},
        ("weight_decay_too_high",),
        PLAIN,
    ),
    "60 images": Planted({"examples": 60}, ("overfitting",), mended={"examples": None}),
    "two units": Planted(
        {"width": 2, "lr": 1e-2, "steps": 960}, ("underfitting",), ("mlp",), {"width": 64}
    ),
    "dropout of 0.9": Planted({"dropout": 0.9}, ("underfitting",), ("mlp",), {"dropout": 0.0}),
    "a class is missing": Planted(
        {"keep": lambda y: y != 3}, ("class_missing",), mended={"keep": None}
    ),
    "half turns": Planted(
        {"augment": "turn"},
        ("augmentation_changes_labels",),
        mended={"augment": "none"},
        data=("digits", "mnist"),
    ),
    "evaluated on negatives": Planted(
        {"validation_images": lambda x: 1 - x}, ("shift",), mended={"validation_images": None}
    ),
    "evaluated on dark images": Planted(
        {"validation_images": lambda x: 0.3 * x + 0.2 * torch.rand(x.shape)},
        ("shift",),
        mended={"validation_images": None},
    ),
    "held-out images in training": Planted({"leak": True}, ("leak",), mended={"leak": False}),
    "a pixel that is no number": Planted(
        {"images": with_nan}, ("inputs_not_a_number",), mended={"images": None}
    ),
}


def healthy(data: str, networks: Sequence[str]) -> Iterator[tuple[str, Plan]]:
    """Recipes that learn, of many kinds."""
    for plan in (Plan(data=data, network=name) for name in networks):
        for lr in (5e-4, 2e-3, 6e-3):
            yield f"{plan.network}, adam {lr:g}", replace(plan, lr=lr)
        yield (
            f"{plan.network}, adamw, decay 0.05",
            replace(plan, optimizer="adamw", weight_decay=0.05),
        )
        yield f"{plan.network}, sgd", replace(plan, optimizer="sgd", lr=0.1)
        yield f"{plan.network}, momentum", replace(plan, optimizer="momentum", lr=0.03)
        yield (
            f"{plan.network}, momentum, decay",
            replace(plan, optimizer="momentum", lr=0.01, weight_decay=5e-4),
        )
        yield f"{plan.network}, tanh", replace(plan, activation=nn.Tanh)
        yield f"{plan.network}, gelu", replace(plan, activation=nn.GELU)
        yield f"{plan.network}, leaky", replace(plan, activation=nn.LeakyReLU)
        yield f"{plan.network}, dropout", replace(plan, dropout=0.3)
        yield f"{plan.network}, smoothing", replace(plan, smoothing=0.1)
        yield f"{plan.network}, moved", replace(plan, augment="light")
        yield f"{plan.network}, noise", replace(plan, augment="noise")
        yield f"{plan.network}, batches of 128", replace(plan, batch_size=128, lr=5e-3)
        yield f"{plan.network}, batches of 16", replace(plan, batch_size=16)
        yield f"{plan.network}, wide", replace(plan, width=128)
        yield f"{plan.network}, no norm", replace(plan, norm=False)
        yield f"{plan.network}, standardized", replace(plan, images=lambda x: (x - 0.3) / 0.37)
        yield f"{plan.network}, longer", replace(plan, steps=500)
        yield f"{plan.network}, deep", replace(plan, depth=5)
        if data == "cifar10":
            yield f"{plan.network}, mirrored", replace(plan, augment="mirror")
