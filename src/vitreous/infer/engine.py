"""Inference engine: a network's answers by the runtime that was chosen for this machine.

It answers only for the very network that it was made from, for images of the size that was tried,
and as long as nobody looks inside. In all other cases the network itself is asked.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.data.cache import cache_folder as caches
from vitreous.infer.runtimes import RUNTIMES, Backbone, Compute
from vitreous.infer.weight_watch import WeightWatch
from vitreous.shapes import Images

GROSS = 0.2
"""Of the largest output: what a runtime may differ by from the network on the first images of a
process, where only damage is looked for; `infer.agreement` looks closely, once.
"""
LOOKED_AT = 2  # of these images


@dataclass(eq=False)
class Engine:
    """What computes in place of a network.

    runtime   its name in RUNTIMES
    network   that it stands for, in float32 on the processor
    shape     (C, H, W) of the images that it takes
    features  of the network up to its last layer, in place of its outputs
    key       tells the network and its weights, under which its graph is kept; "": it is not kept
    failure   why it does not answer, in words; "" while it does
    """

    runtime: str
    network: nn.Module
    shape: tuple[int, int, int]
    features: bool = False
    key: str = ""
    failure: str = ""
    _made: tuple[int, Compute] | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        # From now on, and not from the first answer: the key tells the weights as they are now.
        self._watch = WeightWatch(self.network)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of a predictor has a network of its own, and asks that."""
        return type(None), ()

    def __deepcopy__(self, memo: object) -> None:
        return None

    def __call__(self, network: nn.Module, images: Images) -> Tensor | None:
        """What the network gives for images (B, C, H, W); None where it has to be asked itself."""
        if self.failure or network is not self.network or images.device.type != "cpu":
            return None
        if tuple(images.shape[1:]) != self.shape or not len(images) or not self._watch.holds():
            return None
        with self._lock:
            # A forked process has none of the threads that a runtime had.
            if self._made is None or self._made[0] != os.getpid():
                self._made = self._make(images.detach())
        if self._made is None:
            return None
        _, compute = self._made
        return compute(images.detach())

    def _make(self, images: Images) -> tuple[int, Compute] | None:
        """What computes, if it gives what the network gives for the first of the images."""
        runtime = RUNTIMES[self.runtime]
        network = Backbone(self.network) if self.features else self.network
        try:
            with evaluating(network):
                compute = runtime.build(network, images, self.place)
                first = images[:LOOKED_AT]
                with torch.inference_mode():
                    expected = network(first)
                gap = float((compute(first) - expected).abs().max())
        except Exception as error:  # each runtime has kinds of its own
            self.failure = runtime.failed(error)
            return None
        if not gap <= GROSS * float(expected.abs().max()):
            self.failure = f"{runtime.title} gave other outputs"
            return None
        return os.getpid(), compute

    @property
    def place(self) -> Path | None:
        """Of files that it keeps."""
        if not self.key:
            return None
        kind = "features" if self.features else "outputs"
        size = "x".join(map(str, self.shape))
        return caches.folder() / "graphs" / f"{self.key[:40]}-{kind}-{size}-{torch.__version__}"
