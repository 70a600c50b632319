"""Checkpoints: everything that a run needs to go on, in files that are whole or not there.

A file is written beside its place, flushed to the disk and renamed; its name carries a checksum of
its content. A kill, a crash or a full disk at any moment leaves the checkpoints before it valid,
and reading falls back to the newest valid one. Tensors lie in safetensors, all else in its JSON
header: nothing in a checkpoint can run.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.atomic import storage_errors, write_bytes
from vitreous.errors import ModelFileError
from vitreous.fields import Between, fits
from vitreous.training.state import pack, unpack

FORMAT = 1
KEPT = 2  # newest files; two, so that damage to one costs little
NAME = re.compile(r"(?P<step>\d{9,})(?P<best>-best)?-(?P<digest>[0-9a-f]{16})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """What was found.

    state    as it was given to `save`
    step     number of optimizer steps taken
    path     its file
    damaged  newer files that are damaged and were passed over
    """

    state: dict[str, Any]
    step: int
    path: Path
    damaged: tuple[Path, ...] = ()


class Stateful(Protocol):
    """A part of a run that can be put away and taken up again."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


def gather(**parts: Stateful | Any) -> dict[str, Any]:
    """The state of all parts by name; plain values, such as a position, are taken as they are."""
    return {
        name: part.state_dict() if hasattr(part, "state_dict") else part
        for name, part in parts.items()
    }


def restore(state: dict[str, Any], **parts: Stateful) -> None:
    """Put the state back into these parts. Raises ModelFileError where it is not one of theirs."""
    for name, part in parts.items():
        if name not in state:
            raise ModelFileError(
                f"the checkpoint holds no {name}",
                remedy="It was written by a run with other settings: resume with those.",
            )
        try:
            if isinstance(part, Optimizer):
                check_optimizer(part, state[name])
            part.load_state_dict(state[name])
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            reason = (str(error) or repr(error)).splitlines()[0]
            raise ModelFileError(
                f"the checkpoint's {name} does not fit: {reason}",
                remedy="It was written by a run with other settings, or changed: start a new run.",
            ) from error


MOVING = ("lr", "initial_lr", "params")  # what is not the same throughout a run


def check_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Raises ValueError where options differ from those that the recipe gives, or tensors do not
    belong to the weights: torch would take both, and fail in the next step, or learn otherwise.
    """
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
        for name in group.keys() - {*MOVING}:
            if saved[name] != group[name] or type(saved[name]) is not type(group[name]):
                raise ValueError(f"{name} is {saved[name]!r}, and the recipe says {group[name]!r}")
        rates = {"lr", "initial_lr"} & (saved.keys() | {"lr"})
        for name in saved.keys() - group.keys() - {"params"} | rates:
            if name not in MOVING or not fits(saved[name], Annotated[float, Between(0, 1e6)]):
                raise ValueError(f"{name} is {saved[name]!r}")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    kept = names_kept(optimizer)
    for number, found in state["state"].items():
        if found.keys() != kept:
            raise ValueError(f"of weight {number} it holds {', '.join(map(str, found))}")
        for name, value in found.items():
            if value is not None and value.shape not in ((), weights[number].shape):
                raise ValueError(f"{name} of weight {number} has the shape {tuple(value.shape)}")


def names_kept(optimizer: Optimizer) -> set[str]:
    """What an optimizer of this kind keeps of each weight, seen in the step of a small one."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    arguments = inspect.signature(type(optimizer)).parameters.keys() & optimizer.defaults.keys()
    twin = type(optimizer)([weight], **{name: optimizer.defaults[name] for name in arguments})
    twin.step()
    return {*twin.state[weight]}


