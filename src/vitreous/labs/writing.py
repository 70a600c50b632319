"""What a language model is asked to write: how it begins, how long, and how daring."""

from __future__ import annotations

from dataclasses import dataclass

from vitreous.errors import UsageError


@dataclass(frozen=True)
class Writing:
    """A text to go on with.

    prompt       how it begins
    length       number of characters to add
    temperature  0 takes the likeliest character each time, 1 draws as was learned
    seed         of the drawing: the same one writes the same text
    """

    prompt: str = "Alice "
    length: int = 400
    temperature: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prompt:
            raise UsageError(
                "there is nothing to go on with",
                where="--prompt",
                remedy='Give at least one character, such as "Alice ".',
            )
        if self.length < 0:
            raise UsageError(
                f"{self.length} characters cannot be written",
                where="--length",
                remedy="Give 0 or more.",
            )
        if not 0 <= self.temperature < float("inf"):
            raise UsageError(
                f"a temperature of {self.temperature:g}",
                where="--temperature",
                remedy="Give 0 for the likeliest text, or a number up to about 1.",
            )
