"""The text of a language model: a book as tokens, and the part of it that is held out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from vitreous.errors import UsageError

HELD_OUT = 0.1  # share of the book that is never trained on: its end


@dataclass(frozen=True)
class Book:
    """A text as numbers.

    letters  the different characters, in their order; a token is a place among them
    tokens   (N,) int64, the whole text
    start    where the held-out part begins
    """

    letters: str
    tokens: Tensor
    start: int

    @property
    def train(self) -> Tensor:
        return self.tokens[: self.start]

    @property
    def held_out(self) -> Tensor:
        """With the character before it, from which its first one is guessed."""
        return self.tokens[self.start - 1 :]

    def encode(self, text: str) -> Tensor:
        """(len(text),) int64. Raises UsageError for characters that the book does not have."""
        strange = "".join(sorted(set(text) - set(self.letters)))
        if strange:
            raise UsageError(
                f"the model has never seen {strange!r}",
                where="--prompt",
                remedy=f"It knows {''.join(self.letters.split())} and spaces.",
            )
        return torch.tensor([self.letters.index(letter) for letter in text], dtype=torch.int64)

    def decode(self, tokens: Tensor) -> str:
        return "".join(self.letters[token] for token in tokens.tolist())


def alice() -> str:
    """The text that comes with the package: Lewis Carroll (1865), in the public domain."""
    return (files("vitreous.labs") / "texts" / "alice.txt").read_text("utf-8")


def book(text: str | None = None) -> Book:
    """The text as numbers, Alice's if none is given; the last tenth is held out."""
    text = alice() if text is None else text
    letters = "".join(sorted(set(text)))
    whole = Book(letters, torch.empty(0, dtype=torch.int64), 0).encode(text)
    return Book(letters, whole, len(text) - round(HELD_OUT * len(text)))
