"""The header of a model file: what is in it, and how each field is checked.

A header comes from outside: nothing in it is believed before its type, its size and its meaning
have been looked at.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.images.file_type import SIGNATURES, recognize
from vitreous.errors import ModelFileError, unknown
from vitreous.fields import AtMost, Between, misfit
from vitreous.inference.views import ONE, VIEWS
from vitreous.tasks import TASKS, Task

FORMAT = 3
VIEWED = 4
READABLE = (1, 2, FORMAT, VIEWED)
"""The first had no decoding, and thresholds of labels in its place; the second no temperature, and
no rejection; the last is written where answers are means over views, which earlier versions of
vitreous would leave out.
"""
PRECISIONS = ("float32", "bfloat16", "float16")
FOREIGN = "Give a model file of vitreous; weights of other tools go to --pretrained."
HEADER_LIMIT = 16 << 20  # bytes; a million long class names would still fit


@dataclass(frozen=True, kw_only=True)
class Header:
    """The checked header of a model file; the fields are those of `Bundle`."""

    architecture: str | None
    arguments: dict[str, Any]
    contract: PixelContract
    task: Task
    precision: str
    training: dict[str, Any]
    sha256: str
    probe: tuple[float, ...] | None
    rejection: dict[str, Any] | None
    views: str

    @classmethod
    def of(cls, path: Path) -> Header:
        """The header of a model file, without its weights. Raises ModelFileError."""
        try:
            with path.open("rb") as file:
                length = file.read(8)
                blob = length + file.read(min(int.from_bytes(length, "little"), HEADER_LIMIT))
        except OSError as error:
            raise ModelFileError(f"cannot be read: {error.strerror}", where=str(path)) from error
        return cls.read(blob, str(path))

    @classmethod
    def read(cls, blob: bytes, where: str) -> Header:
        """Parse and check the header of a model file's bytes. Raises ModelFileError."""
        return cls.checked(metadata(blob, where), where)

    @classmethod
    def checked(cls, found: dict[str, Any], where: str) -> Header:
        """Check the fields of a header. Raises ModelFileError."""
        later: dict[str, Any] = {"decoding": {}, "probe": None, "rejection": None, "views": ONE}
        fields: dict[str, Any] = {**later, **found}
        if fields.get("format") not in READABLE:
            raise ModelFileError(
                f"format {fields.get('format')!r} is unknown here",
                where=where,
                remedy=f"Up to {VIEWED} are read: update vitreous, or save the model again.",
            )
        if name := misfit(fields, FIELDS):
            given = repr(fields[name])[:80] if name in fields else "missing"
            raise damaged(where, f"the header's field '{name}' is {given}")
        classes = fields["classes"]
        if fields["task"] not in TASKS:
            raise unknown("task", fields["task"], TASKS, where=where)
        if fields["precision"] not in PRECISIONS:
            raise unknown("precision", fields["precision"], PRECISIONS, where=where)
        if fields["views"] not in (ONE, *VIEWS):
            raise unknown("kind of views", fields["views"], (ONE, *VIEWS), where=where)
        check_arguments(fields["arguments"], where)
        check_training(fields["training"], where)
        try:
            contract = PixelContract.from_json(fields["contract"])
            task = TASKS[fields["task"]].from_json(classes, decoding_of(fields))
        except ModelFileError as error:
            raise damaged(where, error.message) from error
        return cls(
            architecture=fields["architecture"],
            arguments=fields["arguments"],
            contract=contract,
            task=task,
            precision=fields["precision"],
            training=fields["training"],
            sha256=fields["sha256"],
            probe=fields["probe"],
            rejection=fields["rejection"],
            views=fields["views"],
        )


Share = Annotated[float, Between(0, 1)]

FIELDS: dict[str, Any] = {
    "architecture": str | None,
    "arguments": dict,
    "classes": tuple[str, ...],
    "contract": dict,
    "task": str,
    "precision": str,
    "decoding": dict,
    "training": dict,
    "sha256": str,
    "probe": Annotated[tuple[float, ...] | None, AtMost(1024)],
    "rejection": dict | None,
    "views": str,
}


def decoding_of(fields: dict[str, Any]) -> dict[str, Any]:
    """What the answers of a task depend on besides its classes."""
    thresholds = fields.get("thresholds")
    return fields["decoding"] if thresholds is None else {"thresholds": thresholds}


LIMITS = {
    "num_classes": 1 << 24,
    "in_channels": 1 << 14,
    "size": 1 << 14,
    "depth": 64,
    "depths": 256,
    "learned": 1 << 28,
}
"""The largest number of an argument, so that no file asks for a network that takes hours."""
LIMIT = 1 << 20  # of any other number
LENGTHS = {"mean": 1 << 14, "std": 1 << 14}
LENGTH = 256  # of any other list


def check_arguments(arguments: dict[str, Any], where: str) -> None:
    """Are these numbers, words, or lists of such, of a size that a network may have?"""
    for name, value in arguments.items():
        given = value if isinstance(value, list) else [value]
        plain = all(isinstance(one, float | int | str | None) for one in given)
        most, long = LIMITS.get(name, LIMIT), len(given) > LENGTHS.get(name, LENGTH)
        small = all(abs(one) <= most for one in given if isinstance(one, float | int))
        if not plain or long or not small:
            raise damaged(where, f"the header's argument '{name}' is {str(value)[:80]}")


TRAINING_FIELDS: dict[str, Any] = {
    "data": str,
    "fingerprint": str,
    "split": dict[Literal["validation", "test"], Share] | None,
    "examples": dict,
    "parameters": int,
    "macs": int,
    "epochs": int,
    "best_epoch": int | None,
    "seed": int,
    "vitreous": str,
    "diverged": str,
}
"""What a file may tell of its training. Files that were not trained here may tell less."""


def check_training(training: dict[str, Any], where: str) -> None:
    """Is what is told of the training of the kind that its readers expect?"""
    kinds = {name: kind for name, kind in TRAINING_FIELDS.items() if name in training}
    if name := misfit(training, kinds):
        raise damaged(where, f"the header's '{name}' of the training is {training[name]!r}")
    shares = training.get("split") or {}  # None: parts that were handed in
    if sum(shares.values()) >= 1:
        raise damaged(where, f"the header's 'split' of the training is {shares!r}")


def damaged(where: str, reason: str) -> ModelFileError:
    return ModelFileError(
        reason, where=where, remedy="Copy the file again, or save it anew from its run folder."
    )


def metadata(blob: bytes, where: str) -> dict[str, Any]:
    """The JSON under "vitreous" in a safetensors file: length, JSON, tensors."""
    if len(blob) < 8:
        raise damaged(where, f"{len(blob)} bytes are too few for a model file")
    (length,) = struct.unpack("<Q", blob[:8])
    if length > min(len(blob) - 8, HEADER_LIMIT):
        kind = recognize(blob)
        if kind in SIGNATURES and blob[8:9] != b"{":  # a length may look like any signature
            raise ModelFileError(f"is {kind.name}, no model file", where=where, remedy=FOREIGN)
        raise damaged(where, "the file was cut, or is no safetensors file")
    try:
        metadata = json.loads(blob[8 : 8 + length]).get("__metadata__", {})
        fields = json.loads(metadata["vitreous"])
    except KeyError:
        raise ModelFileError(
            "the file holds weights, but no vitreous header",
            where=where,
            remedy=FOREIGN,
        ) from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(where, f"the header is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise damaged(where, "the header is no JSON object")
    return fields
