"""Choice of a runtime by a short trial: no rule about processors holds on all of them.

The speeds that were measured are kept in the cache, by processor, versions, network and size of
images, so that runs on one machine choose alike. What was chosen lies in the run folder, in
runtime.json, one entry a processor, and stays: what is measured is what predicts.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from vitreous.atomic import write_bytes
from vitreous.blocks.mode import evaluating
from vitreous.data.cache import cache_folder as caches
from vitreous.errors import RunError, StorageError
from vitreous.fields import misfit
from vitreous.files import json_text, read_json
from vitreous.formats import counted
from vitreous.infer.agreement import agreement
from vitreous.infer.runtimes import NETWORK, RUNTIMES, TWINS, Backbone, Compute
from vitreous.shapes import Images
from vitreous.tasks import Task
from vitreous.training.precision import forward_context, widened
from vitreous.training.processor import has_bfloat16, processor

TRIED = 8  # images that a trial takes at once
QUICK = 400  # images a second from which on it takes all: what each call costs would count too much
COMPARED = 32  # images whose answers are compared
PASSES = 5  # of a trial
LONG = 0.4  # seconds after which it has no further pass,
SHARE = 0.03  # or so much of what the network would take for all images, if that is longer
GAIN = 1.05  # times as fast as the network, which it has to be at least

Speeds = Mapping[str, tuple[float, float]]
"""Images a second and seconds to begin, by name."""


@dataclass(frozen=True, kw_only=True)
class RuntimeChoice:
    """What computes a run's answers on one machine, and why.

    runtime    its name in RUNTIMES, or "network"
    reason     in a sentence
    processor  on which it was chosen
    speeds     images a second of each that was tried
    """

    runtime: str = NETWORK
    reason: str
    processor: str
    speeds: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What was chosen and why, without the processor."""
        shown = ", ".join(f"{name} {speed:g}" for name, speed in self.speeds.items())
        return f"{self.runtime} (images/s: {shown}); {self.reason}"

    @classmethod
    def from_json(cls, fields: Any) -> Self | None:
        """None for what is none."""
        kinds = {"runtime": str, "reason": str, "processor": str, "speeds": dict[str, float]}
        if not isinstance(fields, dict) or fields.keys() != kinds.keys() or misfit(fields, kinds):
            return None
        found = cls(**fields)
        return found if found.runtime in (NETWORK, *RUNTIMES) else None


def recorded(path: Path) -> RuntimeChoice | None:
    """What a runtime.json says about this processor; None where it says nothing."""
    return next((one for one in entries(path) if one.processor == processor()), None)


def record(path: Path, choice: RuntimeChoice) -> None:
    """Into a runtime.json, in place of what it said about this processor. Raises StorageError."""
    others = [one for one in entries(path) if one.processor != choice.processor]
    write_bytes(path, json_text([asdict(one) for one in (*others, choice)], indent=2).encode())


def entries(path: Path) -> list[RuntimeChoice]:
    """What a runtime.json says, one choice a processor."""
    found: Any = []
    with suppress(RunError, StorageError, OSError):
        found = read_json(path)
    told = map(RuntimeChoice.from_json, found if isinstance(found, list) else [])
    return [one for one in told if one is not None]


