"""Back-propagation that can be read: every derivative written by hand, and checked."""

from vitreous.backprop.check import Report, check
from vitreous.backprop.rule import Rule
from vitreous.backprop.rules import RULES
from vitreous.backprop.twin import Twin, manual_gradients, twin
from vitreous.backprop.value import Value

__all__ = ["RULES", "Report", "Rule", "Twin", "Value", "check", "manual_gradients", "twin"]
