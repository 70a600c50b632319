"""A doubt: a note on data that looks like an accident, such as a folder of images left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

SERIOUS = 0.01  # share of images from which a loss or a contradiction is an error


class Doubt(str):
    """A sentence that is read wherever notes are, and that knows how much it costs.

    severity  error: a model trained on this would be wrong; warning: look at it
    kind      what it is about, a word for programs
    examples  names of what is concerned
    remedy    what to do about it
    """

    severity: Literal["error", "warning"]
    kind: str
    examples: tuple[str, ...]
    remedy: str | None

    def __new__(
        cls,
        message: str,
        *,
        severity: Literal["error", "warning"] = "warning",
        kind: str = "opening",
        examples: Sequence[str] = (),
        remedy: str | None = None,
    ) -> Self:
        doubt = super().__new__(cls, message)
        doubt.severity, doubt.kind = severity, kind
        doubt.examples, doubt.remedy = tuple(examples), remedy
        return doubt


def weight(lost: int, total: int, serious: float = SERIOUS) -> Literal["error", "warning"]:
    """How bad it is that `lost` of `total` images are left out: an error from a share on."""
    return "error" if lost >= serious * total else "warning"
