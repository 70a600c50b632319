"""The engine of a model file: what can answer in the place of its network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from torch import Tensor

from vitreous.infer.engine import Engine
from vitreous.infer.weight_digest import digest
from vitreous.models.classic import Classic

if TYPE_CHECKING:
    from vitreous.inference.model_file import Bundle


def has_engine(bundle: Bundle) -> bool:
    """Can anything else compute what this network computes? It has to be known what that is, and
    images need to be of one size.
    """
    return (
        bundle.architecture is not None
        and not isinstance(bundle.model, Classic)
        and not bundle.keeps_size
        and bundle.device.type == "cpu"
    )


def engine_of(bundle: Bundle, runtime: str, *, features: bool = False) -> Engine | None:
    """What answers in the network's place; None where nothing can.

    runtime   its name in RUNTIMES
    features  are computed, in place of outputs
    """
    if not has_engine(bundle):
        return None
    height, width, channels = bundle.contract.shape
    return Engine(
        runtime, bundle.model, (channels, height, width), features=features, key=key_of(bundle)
    )


def key_of(bundle: Bundle) -> str:
    """Tells the network and its weights, and numbers that no state holds, such as pixel means."""
    tensors: dict[str, Tensor] = bundle.model.state_dict() | dict(bundle.model.named_buffers())
    known = [bundle.architecture, sorted(bundle.arguments.items()), digest(tensors)]
    return hashlib.sha256(repr(known).encode()).hexdigest()
