"""Pretrained weights: read, matched with a network, and adapted to it.

Files are safetensors, or PyTorch files read with `weights_only=True`, which runs no code. Names of
tensors may differ from ours as long as the order of layers is the same: then kinds and shapes must
agree, tensor by tensor, so that weights published for torchvision load without conversion.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from vitreous.blocks.normalize import IMAGENET, Normalize, Statistic
from vitreous.errors import ModelFileError, UsageError
from vitreous.fields import misfit
from vitreous.models.imagenet import ENCODERS, FILES, imagenet
from vitreous.models.network import Network
from vitreous.models.release import find
from vitreous.models.rows import Variant
from vitreous.models.surgery import adapt_channels, first_convolution, head, name_of, spread
from vitreous.models.tensor_names import prefix, unwrapped

State = dict[str, Tensor]

STATES = ("state_dict", "model_state_dict", "model")
"""Under which names checkpoints hold the state of their network."""
COUNTERS = ("num_batches_tracked", "n_averaged")
"""Last parts of the names of tensors that count steps and decide no answer."""
PIXELS = {"mean": tuple[float, ...], "std": tuple[float, ...]}
SHOWN = 3  # names in an error


def load_weights(
    model: Network,
    row: Variant,
    source: bool | str | Path,
    *,
    mean: Statistic | None = None,
    std: Statistic | None = None,
) -> None:
    """Fill a new network with published weights, and normalize pixels as they were trained.

    source     True for the row's own weights, "imagenet" for those that are published, or any
               source that `release.find` knows
    mean, std  what the caller wants instead of the weights' own, which a model file of ours tells;
               those of other files are taken to be ImageNet's

    What had to be adapted is added to `model.notes`.
    """
    weights = row.weights if source is True else imagenet(row) if source == "imagenet" else None
    if source is True and weights is None:
        raise UsageError(
            f"no weights come with {row.name}",
            where="pretrained",
            remedy=remedy(row),
        )
    if weights is not None:
        path = find(weights.source, weights.sha256)
        usual_mean, usual_std = weights.mean, weights.std
        learned: tuple[str, ...] = (f"weights learned on {weights.trained_on}",)
    else:
        path, learned = find(str(source)), ()
        usual_mean, usual_std = pixels_of(path) or IMAGENET
    state, trained = read(path), architecture_of(path)
    own = weights is None and (state.keys() >= model.state_dict().keys() or trained == row.name)
    taker = model if own else model.published()
    model.notes += (*adopt(taker, state, where=str(path)), *learned)
    if trained and trained not in (row.name, taker.name):
        model.notes += (f"the weights are those of {trained}; {row.name} has the same tensors",)
    channels = model.in_channels
    if learned or first_convolution(model) is not None:
        mean = spread(torch.tensor(usual_mean), channels) if mean is None else mean
        std = spread(torch.tensor(usual_std), channels) if std is None else std
        model.normalize = Normalize(channels, mean, std)


def remedy(row: Variant) -> str:
    """What to begin from where no weights come with a network."""
    known = row.name in FILES or row.name in ENCODERS
    first = "Write imagenet to download those that are published, or give" if known else "Give"
    return f"{first} a file (.safetensors, .pth), an address or hub:OWNER/NAME/FILE."


def architecture_of(path: Path) -> str | None:
    """The network that a model file of vitreous was saved from; other files do not say."""
    name = header_of(path).get("architecture")
    return name if isinstance(name, str) else None


def read(path: Path) -> State:
    """The tensors of a file by name. Raises ModelFileError on anything else."""
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelFileError(
            f"the weights cannot be read: {reason}",
            where=str(path),
            remedy="Use a safetensors file, or a PyTorch file that holds tensors and nothing else.",
        ) from None
    except Exception as error:  # pickle.UnpicklingError: the file asks for code to be run
        raise ModelFileError(
            f"the file holds more than tensors ({type(error).__name__})",
            where=str(path),
            remedy="Save its state dict alone, best as safetensors.",
        ) from None
    if isinstance(state, Mapping):
        for key in STATES:
            if isinstance(state.get(key), Mapping):
                state = state[key]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelFileError(
            "the file holds no state dict",
            where=str(path),
            remedy="Save `model.state_dict()`.",
        )
    return dict(state)


def header_of(path: Path) -> dict[str, Any]:
    """What a model file of ours says of itself, unchecked; nothing for any other file."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as file:
            found = json.loads((file.metadata() or {})["vitreous"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def pixels_of(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation of the pixels that a model file of ours was trained on, one a channel."""
    arguments: Any = header_of(path).get("arguments")
    if not isinstance(arguments, dict) or misfit(arguments, PIXELS):
        return None
    mean, std = (arguments[name] for name in PIXELS)
    sound = len(mean) == len(std) > 0 and all(map(math.isfinite, (*mean, *std))) and min(std) > 0
    return (tuple(mean), tuple(std)) if sound else None


def adopt(model: Network, state: State, *, where: str | None = None) -> tuple[str, ...]:
    """Load tensors into `model`, keeping all that fits; returns notes on what was adapted.

    The first convolution takes another number of channels by summing or repeating its weights, a
    classifier of another number of classes begins anew, positions are interpolated. Anything else
    that does not fit is an error that names it.
    """
    own = model.state_dict()
    stem, last = first_convolution(model), name_of(model, head(model))
    first = f"{name_of(model, stem)}.weight" if stem is not None else None
    notes: list[str] = []
    if with_other_head(state, own, last):
        state = {name: state.get(name, own[name]) for name in own}
        state |= {name: tensor for name, tensor in own.items() if name.startswith(f"{last}.")}
        notes.append(f"{last} begins anew: that of the weights has other layers")
    state = rename(model, state, where)
    check_numbers(state, own, where)
    for name, tensor in own.items():
        found = state[name]
        if found.shape == tensor.shape:
            continue
        if name == first and _but(found, 1) == _but(tensor, 1):
            state[name] = adapt_channels(found, tensor.shape[1])
            notes.append(f"{name} was adapted from {found.shape[1]} to {tensor.shape[1]} channels")
        elif name == f"{last}.weight" and found.dim() != tensor.dim():
            state |= {key: own[key] for key in own if key.startswith(f"{last}.")}
            notes.append(f"{last} begins anew: that of the weights has other layers")
        elif name == f"{last}.weight" and _but(found, 0) == _but(tensor, 0):
            state |= {key: own[key] for key in own if key.startswith(f"{last}.")}
            notes.append(f"{last} is new: {len(tensor):,} classes in place of {len(found):,}")
        elif name.endswith("pos_embed"):
            state[name] = model.get_submodule("patch_embed").adapted(found)  # type: ignore[operator]
            notes.append(f"{name} was interpolated")
        else:
            raise ModelFileError(
                f"{name} has the shape {tuple(found.shape)}, and this network needs "
                f"{tuple(tensor.shape)}",
                where=where,
                remedy="Create the network with the arguments that the weights were trained with.",
            )
    model.load_state_dict(state)
    return tuple(notes)


def with_other_head(state: State, own: State, last: str) -> bool:
    """Do these tensors differ from a network's in the layers of its head `last` alone?"""
    ours, theirs = (
        {name for name in names if name.startswith(f"{last}.")} for names in (own, state)
    )
    return bool(theirs) and ours != theirs and own.keys() - ours == state.keys() - theirs


def rename(model: Network, state: State, where: str | None) -> State:
    """The tensors under our names: by name where they agree, else one after the other.

    One after the other, each must be of the same kind (weight, bias, ...) and number of axes. Files
    sorted by name are refused by that, since they have biases before weights.
    """
    own = model.state_dict()
    state = bare(state, own)
    state = {model.aliases.get(name, name): tensor for name, tensor in state.items()}
    # Old files lack the counters of batch norm, and auxiliary heads are only for training.
    heads = model.auxiliary
    extra = () if any(name.startswith(heads) for name in own) else heads
    ours = [name for name in own if _kind(name) not in COUNTERS]
    theirs = [n for n in state if _kind(n) not in COUNTERS and not n.startswith(extra)]
    missing = [name for name in ours if name not in state]
    foreign = [name for name in theirs if name not in own]
    if missing:
        same = [
            _kind(a) == _kind(b) and own[a].dim() == state[b].dim()
            for a, b in zip(ours, theirs, strict=False)
        ]
        if len(ours) != len(theirs) or not all(same):
            raise _of_another(f"no {missing[0]}", theirs, ours, where)
        state = {a: state[b] for a, b in zip(ours, theirs, strict=True)}
    elif foreign:
        raise _of_another(f"left over are {_listed(foreign)}", theirs, ours, where)
    return {name: state.get(name, tensor) for name, tensor in own.items()}


def bare(state: State, own: Iterable[str]) -> State:
    """The tensors without the prefixes of whatever their network was wrapped in."""
    names = unwrapped(state)
    common = prefix([name for name in names.values() if _kind(name) not in COUNTERS], own)
    return {names[name].removeprefix(common): tensor for name, tensor in state.items()}


def check_numbers(state: State, own: State, where: str | None) -> None:
    """Raises ModelFileError for the first tensor that holds numbers that are not finite, or whole
    numbers in place of real ones: nothing that was trained.
    """
    for name, tensor in state.items():
        if not own[name].is_floating_point():
            continue
        if not tensor.is_floating_point():
            raise ModelFileError(
                f"the tensor {name} holds numbers of type {tensor.dtype}",
                where=where,
                remedy="Weights that were quantized cannot be learned from: take the originals.",
            )
        if not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(
                f"the tensor {name} holds numbers that are not finite",
                where=where,
                remedy="The training that wrote it had diverged: take earlier weights.",
            )


def _of_another(
    reason: str, theirs: Sequence[str], ours: Sequence[str], where: str | None
) -> ModelFileError:
    return ModelFileError(
        f"these weights belong to another network: {len(theirs)} tensors for {len(ours)}, and "
        f"{reason}",
        where=where,
        remedy="Choose the network they were trained with; `vitreous models` lists all.",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _but(tensor: Tensor, axis: int) -> tuple[int, ...]:
    """The shape but for one axis."""
    return *tensor.shape[:axis], *tensor.shape[axis + 1 :]


def _kind(name: str) -> str:
    return name.rpartition(".")[2]
