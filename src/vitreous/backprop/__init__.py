"""Back-propagation that can be read: every derivative written by hand, and checked."""

from vitreous.backprop.gradcheck import Report, check
from vitreous.backprop.tape.rule import Rule
from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.tape.value import Value
from vitreous.backprop.translate.twin import Twin, manual_gradients, twin

__all__ = ["RULES", "Report", "Rule", "Twin", "Value", "check", "manual_gradients", "twin"]
