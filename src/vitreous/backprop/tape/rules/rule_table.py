"""One table of differentiable operations: what each computes, and how gradients pass back.

A rule knows its forward function, its vector-Jacobian product and inputs to test it on. The tape,
the layers, the graph viewer and the tests all read this table, so an operation without a
derivative, or a derivative without a test, cannot exist.
"""

from __future__ import annotations

from vitreous.backprop.tape.rule import Rule
from vitreous.backprop.tape.rules.activations import ACTIVATIONS
from vitreous.backprop.tape.rules.arithmetic import ARITHMETIC
from vitreous.backprop.tape.rules.reductions import REDUCTIONS

RULES: dict[str, Rule] = {rule.name: rule for rule in (*ARITHMETIC, *REDUCTIONS, *ACTIVATIONS)}
