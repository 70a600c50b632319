"""Errors: what can go wrong, and what to do about it.

Every error that a user can cause says what happened, where (file, flag, row) and what helps.
The command line prints exactly this, without a traceback.

VitreousError
├── UsageError          a wrong argument, flag, name or configuration key (exit code 2)
├── DataError           a folder, manifest or archive that cannot be used as it is
│   └── ImageError      one image that cannot be decoded
│       └── OversizeError   one that has more pixels than are allowed
├── ModelError          a network that cannot be built or does not fit its input
│   ├── ShapeError      an input of a size or a number of channels that the network cannot take
│   └── ModelFileError  a model file or checkpoint that is damaged, foreign or not to be trusted
├── TrainingError       training cannot go on
│   └── DivergedError   the loss or a weight is no longer a number
├── RunError            a run folder that exists already, is missing or incomplete
│   └── PeerError       another process of the run has gone (exit code 3)
└── StorageError        a full disk, a read-only target, a file that cannot be written
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LISTED = 20  # names that an error lists at most


class VitreousError(Exception):
    """An error with its place and its remedy.

    message  what happened, with the value that was found
    where    the file, flag, row or field concerned, if there is one
    remedy   what the user can do about it, as an imperative sentence
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None):
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(message)

    @property
    def kind(self) -> str:
        """The class name without its ending, in lower case: the `kind` of the JSON error."""
        return type(self).__name__.removesuffix("Error").lower()

    def to_json(self) -> dict[str, str | None]:
        """What it says, as programs and pages are told it."""
        fields = {"message": self.message, "where": self.where, "remedy": self.remedy}
        return {"kind": self.kind, **fields}

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{remedy}"


class UsageError(VitreousError, ValueError):
    exit_code = 2


class DataError(VitreousError, ValueError): ...


class ImageError(DataError): ...


class OversizeError(ImageError):
    @property
    def kind(self) -> str:
        return "image"


class ModelError(VitreousError, ValueError): ...


class ShapeError(ModelError): ...


class ModelFileError(ModelError): ...


class TrainingError(VitreousError, RuntimeError): ...


class DivergedError(TrainingError): ...


class RunError(VitreousError): ...


class PeerError(RunError):
    exit_code = 3


class StorageError(VitreousError, OSError): ...


def unknown(
    noun: str,
    name: str,
    options: Iterable[str],
    *,
    where: str | None = None,
    outline: Sequence[str] = (),
) -> UsageError:
    """The error for a name that is not in a table; it offers the nearest three.

    outline  what is listed, in this order, where none is near; () is all options

    >>> print(unknown("model", "resnet81", ["resnet18", "lenet5"]))
    unknown model 'resnet81'
      Did you mean resnet18?
    """
    options = sorted(options)
    nearest = difflib.get_close_matches(name, options, n=3, cutoff=0.65)
    known = [*outline] or options
    listed = ", ".join(known[:LISTED])
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    remedy = f"Did you mean {' or '.join(nearest)}?" if nearest else f"Known: {listed}{more}."
    return UsageError(f"unknown {noun} '{name}'", where=where, remedy=remedy)


def missing(package: str, extra: str, needed_by: str, *, where: str | None = None) -> UsageError:
    """The error for a package that comes with an extra of vitreous, and is not installed.

    >>> print(missing("matplotlib", "plots", "a figure"))
    a figure needs the package matplotlib
      pip install "vitreous[plots]"
    """
    return UsageError(
        f"{needed_by} needs the package {package}",
        where=where,
        remedy=f'pip install "vitreous[{extra}]"',
    )
