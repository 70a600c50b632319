"""Training of the fault zoo: a plain PyTorch loop with `vt.doctor(model)` round it.

A `Plan` says what is trained and how; a planted fault is a plan with some fields changed.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import vitreous as vt
from vitreous.data.formats.open import open as open_data
from vitreous.doctor import Diagnosis

STEPS = 240
EVERY = 60  # steps from one evaluation to the next
HELD = 400  # images of evaluation
EXAMPLES = {"digits": 1200, "mnist": 8000, "cifar10": 8000}  # images of training


@dataclass(frozen=True)
class Plan:
    """A training: what is healthy by default, and what faults change."""

    data: str = "digits"
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
    examples: int | None = None  # all that there are
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
    """Two convolutions round which the images go as well; smaller by `stride`."""

    def __init__(
        self,
        given: int,
        channels: int,
        norm: bool,
        activation: Callable[[], nn.Module],
        stride: int = 1,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for first, size in ((given, stride), (channels, 1)):
            layers += [nn.Conv2d(first, channels, 3, stride=size, padding=1)]
            layers += [nn.BatchNorm2d(channels)] if norm else []
            layers += [activation()]
        self.body = nn.Sequential(*layers[:-1])
        same = stride == 1 and given == channels
        self.way = nn.Identity() if same else nn.Conv2d(given, channels, 1, stride=stride)
        self.last = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.way(x) + self.body(x))


def network(plan: Plan, shape: tuple[int, int, int]) -> nn.Module:
    """For images (C, H, W); those of more than 16 pixels a side are halved by the first layer."""
    drop = [nn.Dropout(plan.dropout)] if plan.dropout else []
    act = plan.activation
    channels, side = shape[0], shape[1]
    layers: list[nn.Module]
    if plan.network == "mlp":
        layers, size = [nn.Flatten()], channels * side**2
        for _ in range(plan.depth - 1):
            layers += [nn.Linear(size, plan.width), act(), *drop]
            size = plan.width
        layers += [nn.Linear(size, 10)]
    else:
        width, stride = max(2, plan.width // 4), 1 if side <= 16 else 2
        side //= stride
        layers = [nn.Conv2d(channels, width, 3, stride=stride, padding=1)]
        layers += [nn.BatchNorm2d(width)] if plan.norm else []
        layers += [act()]
        if plan.network == "convnet":
            for _ in range(plan.depth - 2):
                layers += [nn.Conv2d(width, width, 3, padding=1)]
                layers += [nn.BatchNorm2d(width)] if plan.norm else []
                layers += [act()]
            layers += [nn.MaxPool2d(2), nn.Flatten()]
        elif plan.network == "resnet":
            layers += [Residual(width, width, plan.norm, act) for _ in range(plan.depth - 1)]
            layers += [nn.AvgPool2d(2), nn.Flatten()]
        else:  # three stages of `depth` blocks; of 3 it is ResNet-20
            for stage in (1, 2, 4):
                for number in range(plan.depth):
                    given = width // 2 if stage > 1 and not number else width
                    layers += [Residual(given, width, plan.norm, act, 1 + (given < width))]
                width *= 2
            width, side = width // 2, 2
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        layers += [*drop, nn.Linear(width * (side // 2) ** 2, 10)]
    net: nn.Module = nn.Sequential(*layers)
    if plan.init is not None:
        plan.init(net)
    if plan.frozen:
        for name, parameter in net.named_parameters():
            if name.split(".")[0] != str(len(layers) - 1):
                parameter.requires_grad_(plan.frozen != "requires_grad")
    return plan.wrap(net) if plan.wrap is not None else net


@functools.cache
def examples(name: str) -> tuple[Tensor, Tensor]:
    """(images (N, C, H, W) in [0, 1], classes (N,)): digits, or the first of mnist or cifar10 in
    the folder that VITREOUS_DATA names.
    """
    if name == "digits":
        pixels, digits = load_digits(return_X_y=True)
        images = torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)
        return images, torch.tensor(digits)
    folder = {"mnist": "mnist", "cifar10": "cifar-10-batches-bin"}[name]
    found = open_data(str(Path(os.environ.get("VITREOUS_DATA", ".")) / folder))
    rows = slice(0, HELD + EXAMPLES[name])
    images = torch.tensor(found.pixels[rows]).permute(0, 3, 1, 2).float() / 255
    return images.contiguous(), torch.tensor(found.targets["class"].array[rows])


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
    if kind == "mirror":  # left to right, every other image
        half = torch.rand(len(images), generator=generator) < 0.5
        return torch.where(half[:, None, None, None], images.flip(3), images)
    if kind == "noise":
        return images + 0.1 * torch.randn(images.shape, generator=generator)
    step = int(torch.randint(-1, 2, (1,), generator=generator))  # light, standard: moved a pixel
    return images.roll(step, 2 + int(torch.randint(0, 2, (1,), generator=generator)))


@dataclass
class Result:
    accuracy: float
    first: dict[str, int]
    keys: list[str]
    diagnoses: list[Diagnosis]


def run(plan: Plan, seed: int) -> Result:
    images, labels = examples(plan.data)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    held = order[:HELD]
    train = order[HELD : HELD + (plan.examples or EXAMPLES[plan.data])]
    if plan.leak:
        train = torch.cat([train[: len(train) // 2], held])
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
    net = network(plan, images.shape[1:])
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
    return Result(accuracy, first, keys, found)
