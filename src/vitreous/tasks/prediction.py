"""One answer of a network, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network sees in one image.

    label  name of the class; for a multi-label task the names of all labels that apply
    score  in [0, 1]: probability of that class; for several labels, probability that its least
           certain decision is right
    top    (name, probability), most probable first
    """

    label: str | tuple[str, ...]
    score: float
    top: tuple[tuple[str, float], ...]
