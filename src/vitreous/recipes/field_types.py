"""Runtime type checks of recipe fields: is a value of the kind that a field is annotated with?

The command line converts what it reads; from Python anything may come, and is told at once instead
of by whatever happens to compute with it first.
"""

from __future__ import annotations

from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

WORDS = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}
SEVERAL = {str: "texts", float: "numbers"}


def plain(value: Any) -> Any:
    """Numbers of numpy as Python's own, and lists as tuples; all else as it is."""
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def fits(value: Any, kind: Any) -> bool:
    """Is it one of these? A whole number is a number, too; a truth value is neither.

    kind  a type, tuple[type, ...], a literal, or several of these joined by |
    """
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is UnionType:
        return any(fits(value, one) for one in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(fits(one, get_args(kind)[0]) for one in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def describe(kind: Any) -> str:
    """In words: "a whole number"; what may be left out is not mentioned."""
    if get_origin(kind) is UnionType:
        return " or ".join(describe(one) for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        return f"a tuple of {SEVERAL[get_args(kind)[0]]}"
    return WORDS[kind]
