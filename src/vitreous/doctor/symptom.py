"""Symptom: something that was measured in a training, in words, and what to change about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Symptom:
    """text: a sentence without its end; change: fields of a recipe to set, by name."""

    text: str
    change: dict[str, Any] = field(default_factory=dict)
