"""Columns of a table that are left out, and what speaks against it: parts and groups among them."""

from __future__ import annotations

import re

from vitreous.data.doubt import Doubt
from vitreous.data.formats.part_words import LIKELY

OWNERS = re.compile(
    r"(patient|subject|participant|donor|person|animal|individual|specimen|slide|study|series|case|"
    r"video|clip|scene|sequence)s?[\s_-]*(id|nr|no|num|number|name|key|uid)?",
    re.IGNORECASE,
)
"""Names of what several images can belong to."""


class LeftOut:
    """A column that is not used, seen cell by cell."""

    def __init__(self, name: str):
        self.name = name
        self._words: set[str] | None = set()  # None: there are others than those of parts
        self._owned = OWNERS.fullmatch(name.strip()) is not None
        self._seen: set[str] = set()
        self._repeated = False

    def add(self, cell: str) -> None:
        cell = cell.strip()
        if self._words is not None and cell:
            word = cell.lower()
            if word in LIKELY:
                self._words.add(word)
            else:
                self._words = None
        if self._owned and not self._repeated and cell:
            self._repeated = cell in self._seen
            self._seen.add(cell)

    def doubt(self) -> Doubt | None:
        """What is lost with it, if it looks so."""
        if self._words and len(self._words) > 1:
            return Doubt(
                f"the column '{self.name}' holds {' and '.join(sorted(self._words))}, and is left "
                "out: parts are divided anew",
                severity="error",
                kind="parts left out",
                remedy="If these are the parts, rename it to 'split'.",
            )
        if self._owned and self._repeated:
            return Doubt(
                f"the column '{self.name}' is left out: images of one {self.name} may come into "
                "different parts",
                kind="groups left out",
                remedy="To keep them together, rename it to 'group'.",
            )
        return None
