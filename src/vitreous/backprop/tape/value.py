"""Reverse-mode autograd on a small tape: tensors that remember how they were computed.

Each operation returns its node, and the node knows its operands and its rule. Unlike autograd, the
tape keeps every intermediate value, local derivative and gradient, because it is meant to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vitreous.backprop.tape.rule import Rule
from vitreous.backprop.tape.rules import RULES
from vitreous.errors import ShapeError, UsageError, unknown
from vitreous.formats import counted


class Value:
    """A tensor in a computational graph.

    data      float64 tensor of any shape
    name      of a variable, or "" for an intermediate result
    rule      the operation that made it; None for a variable or a constant
    operands  the values it was made from
    gradient  ∂(output)/∂(this), after `output.backward()`; None for a constant

    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> f = (x + y) * z
    >>> f.backward()
    >>> [float(v.gradient) for v in (x, y, z)]
    [-4.0, -4.0, 3.0]
    """

    # Makes `array * value` come here instead of letting numpy spread over the elements.
    __array_ufunc__ = None

    def __init__(
        self,
        data: Any,
        name: str = "",
        *,
        constant: bool = False,
        rule: Rule | None = None,
        operands: tuple[Value, ...] = (),
        options: dict[str, Any] | None = None,
    ):
        self.data = torch.as_tensor(data).detach().to(torch.float64)
        self.name = name
        self.constant = constant
        self.rule = rule
        self.operands = operands
        self.options = options or {}
        self.gradient: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    def ancestors(self) -> list[Value]:
        """Every value this one depends on, operands before results, itself last."""
        order: list[Value] = []
        seen: set[int] = set()
        stack: list[tuple[Value, bool]] = [(self, False)]
        while stack:
            value, expanded = stack.pop()
            if expanded:
                order.append(value)
            elif id(value) not in seen:
                seen.add(id(value))
                stack.append((value, True))
                stack.extend((operand, False) for operand in reversed(value.operands))
        return order

    def local_derivatives(self) -> tuple[Tensor, ...]:
        """∂(this)/∂(operand) for each operand, by its rule with a gradient of ones.

        For scalars and pointwise operations these are the numbers on the edges of the graph. For
        sums and products of matrices they are the derivative of the sum of all elements.
        """
        if self.rule is None:
            return ()
        return self._pass_back(torch.ones_like(self.data))

    def backward(self) -> None:
        """Fill `gradient` of every value this one depends on. Raises ShapeError unless scalar."""
        if self.data.numel() != 1:
            raise ShapeError(
                f"gradients flow back from a number, but this value has shape {self.shape}",
                where=self.name or None,
                remedy="Reduce it first, for example with sum(...) or norm2(...).",
            )
        order = self.ancestors()
        for value in order:
            value.gradient = None if value.constant else torch.zeros_like(value.data)
        self.gradient = torch.ones_like(self.data)
        for value in reversed(order):
            if value.rule is None or value.gradient is None:
                continue
            for operand, gradient in zip(
                value.operands, value._pass_back(value.gradient), strict=True
            ):
                if operand.gradient is not None:
                    # A value that is used twice receives the sum of both gradients.
                    operand.gradient = operand.gradient + gradient

    def _pass_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        assert self.rule is not None
        inputs = tuple(operand.data for operand in self.operands)
        return self.rule.backward(gradient, self.data, inputs, **self.options)

    def __add__(self, other: Any) -> Value:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Value:
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> Value:
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Value:
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Value:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return apply("divide", other, self)

    def __pow__(self, other: Any) -> Value:
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> Value:
        return apply("power", other, self)

    def __matmul__(self, other: Any) -> Value:
        return apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Value:
        return apply("matmul", other, self)

    def __neg__(self) -> Value:
        return apply("negate", self)

    @property
    def T(self) -> Value:
        return apply("transpose", self)

    def __getattr__(self, name: str) -> Callable[..., Value]:
        """`x.exp()`, `x.norm2()`, ...: every rule of the table is a method."""
        if name not in RULES:
            raise AttributeError(name)
        return lambda *others, **options: apply(name, self, *others, **options)

    def __repr__(self) -> str:
        made_by = self.rule.formula if self.rule else "constant" if self.constant else "variable"
        return f"Value({self.name or '·'} = {self.data.tolist()}, {made_by})"


def apply(name: str, *operands: Any, **options: Any) -> Value:
    """One operation of the table on values; plain numbers and tensors become constants.

    Raises UsageError for an unknown operation, ShapeError if the operands do not fit together.
    """
    if name not in RULES:
        raise unknown("operation", name, RULES)
    rule = RULES[name]
    values = tuple(x if isinstance(x, Value) else Value(x, constant=True) for x in operands)
    arity = len(rule.samples[0].shapes)
    if len(values) != arity:
        raise UsageError(
            f"{name} takes {counted(arity, 'operand')}, got {len(values)}",
            remedy=f"It computes {rule.formula}.",
        )
    try:
        data = rule.forward(*(value.data for value in values), **options)
    except (RuntimeError, IndexError) as error:
        shapes = " and ".join(str(value.shape) for value in values)
        raise ShapeError(
            f"{name} does not fit operands of shape {shapes}",
            remedy=f"It computes {rule.formula}.",
        ) from error
    constant = all(value.constant for value in values)
    return Value(data, constant=constant, rule=rule, operands=values, options=options)
