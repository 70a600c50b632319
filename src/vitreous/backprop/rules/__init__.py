"""The table of differentiable operations."""

from vitreous.backprop.rules.table import RULES

__all__ = ["RULES"]
