"""The table of differentiable operations."""

from vitreous.backprop.tape.rules.rule_table import RULES

__all__ = ["RULES"]
