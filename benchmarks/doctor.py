"""The fault zoo: how often does the doctor name what was planted, and how often does it cry wolf?

Real trainings of a perceptron of three layers, a convolutional network and a small residual network
on scikit-learn's digits, in a plain PyTorch loop with `vt.doctor(model)` round it. Each fault is
planted alone; healthy runs are of many recipes. A fix is what the diagnosis proposes: a flag where
it has one, and else the mended line of the loop or of the data.

python benchmarks/doctor.py [--seeds 2] [--only KEY]
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import vitreous as vt

STEPS = 240
EVERY = 60  # steps from one evaluation to the next
NETWORKS = ("mlp", "convnet", "resnet")


@dataclass(frozen=True)
class Plan:
    """A training: what is healthy by default, and what faults change."""

    network: str = "mlp"
    optimizer: str = "adam"
    lr: float = 2e-3
    weight_decay: float = 0.0
    batch_size: int = 32
    steps: int = STEPS
    activation: Callable[[], nn.Module] = nn.ReLU
    depth: int = 3
    width: int = 64
    dropout: float = 0.0
    norm: bool = True
    smoothing: float = 0.0
    augment: str = "none"
    examples: int = 1200
    init: Callable[[nn.Module], None] | None = None
    wrap: Callable[[nn.Module], nn.Module] | None = None
    images: Callable[[Tensor], Tensor] | None = None
    validation_images: Callable[[Tensor], Tensor] | None = None
    labels: Callable[[Tensor, torch.Generator], Tensor] | None = None
    keep: Callable[[Tensor], Tensor] | None = None
    shuffle: bool = True
    zero_grad: bool = True
    frozen: str = ""
    held: str = "all"
    train_mode: bool = True
    eval_mode: bool = True
    leak: bool = False
    reduction: str = "mean"
    momentum: float = 0.9


class Residual(nn.Module):
    def __init__(self, channels: int, norm: bool, activation: Callable[[], nn.Module]):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(channels, channels, 3, padding=1)]
            layers += [nn.BatchNorm2d(channels)] if norm else []
            layers += [activation()]
        self.body = nn.Sequential(*layers[:-1])
        self.last = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + self.body(x))


def network(plan: Plan) -> nn.Module:
    drop = [nn.Dropout(plan.dropout)] if plan.dropout else []
    act = plan.activation
    layers: list[nn.Module]
    if plan.network == "mlp":
        layers, size = [nn.Flatten()], 64
        for _ in range(plan.depth - 1):
            layers += [nn.Linear(size, plan.width), act(), *drop]
            size = plan.width
        layers += [nn.Linear(size, 10)]
    else:
        width = max(2, plan.width // 4)
        layers = [nn.Conv2d(1, width, 3, padding=1)]
        layers += [nn.BatchNorm2d(width)] if plan.norm else []
        layers += [act()]
        if plan.network == "convnet":
            for _ in range(plan.depth - 2):
                layers += [nn.Conv2d(width, width, 3, padding=1)]
                layers += [nn.BatchNorm2d(width)] if plan.norm else []
                layers += [act()]
            layers += [nn.MaxPool2d(2), nn.Flatten(), *drop, nn.Linear(width * 16, 10)]
        else:
            layers += [Residual(width, plan.norm, act) for _ in range(plan.depth - 1)]
            layers += [nn.AvgPool2d(2), nn.Flatten(), *drop, nn.Linear(width * 16, 10)]
    net: nn.Module = nn.Sequential(*layers)
    if plan.init is not None:
        plan.init(net)
    if plan.frozen:
        for name, parameter in net.named_parameters():
            if name.split(".")[0] != str(len(layers) - 1):
                parameter.requires_grad_(plan.frozen != "requires_grad")
    return plan.wrap(net) if plan.wrap is not None else net


def optimizer_of(plan: Plan, net: nn.Module) -> torch.optim.Optimizer:
    parameters = list(net.parameters())
    if plan.held == "head":
        parameters = parameters[-2:]
    if plan.held == "none":
        parameters = list(copy.deepcopy(net).parameters())
    parameters = [p for p in parameters if p.requires_grad]
    if plan.optimizer == "sgd":
        return torch.optim.SGD(parameters, plan.lr, weight_decay=plan.weight_decay)
    if plan.optimizer == "momentum":
        return torch.optim.SGD(parameters, plan.lr, plan.momentum, weight_decay=plan.weight_decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[plan.optimizer]
    return kind(parameters, plan.lr, weight_decay=plan.weight_decay)


def augmented(images: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    if kind == "none":
        return images
    if kind == "turn":  # by half a turn, every other image
        half = torch.rand(len(images), generator=generator) < 0.5
        return torch.where(half[:, None, None, None], images.flip(2, 3), images)
    if kind == "noise":
        return images + 0.1 * torch.randn(images.shape, generator=generator)
    step = int(torch.randint(-1, 2, (1,), generator=generator))  # light, standard: moved a pixel
    return images.roll(step, 2 + int(torch.randint(0, 2, (1,), generator=generator)))


@dataclass
class Result:
    accuracy: float
    first: dict[str, int]
    keys: list[str]
    diagnoses: list[Any] = field(default_factory=list)
    seconds: float = 0.0


def run(plan: Plan, seed: int) -> Result:
    began = time.perf_counter()
    pixels, digits = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)
    labels = torch.tensor(digits)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    held, train = order[:400], order[400 : 400 + plan.examples]
    if plan.leak:
        train = torch.cat([train[:600], held])
    if plan.keep is not None:
        train = train[plan.keep(labels[train])]
    given = labels.clone()
    if plan.labels is not None:
        given[train] = plan.labels(labels[train], generator)
    if not plan.shuffle:
        train = train[given[train].argsort(stable=True)]
    shown = plan.images(images) if plan.images is not None else images
    judged = plan.images(images[held]) if plan.images is not None else images[held]
    if plan.validation_images is not None:
        judged = plan.validation_images(judged)
    torch.manual_seed(seed)
    net = network(plan)
    method = optimizer_of(plan, net)
    criterion = nn.CrossEntropyLoss(label_smoothing=plan.smoothing, reduction=plan.reduction)
    first: dict[str, int] = {}
    accuracy = 0.0
    with vt.doctor(net) as doctor:
        taken = 0
        while taken < plan.steps:
            epoch = train
            if plan.shuffle:
                epoch = train[torch.randperm(len(train), generator=generator)]
            for batch in epoch.split(plan.batch_size):
                if len(batch) < min(plan.batch_size, len(train)):
                    continue
                net.train(plan.train_mode)
                outputs = net(augmented(shown[batch], plan.augment, generator))
                loss = criterion(outputs, given[batch])
                if plan.zero_grad:
                    method.zero_grad()
                loss.backward()
                method.step()
                taken += 1
                if taken % EVERY == 0:
                    net.train(not plan.eval_mode)
                    with torch.no_grad():
                        answers = net(judged)
                    accuracy = float((answers.argmax(1) == labels[held]).double().mean())
                    doctor.validated(accuracy=accuracy)
                for one in doctor.notice():
                    first[one.key] = taken
                if taken >= plan.steps:
                    break
    found = doctor.diagnoses
    for one in found:
        first.setdefault(one.key, taken)
    keys = [one.key for one in found]
    return Result(accuracy, first, keys, found, time.perf_counter() - began)


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
    """

    fault: dict[str, Any]
    accepted: tuple[str, ...]
    networks: tuple[str, ...] = NETWORKS
    mended: dict[str, Any] | None = None


