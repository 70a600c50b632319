"""From the text of a formula to a tape: `evaluate("(x + y) * z", {"x": -2, "y": 5, "z": -4})`.

The text is parsed by Python's own parser and read node by node; only arithmetic, names, numbers and
the functions of the rule table mean anything. Nothing is ever executed as code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import torch

from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.tape.value import Value, apply
from vitreous.errors import UsageError, unknown

_LENGTH, _DEPTH = 2000, 100

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
}
# How people write it, and how Python does.
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**", "²": "**2"})
_SYNONYMS = {"ln": "log", "σ": "sigmoid", "tr": "transpose", "sqr": "square"}


def evaluate(text: str, values: Mapping[str, Any]) -> Value:
    """The result of a formula, from which gradients can flow back.

    text    + - * / ** @, parentheses, .T, ‖·‖², numbers, and functions such as exp(x) or sum(x)
    values  a number, nested lists or a tensor for every name in the formula

    Raises UsageError for anything else, ShapeError if operands do not fit together.
    """
    if len(text) > _LENGTH:
        raise UsageError(
            f"a formula of {len(text)} characters",
            remedy=f"Use at most {_LENGTH}.",
        )
    plain = re.sub(r"‖([^‖]*)‖²", r"norm2(\1)", text.strip()).translate(_SIGNS)
    try:
        tree = ast.parse(plain, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
        raise UsageError(
            f"the formula cannot be read: {reason}",
            where=text,
            remedy='Write it like "(x + y) * z" or "norm2(W @ x + b)".',
        ) from error
    reader = _Reader(text, values)
    result = reader.read(tree.body, 0)
    unused = [name for name in values if name not in reader.names]
    if unused:
        raise UsageError(
            f"the formula has no {', '.join(unused)}",
            where=text,
            remedy="Leave out the value, or correct the formula.",
        )
    if result.rule is None:
        raise UsageError(
            "the formula computes nothing", where=text, remedy="Combine values by an operation."
        )
    return result


class _Reader:
    """Reads a syntax tree; every name becomes one variable, however often it occurs."""

    def __init__(self, text: str, values: Mapping[str, Any]):
        self.text = text
        self.values = values
        self.names: dict[str, Value] = {}

    def read(self, node: ast.expr, depth: int) -> Value:
        if depth > _DEPTH:
            raise self.refused("it is nested too deeply")
        match node:
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
                operands = self.read(left, depth + 1), self.read(right, depth + 1)
                return apply(_BINARY[type(operator)], *operands)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return self.number(-number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return apply("negate", self.read(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(number)
            case ast.Name(id=name):
                return self.variable(name)
            case ast.Attribute(value=value, attr="T"):
                return apply("transpose", self.read(value, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                rule = _SYNONYMS.get(name, name)
                if rule not in RULES:
                    raise unknown("function", name, RULES, where=self.text)
                return apply(rule, *(self.read(argument, depth + 1) for argument in arguments))
        raise self.refused(f"'{ast.unparse(node)}' is not arithmetic")

    def number(self, number: float) -> Value:
        try:
            return Value(float(number), f"{number:g}", constant=True)
        except OverflowError as error:
            raise self.refused("a number in it is too large") from error

    def variable(self, name: str) -> Value:
        if name not in self.names:
            if name not in self.values:
                raise UsageError(
                    f"{name} has no value", where=self.text, remedy=f"Give one, such as {name}=2."
                )
            try:
                data = torch.as_tensor(self.values[name], dtype=torch.float64)
            except (TypeError, ValueError, RuntimeError) as error:
                raise UsageError(
                    f"the value of {name} is neither a number nor a regular list of numbers",
                    where=self.text,
                    remedy="Write vectors as [1, 2] and matrices as [[1, 2], [3, 4]].",
                ) from error
            self.names[name] = Value(data, name)
        return self.names[name]

    def refused(self, reason: str) -> UsageError:
        return UsageError(
            f"the formula cannot be used: {reason}",
            where=self.text,
            remedy="Use + - * / ** @, parentheses, .T, numbers, names and functions: "
            + ", ".join(sorted(name for name in RULES if name.isidentifier()))
            + ".",
        )
