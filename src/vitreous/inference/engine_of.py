"""The engine of a predictor: what can answer in the place of its network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from vitreous.infer.engine import Engine
from vitreous.infer.weight_digest import digest
from vitreous.inference.pixel_network import PixelNetwork
from vitreous.inference.predictor import Predictor
from vitreous.models.classic import Classic


def engine_of(
    predictor: Predictor,
    architecture: str | None,
    arguments: Mapping[str, Any],
    runtime: str,
    *,
    features: bool = False,
) -> Engine | None:
    """What answers in the network's place; None where nothing can: it has to be known what the
    network computes, and images need to be of one size. An exported file has its runtime already.

    architecture  its name in the table of models, or None; arguments: what `create` was called with
    runtime       its name in RUNTIMES
    features      are computed, in place of outputs
    """
    network = predictor.model
    if architecture is None or isinstance(network, Classic | PixelNetwork):
        return None
    if predictor.keeps_size or predictor.device.type != "cpu":
        return None
    height, width, channels = predictor.contract.shape
    # Numbers that no state holds, such as the mean of pixels, decide as well.
    weights = digest(network.state_dict() | dict(network.named_buffers()))
    known = [architecture, sorted(arguments.items()), weights]
    key = hashlib.sha256(repr(known).encode()).hexdigest()
    return Engine(runtime, network, (channels, height, width), features=features, key=key)
