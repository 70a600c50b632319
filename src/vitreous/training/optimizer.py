"""The optimizers by name, and the groups of parameters that they treat differently.

Each has a learning rate of its own that is good to begin with: the rates of Adam and of plain
gradient descent differ by a factor of a hundred.
Kingma & Ba (2015), "Adam", arXiv:1412.6980; Loshchilov & Hutter (2019), "Decoupled weight decay
regularization", arXiv:1711.05101; Dozat (2016), "Incorporating Nesterov momentum into Adam";
Duchi et al. (2011), "Adaptive subgradient methods"; Tieleman & Hinton (2012), RMSprop, lecture 6e.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import NAdam, Optimizer, RMSprop
from torch.optim.adagrad import Adagrad
from torch.optim.adam import Adam
from torch.optim.adamw import AdamW
from torch.optim.sgd import SGD

from vitreous.errors import UsageError, unknown
from vitreous.losses.penalty import decays
from vitreous.training.eager_optimizer import eager
from vitreous.training.momentum import Momentum


@dataclass(frozen=True)
class OptimizerSpec:
    """A row of OPTIMIZERS.

    build         the constructor: (groups of parameters, **arguments)
    lr            peak learning rate to begin with
    weight_decay  to begin with
    arguments     of the constructor
    """

    build: Callable[..., Optimizer]
    lr: float
    weight_decay: float = 0.0
    arguments: dict[str, Any] = field(default_factory=dict)


NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)

# Fused and grouped ("foreach") kernels take half the time of a loop over small tensors or less.
OPTIMIZERS = {
    "sgd": OptimizerSpec(eager(SGD), 0.1, 5e-4, {"fused": True}),
    "momentum": OptimizerSpec(eager(Momentum), 0.02, 5e-4, {"momentum": 0.9}),
    "nesterov": OptimizerSpec(eager(Momentum), 0.02, 5e-4, {"momentum": 0.9, "nesterov": True}),
    "adam": OptimizerSpec(eager(Adam), 2e-3, 0.0, {"fused": True}),
    "adamw": OptimizerSpec(eager(AdamW), 2e-3, 0.01, {"fused": True}),
    "nadam": OptimizerSpec(eager(NAdam), 2e-3, 0.0, {"foreach": True}),
    "rmsprop": OptimizerSpec(eager(RMSprop), 1e-3, 0.0, {"foreach": True}),
    "adagrad": OptimizerSpec(eager(Adagrad), 1e-2, 0.0, {"fused": True}),
}


def optimizer(
    name: str,
    model: nn.Module,
    *,
    lr: float | None = None,
    weight_decay: float | None = None,
    momentum: float | None = None,
    head: nn.Module | None = None,
    backbone_lr: float = 1.0,
    layer_decay: float = 1.0,
    bias_lr: float = 1.0,
) -> Optimizer:
    """An optimizer of the model's trainable parameters.

    name          a key of OPTIMIZERS
    lr            peak learning rate; None takes the optimizer's own
    weight_decay  of weights; biases and the scales of normalization layers are spared
    momentum      μ of momentum and nesterov
    head          the part that learns at the full rate, if `backbone_lr` is not 1
    backbone_lr   factor on the rate of all other parts
    layer_decay   factor on the rate from each layer to the one before it, see `depths`
    bias_lr       factor on the rate of the shifts of normalization layers

    Raises UsageError for an unknown name, or if nothing is left to train.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS, where="--optimizer")
    spec = OPTIMIZERS[name]
    peak = spec.lr if lr is None else lr
    decay = spec.weight_decay if weight_decay is None else weight_decay
    arguments = dict(spec.arguments)
    if momentum is not None and "momentum" in arguments:
        arguments["momentum"] = momentum
    groups = parameter_groups(
        model,
        peak,
        decay,
        head=head,
        backbone_lr=backbone_lr,
        layer_decay=layer_decay,
        bias_lr=bias_lr,
    )
    return spec.build(groups, lr=peak, **arguments)


def parameter_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    *,
    head: nn.Module | None = None,
    backbone_lr: float = 1.0,
    layer_decay: float = 1.0,
    bias_lr: float = 1.0,
) -> list[dict[str, Any]]:
    """Parameters of equal rate and decay together, those of the highest rate first; but shifts of
    normalization layers last, where they have a rate of their own.

    Each group has "params", "weight_decay" and "initial_lr", the peak rate that `fit` multiplies by
    the schedule. A parameter that occurs twice in the model is taken once.
    """
    in_head = {id(p) for p in head.parameters()} if head is not None else set()
    depth = depths(model)
    shifts = {id(m.bias) for m in model.modules() if isinstance(m, NORMS)} if bias_lr != 1 else ()
    groups: dict[tuple[bool, float, float], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        rate = lr * layer_decay ** depth[parameter]
        if head is not None and id(parameter) not in in_head:
            rate *= backbone_lr
        apart = id(parameter) in shifts
        decay = weight_decay if decays(parameter) else 0.0
        key = apart, -rate * (bias_lr if apart else 1), -decay
        groups.setdefault(key, []).append(parameter)
    if not groups:
        raise UsageError(
            "no parameter of the network is trainable",
            where="--freeze",
            remedy="Freeze the backbone alone, or nothing.",
        )
    return [
        {"params": groups[key], "lr": -key[1], "initial_lr": -key[1], "weight_decay": -key[2]}
        for key in sorted(groups)
    ]


def depths(model: nn.Module) -> dict[nn.Parameter, int]:
    """How many layers lie between each parameter and the outputs: 0 in the last one.

    A layer is a child of the model, or a block of a child that is a row of equal blocks; a child
    without weights, such as a norm, goes with the layer before it. Parameters of the model itself,
    such as positions, go with the first layer.
    """
    layers: list[list[nn.Parameter]] = [[*model.parameters(recurse=False)]]
    begun = False
    for block in blocks(model):
        own = [*block.parameters()]
        heavy = any(decays(parameter) for parameter in own)
        if heavy and begun:
            layers.append(own)
        else:
            layers[-1] += own
        begun |= heavy
    return {p: len(layers) - 1 - place for place, layer in enumerate(layers) for p in layer}


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The children of a network in order, where a row of equal blocks counts as these."""
    for child in model.children():
        parts = [*child.children()] if isinstance(child, nn.Sequential) else []
        repeated = len(parts) > 1 and len({type(part) for part in parts}) == 1
        yield from parts if repeated else [child]