def same_shapes(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Are these tensors of the same names and shapes?"""
    shapes = [{name: tensor.shape for name, tensor in each.items()} for each in (one, other)]
    return shapes[0] == shapes[1]


def save(folder: str | Path, state: dict[str, Any], step: int, *, best: bool = False) -> Path:
    """Write the state atomically, then delete what is no longer needed.

    state  nested dict, list, tuple, str, int, float, bool, None and tensors
    step   number of optimizer steps taken
    best   this state is the best so far, and takes the place of the one before

    Kept are the two newest files and the best. Raises StorageError if the file cannot be written;
    the files before it are untouched then.
    """
    folder = Path(folder)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(".*.tmp"):  # left by a kill; a folder has one writer
            stale.unlink(missing_ok=True)
    content = encode(state, step)
    mark = "-best" if best else ""
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = write_bytes(folder / f"{step:09}{mark}-{digest}.safetensors", content)
    prune(folder, path)
    return path


def latest(folder: str | Path) -> Checkpoint | None:
    """The newest valid checkpoint, or None where there is none at all.

    Raises ModelFileError if there are files, but every one of them is damaged.
    """
    return _first_valid(_files(Path(folder)))


def best(folder: str | Path) -> Checkpoint | None:
    """The checkpoint that was saved as the best, or None."""
    return _first_valid([path for path in _files(Path(folder)) if _name(path)["best"]])


def encode(state: dict[str, Any], step: int) -> bytes:
    """A checkpoint as the bytes of its file."""
    tensors: dict[str, Tensor] = {}
    header = {"format": FORMAT, "step": step, "state": pack(state, tensors)}
    return write_tensors(tensors, {"vitreous": json.dumps(header, allow_nan=False)})


def decode(content: bytes, where: str) -> tuple[dict[str, Any], int]:
    """State and step from a file's bytes. Raises ModelFileError for anything that is not one."""
    try:
        tensors = read_tensors(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["vitreous"])
        if header["format"] != FORMAT:
            raise ModelFileError(f"format {header['format']} is unknown", where=where)
        state, step = unpack(header["state"], tensors), header["step"]
        if not isinstance(state, dict) or type(step) is not int:
            raise ModelFileError("the state has no names, or no step", where=where)
        return state, step
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"no checkpoint: {error}", where=where) from error


def read(path: Path) -> Checkpoint:
    """One file, checked against the checksum in its name. Raises ModelFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if hashlib.sha256(content).hexdigest()[:16] != _name(path)["digest"]:
        raise ModelFileError("the content does not match its checksum", where=str(path))
    return Checkpoint(*decode(content, str(path)), path)


def prune(folder: Path, written: Path) -> None:
    """Delete all but the newest and the best; what cannot be deleted stays."""
    files = _files(folder)
    # A run that was set back leaves files of later steps, and writes its own for the same step.
    older = [path for path in files if _step(path) < _step(written)]
    bests = [path for path in files if _name(path)["best"] and _step(path) <= _step(written)]
    if _name(written)["best"]:
        bests = [written]
    kept = {written, *older[: KEPT - 1], *bests[:1]}
    for path in files:
        if path not in kept:
            with contextlib.suppress(OSError):
                path.unlink()


def _first_valid(files: list[Path]) -> Checkpoint | None:
    damaged: list[Path] = []
    for path in files:
        try:
            found = read(path)
        except ModelFileError:
            damaged.append(path)
            continue
        return Checkpoint(found.state, found.step, found.path, tuple(damaged))
    if damaged:
        raise ModelFileError(
            f"all {len(damaged)} checkpoints are damaged",
            where=str(damaged[0].parent),
            remedy="Start the run again: nothing is left to go on from.",
        )
    return None


def _files(folder: Path) -> list[Path]:
    """The checkpoints of a folder by their names, newest first; of one step, the best last."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (_step(path), _name(path)["best"] is None), reverse=True)


def _name(path: Path) -> dict[str, str | None]:
    match = NAME.fullmatch(path.name)
    if match is None:
        raise ModelFileError("this is no name of a checkpoint", where=str(path))
    return match.groupdict()


def _step(path: Path) -> int:
    return int(path.name.partition("-")[0].partition(".")[0])
