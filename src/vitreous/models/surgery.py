"""Head replacement, freezing, adapting input channels: surgery that keeps what was learned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vitreous.blocks.normalize import Normalize
from vitreous.blocks.pool import POOLS, GlobalAveragePool
from vitreous.errors import ModelError, UsageError, unknown
from vitreous.models.network import Network
from vitreous.shapes import Images


def head(model: nn.Module) -> nn.Module:
    """The layer that makes the logits: a network's last stage, or any module's last dense layer."""
    pools = tuple(POOLS.values())
    if isinstance(model, Network):
        stages = [stage for _, stage in model.stages() if not isinstance(stage, pools)]
        return stages[-1]
    dense = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    if not dense:
        raise ModelError(
            f"{type(model).__name__} has no dense layer that makes its logits",
            remedy="Give a network whose last layer is nn.Linear.",
        )
    return dense[-1]


def anew(model: nn.Module) -> nn.Module:
    """What begins anew beside pretrained weights: the head, and stages that these do not have."""
    names = model.unpublished if isinstance(model, Network) else ()
    return nn.ModuleList([head(model), *(model.get_submodule(name) for name in names)])


class Pointwise(nn.Module):
    """A 1×1 convolution applied to vectors: since averaging is linear, it may come after it."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x[:, :, None, None])
        return y.flatten(1)


def backbone_and_head(model: nn.Module) -> tuple[Callable[[Images], Tensor], nn.Module]:
    """(backbone, head) with head(backbone(images)) == model(images) in evaluation mode.

    backbone  images to (B, K) features: whatever enters the head, so that it works for any module
    head      the very layer of the model, not a copy: training it trains the model

    Raises ModelError for a network that answers for every place of a map: it has no one vector for
    an image. That a module of another kind does so is noticed when its backbone runs.
    """
    last = head(model)
    averaged = isinstance(last, nn.Conv2d | nn.ConvTranspose2d)
    if averaged and not _ends_in_average(model):
        raise _no_vector(model)

    def backbone(images: Images) -> Tensor:
        seen: list[Tensor] = []
        hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            model(images)
        finally:
            hook.remove()
        features = seen[0].mean((2, 3)) if averaged else seen[0]
        if features.dim() != 2:
            raise _no_vector(model)
        return features

    return backbone, Pointwise(last) if isinstance(last, nn.Conv2d) else last


def _ends_in_average(model: nn.Module) -> bool:
    """Is the head a convolution whose map is averaged, as in network in network?"""
    stages = [*model.stages()] if isinstance(model, Network) else []
    return bool(stages) and isinstance(stages[-1][1], GlobalAveragePool)


def _no_vector(model: nn.Module) -> ModelError:
    return ModelError(
        f"{getattr(model, 'name', type(model).__name__)} answers for every place of a map, so that "
        "no one vector of features stands for an image",
        remedy="Train the whole network, or take a network that answers once for each image.",
    )


class FrozenBatchNorm(_BatchNorm):
    """A batch norm that stays in evaluation mode: its statistics do not move."""

    def train(self, mode: bool = True) -> FrozenBatchNorm:
        super().train(False)
        return self

    def _check_input_dim(self, input: Tensor) -> None: ...


_FROZEN = {
    kind: type(f"Frozen{kind.__name__}", (FrozenBatchNorm, kind), {})
    for kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
}
_THAWED = {frozen: kind for kind, frozen in _FROZEN.items()}


def freeze(model: nn.Module, what: str = "backbone") -> tuple[str, ...]:
    """Stop learning in a part of the network: its weights, and the statistics of its batch norms.

    what    "backbone" is all but the head; "all", "none"; or the name of a stage, which is frozen
            with every stage before it. Whatever was frozen before is released first.
    return  the names of the children that are frozen now

    Frozen batch norms stay in evaluation mode even after `model.train()`.
    """
    children = dict(model.named_children())
    last = head(model)
    if what not in ("backbone", "all", "none", *children):
        raise unknown("part to freeze", what, ["backbone", "all", "none", *children])
    names = [*children]
    if what in children:
        frozen = names[: names.index(what) + 1]
    else:
        frozen = [] if what == "none" else names
    _set_frozen(model, False)
    for name in frozen:
        _set_frozen(children[name], True)
    if what == "backbone":
        _set_frozen(last, False)
        frozen = [name for name in frozen if last not in children[name].modules()]
    return tuple(frozen)