def speed(compute: Compute, images: Images) -> float:
    """Images a second."""
    began = time.perf_counter()
    compute(images)
    return len(images) / (time.perf_counter() - began)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A network, and what it is to compute.

    network    in evaluation mode, on the processor
    signature  tells its architecture; its weights do not change how long it takes
    examples   (B, C, H, W) real images, B at most COMPARED
    count      of images that are going to be answered
    precision  the number format in which the network computes
    task       what its outputs mean
    features   are computed, in place of outputs
    place      where a graph is kept, see `Engine.place`
    """

    network: nn.Module
    signature: object
    examples: Images
    count: int
    precision: str
    task: Task
    features: bool = False
    place: Path | None = None

    def choose(self, refused: Mapping[str, str] | None = None) -> RuntimeChoice:
        """What has answered all images first, counting what it takes to begin with, and agrees with
        the network in float32.

        refused  reasons against runtimes that are known not to agree, by name
        """
        told, new = {**(refused or {})}, [*(refused or {})]
        built: dict[str, Compute] = {}
        offered = [name for name, each in RUNTIMES.items() if each.offered]
        speeds = self.known() or self.kept(self.tried(offered, built))
        while True:
            twins = [TWINS[name] for name in new if name in TWINS and has_bfloat16()]
            if late := [name for name in twins if name not in speeds and RUNTIMES[name].installed]:
                speeds = self.kept({**speeds, **self.tried(late, built)})
            name = self.first(speeds, told)
            if name is None:
                break
            found, told[name] = self.checked(name, built)
            if found:
                return self.choice(name, "; ".join(told.values()), speeds)
            new = [name]
        missing = [
            f"{each.title} cannot compute this network"
            if each.installed
            else f"{each.title} is not installed (pip install {' '.join(each.packages)})"
            for name, each in RUNTIMES.items()
            if each.fits() and name not in speeds and name not in told
        ]
        reasons = [*told.values(), *missing, "nothing was faster"]
        return self.choice(NETWORK, "; ".join(reasons), speeds)

    def first(self, speeds: Speeds, told: Mapping[str, str]) -> str | None:
        """Who would have answered all images first, of those that nothing is told against; None if
        the network itself.
        """
        seconds = {name: self.count / found[0] + found[1] for name, found in speeds.items()}
        name = min(seconds.keys() - told, key=seconds.__getitem__)
        return name if seconds[NETWORK] >= GAIN * seconds[name] else None

    def confirmed(self, choice: RuntimeChoice) -> RuntimeChoice:
        """The choice, if its runtime agrees with the network as it is now; else another one."""
        if choice.runtime == NETWORK:
            return choice
        found, reason = self.checked(choice.runtime, {})
        return replace(choice, reason=reason) if found else self.choose({choice.runtime: reason})

    def choice(self, runtime: str, reason: str, speeds: Speeds | None = None) -> RuntimeChoice:
        shown = {name: round(found[0], 1) for name, found in (speeds or {}).items()}
        return RuntimeChoice(runtime=runtime, reason=reason, processor=processor(), speeds=shown)

    def chunks(self) -> Iterator[Images]:
        for first in range(0, len(self.examples), TRIED):
            yield self.examples[first : first + TRIED]

    def computing(self, precision: str) -> Compute:
        """The network itself, in a number format."""
        network = Backbone(self.network) if self.features else self.network

        def compute(images: Images) -> Tensor:
            with evaluating(network), torch.inference_mode(), forward_context(precision, "cpu"):
                found: Tensor = widened(network(images))
            return found

        return compute

    def answers(self, precision: str) -> Tensor:
        """Of the network itself for all examples."""
        compute = self.computing(precision)
        return torch.cat([compute(images) for images in self.chunks()])

    def build(self, name: str) -> Compute:
        """What a runtime makes of the network. May raise anything."""
        if name == NETWORK:
            return self.computing(self.precision)
        network = Backbone(self.network) if self.features else self.network
        with evaluating(network):
            return RUNTIMES[name].build(network, self.examples, self.place)

    def checked(self, name: str, built: dict[str, Compute]) -> tuple[bool, str]:
        """Does a runtime agree with the network in float32, and in words how far?

        built  what is there already
        """
        runtime = RUNTIMES[name]
        if not runtime.installed:
            return False, f"{runtime.title} is not installed"
        try:
            compute = built.get(name) or self.build(name)
            found = torch.cat([compute(images) for images in self.chunks()])
        except Exception as error:  # each runtime has kinds of its own
            return False, runtime.failed(error)
        expected, task = self.answers("float32"), None if self.features else self.task
        close = agreement(found, expected, task, partial(self.answers, self.precision))
        verb = "agrees" if close.holds else "does not agree"
        return (
            close.holds,
            f"{runtime.title} {verb} on {counted(len(expected), 'image')}: {close.text}",
        )

    def tried(self, names: Sequence[str], built: dict[str, Compute]) -> Speeds:
        """Of the network and of these runtimes, measured now; what was built is put into `built`,
        and what could not be is left out.
        """
        images: Images = self.examples[:TRIED]
        begun: dict[str, float] = {}
        for name in (NETWORK, *names):
            began = time.perf_counter()
            with suppress(Exception):  # `choose` tells which could not
                compute = self.build(name)
                compute(images)
                built[name], begun[name] = compute, time.perf_counter() - began
        if speed(built[NETWORK], images) > QUICK:
            images = self.examples
        begun[NETWORK], start = 0.0, time.perf_counter()
        speeds = dict.fromkeys(begun, 0.0)
        for _ in range(PASSES):  # in turns: what slows down this machine slows down all
            for name in speeds:
                speeds[name] = max(speeds[name], speed(built[name], images))
            if time.perf_counter() - start > max(LONG, SHARE * self.count / speeds[NETWORK]):
                break
        return {name: (speeds[name], begun[name]) for name in speeds}

    def kept(self, speeds: Speeds) -> Speeds:
        """The same, put into the cache."""
        told = {
            "images": {name: images for name, (images, _) in speeds.items()},
            "begin": {name: begin for name, (_, begin) in speeds.items()},
        }
        caches.save_bytes(self.speeds, json_text(told).encode(), "speeds")
        return speeds

    def known(self) -> Speeds | None:
        """What was measured before on such a network; None where nothing was."""

        def read(path: Path) -> Speeds:
            told: Any = json.loads(path.read_bytes())
            kinds = dict.fromkeys(("images", "begin"), dict[str, float])
            if not isinstance(told, dict) or misfit(told, kinds):
                raise ValueError("holds no speeds")
            images, begin = told["images"], told["begin"]
            if NETWORK not in images or images.keys() != begin.keys():
                raise ValueError("holds other speeds")
            return {name: (images[name], begin[name]) for name in images if name in names}

        names = (NETWORK, *RUNTIMES)
        return caches.find(self.speeds, read)

    @property
    def speeds(self) -> Path:
        """The file of the cache that knows how fast such networks are here."""
        versions = [str(torch.__version__)]
        for name in ("onnx", "onnxruntime", "openvino"):
            with suppress(metadata.PackageNotFoundError):
                versions.append(f"{name} {metadata.version(name)}")
        depends_on = [
            processor(), torch.get_num_threads(), versions, self.signature, self.precision,
            self.features, tuple(self.examples.shape[1:]),
        ]  # fmt: skip
        name = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:40]
        return caches.folder() / "speeds" / f"{name}.json"
