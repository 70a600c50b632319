"""`vt.models` is this package, and `vt.models()` the names of its networks.

A package is an attribute of the one above it under its own name, so a function of that name could
not stand beside it; a module may have a class of its own instead.
"""

from __future__ import annotations

import fnmatch
from types import ModuleType

from vitreous.models.table import MODELS


class Listing(ModuleType):
    """The package, callable."""

    def __call__(self, pattern: str = "*") -> list[str]:
        """Names of networks in the order of their history, such as those of 'resnet*'."""
        return fnmatch.filter(MODELS, pattern)
