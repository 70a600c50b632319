"""The model file: one safetensors file that holds all that a prediction needs.

Its JSON header names the architecture and its arguments, the classes in order, the pixel contract,
the task, the number format and a summary of the training. Loading checks everything it reads and
runs nothing: no pickle, no import by a name from the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vitreous.atomic import write_bytes
from vitreous.blocks.init import Unfilled, without_weights
from vitreous.blocks.mode import evaluating
from vitreous.data.batches.preprocess import PixelContract
from vitreous.drawing.notebook import facts
from vitreous.errors import ModelFileError, UsageError
from vitreous.formats import counted, quantity
from vitreous.heap import keep_freed, share_freed
from vitreous.infer.engine import Engine
from vitreous.infer.runtime_choice import recorded
from vitreous.infer.runtimes import NETWORK
from vitreous.infer.weight_digest import digest
from vitreous.inference.engine_of import engine_of
from vitreous.inference.header import FORMAT, VIEWED, Header, damaged
from vitreous.inference.onnx_network import read_onnx
from vitreous.inference.openvino_network import read_openvino
from vitreous.inference.probe import agrees, probe
from vitreous.inference.rejecting import RejectingPredictor
from vitreous.inference.rejection import Rejection
from vitreous.inference.views import ONE
from vitreous.models import create
from vitreous.models.release import find
from vitreous.models.tensor_names import unwrapped
from vitreous.run_folder import RunFolder
from vitreous.training.reproduce import undrawn

BANK = "rejection.bank"  # a tensor of the file that is none of the network


@dataclass(frozen=True, kw_only=True, repr=False)
class Bundle(RejectingPredictor):
    """A trained network as it lies in a model file.

    architecture  its name in the table of models, or None for a module of the user's own
    arguments     what `create` was called with
    training      summary for readers: data, split, seed, version
    """

    architecture: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Bundle({', '.join(self.known.values())})"

    def _repr_html_(self) -> str:
        return facts("A trained network", self.known)

    @property
    def known(self) -> dict[str, str]:
        """What there is to say of it, in words."""
        height, width, channels = self.contract.shape
        size = quantity(sum(p.numel() for p in self.model.parameters()))
        answers = counted(len(self.classes), self.task.noun) if self.classes else "numbers"
        return {
            "network": self.architecture or type(self.model).__name__,
            "size": f"{size} parameters",
            "task": f"{self.task.name}: {answers}",
            "sees": f"images of {height} × {width} × {channels}",
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses its answers should know: of its training, and what computes them."""
        notes = []
        if diverged := self.training.get("diverged"):
            epoch = self.training.get("best_epoch")
            notes.append(
                f"its training broke off ({diverged}); these are the weights of epoch {epoch}"
            )
        if self.engine is not None and self.engine.failure:
            notes.append(f"{self.engine.failure}: the network itself answers")
        return tuple(notes)

    def engine_by(self, runtime: str, *, features: bool = False) -> Engine | None:
        """What answers in the network's place, see `engine_of`."""
        return engine_of(self, self.architecture, self.arguments, runtime, features=features)

    def save(self, path: str | Path) -> Path:
        """Write the file atomically; raises StorageError where it cannot be written."""
        return write_bytes(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the file. Raises UsageError for a network whose state is not tensors."""
        state = {}
        for name, tensor in self.model.state_dict().items():
            if not isinstance(tensor, Tensor):
                raise UsageError(
                    f"the network's state has '{name}', a {type(tensor).__name__}; a model file "
                    "holds tensors alone",
                    where="model",
                    remedy="Keep it in a buffer (register_buffer), or leave get_extra_state out.",
                )
            state[name] = tensor.detach().cpu().contiguous()
        rule = self.rejection
        bank = None if rule is None else rule.bank
        if bank is not None:
            state[BANK] = bank.contiguous()
        header = {**self.facts(), "sha256": digest(state), "probe": probe(self)}
        if rule is not None:
            header["rejection"] = rule.to_json()
        # Tied weights share memory, which safetensors refuses; a copy keeps every name in the file.
        unshared = {name: tensor.clone() for name, tensor in state.items()}
        return write_tensors(unshared, {"vitreous": json.dumps(header, allow_nan=False)})

    def facts(self) -> dict[str, Any]:
        """The header of the file, as far as it does not depend on the weights."""
        return {
            "format": FORMAT if self.views == ONE else VIEWED,
            "architecture": self.architecture,
            "arguments": self.arguments,
            "classes": list(self.classes),
            "contract": self.contract.to_json(),
            "task": self.task.name,
            "decoding": self.task.to_json(),
            "precision": self.precision,
            "views": self.views,
            "training": self.training,
        }


def load(path: str | Path, module: nn.Module | None = None) -> Bundle:
    """Read a model file, the model of a run folder, an ONNX or OpenVINO file that `vitreous export`
    wrote, or one that was published: hub:OWNER/NAME#sha256=...

    module  the network itself, for a file whose architecture is not in the table of models; lazy
            layers are run once on a black image

    Raises ModelFileError if anything in the file is missing, damaged or not what it claims, and
    RunError for a folder without one.
    """
    keep_freed()
    share_freed()  # answers are often computed in other threads
    path = find(str(path)) if str(path).startswith("hub:") else Path(path)
    if path.is_dir() or not (path.suffix or os.path.lexists(path)):
        path = RunFolder(path).trained
    exported = {".onnx": read_onnx, ".xml": read_openvino}.get(path.suffix.lower())
    if exported is not None:
        return bundle_of(*exported(path))
    bundle = parse(_read(path), str(path), module)
    choice = recorded(RunFolder(path.parent).runtime)
    if choice is None or choice.runtime == NETWORK:
        return bundle
    return replace(bundle, engine=bundle.engine_by(choice.runtime))


def parse(blob: bytes, where: str, module: nn.Module | None = None) -> Bundle:
    """What the bytes of a model file hold; as `load`."""
    header = Header.read(blob, where)
    try:
        state = read_tensors(blob)
    except Exception as error:  # safetensors has a kind of its own for each damage
        raise damaged(where, str(error)) from error
    if digest(state) != header.sha256:
        raise damaged(where, "the weights do not match the checksum in the header")
    bank = state.pop(BANK, None)
    if module is None:
        # First without memory: a header that asks for a huge network is found out by its shapes.
        with without_weights():
            check(_build(header, where), state, where)
        with undrawn(), Unfilled():  # first weights, which are replaced
            module = _build(header, where)
    else:
        awaken(module, header.contract)
        state = renamed(state, module.state_dict())
        check(module, state, where)
    module.load_state_dict(state)
    bundle = bundle_of(module, header, rejection_of(header, bank, where))
    check_answer(bundle, header, where)
    return bundle


def bundle_of(module: nn.Module, header: Header, rejection: Rejection | None = None) -> Bundle:
    """A network with what its header says."""
    return Bundle(
        model=module.eval(),
        architecture=header.architecture,
        arguments=header.arguments,
        contract=header.contract,
        task=header.task,
        precision=header.precision,
        training=header.training,
        rejection=rejection,
        views=header.views,
    )


def rejection_of(header: Header, bank: Tensor | None, where: str) -> Rejection | None:
    """When images are refused. Raises ModelFileError for what cannot be meant."""
    try:
        return Rejection.from_json(header.rejection, bank)
    except ModelFileError as error:
        raise damaged(where, error.message) from error


def check_answer(bundle: Bundle, header: Header, where: str) -> None:
    """Raises ModelFileError where the network answers otherwise than the one that was saved."""
    if header.probe is None:  # a file from before there were probes
        return
    try:
        with undrawn():
            found = probe(bundle)
    except Exception as error:  # a foreign network may raise anything
        reason = str(error) or type(error).__name__
        raise ModelFileError(
            f"the network does not take its own images: {reason}", where=where
        ) from error
    if not agrees(header.probe, found):
        writer = header.training.get("vitreous", "the version that wrote the file")
        raise ModelFileError(
            "the network has these tensors, but answers otherwise than when it was saved",
            where=where,
            remedy="Pass the very network that was trained: what it does in `forward` has changed."
            if header.architecture is None
            else f"Load it with vitreous {writer}, or train again.",
        )


def renamed(state: dict[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """The tensors under the names of a network that may be wrapped, or not wrapped any more, in
    what puts prefixes before them: `torch.compile`, DataParallel.
    """
    ours = {bare: name for name, bare in unwrapped(own).items()}
    theirs = unwrapped(state)
    return {ours.get(theirs[name], name): tensor for name, tensor in state.items()}


def awaken(module: nn.Module, contract: PixelContract) -> None:
    """Let lazy layers make their weights, by a look at two black images."""
    if not any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        return
    height, width, channels = contract.shape
    with torch.no_grad(), undrawn(), evaluating(module):
        module(torch.zeros(2, channels, height, width))


def check(module: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Do the tensors belong to this network, each one? Raises ModelFileError with the first that is
    missing, foreign, of another shape or type, or that holds numbers that are not finite. Buffers
    may be infinite, as masks of attention are.
    """
    expected = module.state_dict()
    learned = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise damaged(where, f"the tensor '{name}' is missing")
        if name not in expected:
            raise damaged(where, f"the tensor '{name}' belongs to another network")
        found, wanted = state[name], expected[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise damaged(
                where,
                f"the tensor '{name}' is {found.dtype} {tuple(found.shape)}, "
                f"where the network has {wanted.dtype} {tuple(wanted.shape)}",
            )
        if bool(found.isnan().any()) or (name in learned and bool(found.isinf().any())):
            raise damaged(where, f"the tensor '{name}' holds numbers that are not finite")


def _build(header: Header, where: str) -> nn.Module:
    if header.architecture is None:
        raise ModelFileError(
            "this network's architecture is not one of vitreous' own",
            where=where,
            remedy="Pass the network: vt.load(path, module=YourNetwork()).",
        )
    if header.arguments.get("pretrained"):
        raise damaged(where, "the header asks for weights from elsewhere")
    try:
        return create(header.architecture, **header.arguments)
    except Exception as error:  # a class told something foreign complains in its own way
        raise ModelFileError(f"the header describes no network: {error}", where=where) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Give a model file, or a run folder whose training has ended.",
        ) from error