PLAIN = ("mlp", "convnet")
DEEP = {"depth": 12, "norm": False}
ZOO: dict[str, Planted] = {
    "sigmoids, 12 layers": Planted(
        {**DEEP, "activation": nn.Sigmoid}, ("vanishing_gradients",), PLAIN, {"activation": nn.ReLU}
    ),
    "tiny weights, 12 layers": Planted(
        {**DEEP, "init": normal(0.1)}, ("vanishing_gradients",), PLAIN
    ),
    "tiny weights, tanh": Planted(
        {**DEEP, "activation": nn.Tanh, "init": normal(0.2)},
        ("vanishing_gradients",),
        PLAIN,
        {"activation": nn.ReLU},
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
    "L2 of 1, SGD": Planted(
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 1.0, "norm": False},
        ("weight_decay_too_high",),
        PLAIN,
    ),
    "60 images": Planted({"examples": 60}, ("overfitting",), mended={"examples": 1200}),
    "three units": Planted({"width": 3}, ("underfitting",), ("mlp",), {"width": 64}),
    "dropout of 0.9": Planted({"dropout": 0.9}, ("underfitting",), ("mlp",), {"dropout": 0.0}),
    "a class is missing": Planted(
        {"keep": lambda y: y != 3}, ("class_missing",), mended={"keep": None}
    ),
    "half turns": Planted(
        {"augment": "turn"}, ("augmentation_changes_labels",), mended={"augment": "none"}
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


def healthy() -> Iterator[tuple[str, Plan]]:
    """Recipes that learn, of many kinds."""
    base = [Plan(network=name) for name in NETWORKS]
    for plan in base:
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


def fixed(plan: Plan, planted: Planted, result: Result) -> Plan:
    """The plan with what the first diagnosis says."""
    if not result.diagnoses:
        return plan
    if planted.mended is not None:
        right = result.keys[0] in planted.accepted
        return replace(plan, **planted.mended) if right else plan
    first = result.diagnoses[0]
    change = dict(first.change)
    if "init" in change:
        change["init"] = normal(1.0) if change["init"] == "he" else normal(0.5**0.5)
    fields = {name: value for name, value in change.items() if hasattr(plan, name)}
    return replace(plan, **fields)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--no-fix", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = arguments.network or NETWORKS
    reference = {
        name: float(np.mean([run(Plan(network=name), seed).accuracy for seed in range(2)]))
        for name in networks
    }
    print("healthy accuracy:", ", ".join(f"{n} {100 * a:.1f} %" for n, a in reference.items()))
    columns = "fault, network, runs, seen, right first, step, with it, after the fix, named instead"
    print("\n| " + columns.replace(", ", " | ") + " |\n" + "|---" * 9 + "|")
    counted: list[Counted] = []
    for name, planted in ZOO.items():
        for kind in planted.networks:
            if kind in networks and arguments.only in name:
                counted.append(count(name, kind, planted, arguments))
                print(counted[-1].row(reference[kind]), flush=True)
    seen = np.concatenate([one.seen for one in counted])
    right = np.concatenate([one.right for one in counted])
    steps = np.concatenate([one.steps for one in counted])
    print(
        f"\n{len(ZOO)} faults, {len(seen)} runs: recall {seen.mean():.3f}, right diagnosis first "
        f"{right.mean():.3f}, seen after {np.median(steps):.0f} steps in the median"
    )
    if not arguments.no_fix:
        restored = [one.after >= 0.95 * reference[one.kind] for one in counted]
        share = f"{100 * np.mean(restored):.0f} % of {len(restored)} cases"
        print(f"the fix restores 95 % of the healthy accuracy in {share}")
    if not arguments.only:
        plans = [(name, plan) for name, plan in healthy() if plan.network in networks]
        alarms = [
            f"  {name}: {', '.join(found)}" for name, plan in plans if (found := run(plan, 0).first)
        ]
        share = f"{100 * len(alarms) / len(plans):.1f} %"
        print(f"{len(plans)} healthy runs, false alarms at any time: {len(alarms)} ({share})")
        print(*alarms, sep="\n")


@dataclass
class Counted:
    """What became of a fault on one network, over the seeds."""

    name: str
    kind: str
    seen: list[bool]
    right: list[bool]
    steps: list[int]
    before: float
    after: float
    others: str

    def row(self, healthy: float) -> str:
        cells = [self.name, self.kind, len(self.seen), sum(self.seen), sum(self.right)]
        cells += [f"{np.median(self.steps):.0f}", f"{100 * self.before:.1f} %"]
        cells += [f"{100 * self.after:.1f} %", self.others]
        return "| " + " | ".join(map(str, cells)) + " |"


def count(name: str, kind: str, planted: Planted, arguments: argparse.Namespace) -> Counted:
    plan = replace(Plan(network=kind), **planted.fault)
    results = [run(plan, seed) for seed in range(arguments.seeds)]
    firsts = [result.keys[0] if result.keys else "" for result in results]
    after = [np.nan]
    if not arguments.no_fix:
        after = [run(fixed(plan, planted, r), seed).accuracy for seed, r in enumerate(results)]
    return Counted(
        name,
        kind,
        seen=[bool(result.keys) for result in results],
        right=[first in planted.accepted for first in firsts],
        steps=[
            min((r.first[key] for key in planted.accepted if key in r.first), default=2 * STEPS)
            for r in results
        ],
        before=float(np.mean([result.accuracy for result in results])),
        after=float(np.mean(after)),
        others=", ".join(sorted({*firsts} - {*planted.accepted, ""})),
    )


if __name__ == "__main__":
    main()