def _set_frozen(module: nn.Module, frozen: bool) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(not frozen)
    swap: dict[Any, Any] = _FROZEN if frozen else _THAWED
    for layer in module.modules():
        if type(layer) in swap:
            layer.__class__ = swap[type(layer)]
            layer.train(module.training)


def with_classes(model: Network, num_classes: int) -> str:
    """Give the network a new head for another number of classes, in place; returns a note."""
    old = head(model)
    if isinstance(old, nn.Linear):
        new: nn.Module = nn.Linear(old.in_features, num_classes, old.bias is not None)
        before = old.out_features
    elif isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, num_classes, 1)
        before = old.out_channels
    else:
        raise ModelError(
            f"the outputs of {model.name} are no dense layer",
            remedy="Create the network anew with num_classes.",
        )
    name = name_of(model, old)
    model.set_submodule(name, new.to(old.weight.device, old.weight.dtype))
    return f"{name} is new: {num_classes:,} classes in place of {before:,}"


def with_projection(model: Network) -> None:
    """Put a hidden layer, as wide as the features, before the answers, in place.

    What is asked in learning without labels is not what the features are wanted for: behind a
    hidden layer they keep more of the image. Chen et al. (2020), "A simple framework for
    contrastive learning of visual representations", arXiv:2002.05709, section 4.2.

    Raises UsageError for a network whose answers come from no dense layer.
    """
    old = head(model)
    if not isinstance(old, nn.Linear):
        raise UsageError(
            f"the outputs of {model.name} are no dense layer that another could be put before",
            where="--model",
            remedy="Choose a network that ends in one, such as convnet_medium or resnet20.",
        )
    width = old.in_features
    layers: dict[str, nn.Module] = {
        "hidden": nn.Linear(width, width, bias=False),
        "norm": nn.BatchNorm1d(width),
        "act": nn.ReLU(),
        "out": nn.Linear(width, old.out_features),
    }
    model.set_submodule(name_of(model, old), nn.Sequential(OrderedDict(layers)))


def with_channels(model: Network, in_channels: int) -> str:
    """Adapt the first convolution to another number of channels, in place; returns a note.

    Weights are summed into one channel, or repeated and scaled, so that a gray image excites the
    network as its RGB copy did.
    """
    old = first_convolution(model)
    before, old_mean = model.in_channels, model.normalize.mean
    if old is None:
        raise ModelError(
            f"{model.name} has no convolution to adapt to {in_channels} channels",
            remedy="Create the network anew with in_channels.",
        )
    old.weight = nn.Parameter(adapt_channels(old.weight.detach(), in_channels))
    old.in_channels = in_channels
    mean, std = (spread(s.flatten(), in_channels) for s in (old_mean, model.normalize.std))
    model.normalize = Normalize(in_channels, mean, std).to(old_mean)
    return f"{name_of(model, old)} was adapted from {before} to {in_channels} channels"


def first_convolution(model: Network) -> nn.Conv2d | None:
    """The convolution that sees the pixels, if there is one."""
    layers = (layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    first = next(layers, None)
    return first if first is not None and first.in_channels == model.in_channels else None


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """(O, C, k, k) to (O, channels, k, k): summed to one, or repeated with the sum kept."""
    before = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    order = [i % before for i in range(channels)]
    return weight[:, order] * (before / channels)


def spread(values: Tensor, channels: int) -> list[float]:
    """One statistic a channel for another number of channels: their mean, or repeated."""
    if channels == 1:
        return [values.mean().item()]
    return [values[i % len(values)].item() for i in range(channels)]


def name_of(model: nn.Module, wanted: nn.Module) -> str:
    """The path of a submodule, as in `named_modules()`."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
    return names[wanted]
