"""Validation of fields: is a value of its annotated type, one of its words, within its range?

    epochs: Annotated[int | None, Between(1, 1_000_000)] = None
    fit: Literal["crop", "squash", "pad"] = "crop"
    hidden: Annotated[tuple[Annotated[int, Between(1, 32)], ...], AtMost(8)] = (4, 2)
    time: Annotated[str | None, "text, such as 90s or 1h30m"] = None

The command line converts what it reads. From Python, from files and from pages anything may come,
and is refused here instead of by whatever happens to compute with it first. A text among the
annotations tells what to give, where the type alone does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from vitreous.errors import UsageError, unknown

MOST = 80  # characters of a value that an error repeats
_known: dict[type, Mapping[str, Any]] = {}
WORDS = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}


@dataclass(frozen=True)
class Between:
    """The range of a number, with its ends. NaN is in none."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """The words that are known; `noun` is what an error calls them if not by the field's name."""

    words: tuple[str, ...]
    noun: str | None = None


@dataclass(frozen=True)
class AtMost:
    """The greatest length of a tuple."""

    length: int


def check(
    value: Any, where: Callable[[str], str] = str, limits: Mapping[str, Any] | None = None
) -> None:
    """Check the fields of a frozen dataclass, and make them plain; for its `__post_init__`.

    where   name -> what the user calls the field, such as --batch-size
    limits  those that stand in a table of their own

    Raises UsageError for the first field that is not as annotated.
    """
    for name, kind in field_types(type(value)).items():
        if limits and name in limits:
            kind = Annotated[kind, limits[name]]
        object.__setattr__(value, name, checked(name, getattr(value, name), kind, where(name)))


def checked(name: str, value: Any, kind: Any, where: str | None = None) -> Any:
    """The value, made plain. Raises UsageError if it is not as `kind` says."""
    value, where = plain(value), where or name
    wrong = _misfit(value, kind)
    if wrong is None:
        return widened(value, kind)
    found, inner, limit = wrong
    match limit:
        case Between(low, high):
            message = f"{str(found)[:MOST]} is out of range"
            remedy = f"Give {described(inner)} from {low:g} to {high:g}."
        case AtMost(length):
            message, remedy = f"{len(found):,} are too many", f"Give at most {length:,}."
        case OneOf(words, noun):
            raise unknown(noun or name, str(found)[:MOST], words, where=where)
        case _:
            message = f"{name} is {repr(value)[:MOST]}, of type {type(value).__name__}"
            remedy = f"Give {described(kind)}."
    raise UsageError(message, where=where, remedy=remedy)


def fits(value: Any, kind: Any) -> bool:
    """Is it as `kind` says, in type and limits? Lists count as tuples, whole numbers as numbers;
    truth values are neither.

    kind  a type, a union, a Literal of words, tuple[...], dict[...], or Annotated with limits
    """
    return _misfit(plain(value), kind) is None


def misfit(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> str | None:
    """The first name whose value is missing or does not fit."""
    return next((name for name in kinds if not fits(values.get(name, ...), kinds[name])), None)


def check_names(names: Iterable[str], cls: type, noun: str, where: str | None = None) -> None:
    """Raises UsageError, with the nearest names, for one that is no field of the dataclass."""
    known = field_types(cls)
    for name in names:
        if name not in known:
            raise unknown(noun, str(name)[:MOST], known, where=where)


def field_types(cls: type) -> Mapping[str, Any]:
    """The types of a dataclass's fields, with their annotations."""
    if cls not in _known:  # reading annotations takes longer than checking values by them
        hints = get_type_hints(cls, include_extras=True)
        types = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
        _known[cls] = MappingProxyType(types)
    return _known[cls]


def limits_of(cls: type, limit: type) -> dict[str, Any]:
    """The fields of a dataclass that have a limit of this type; the words of a Literal are one."""
    limits = {
        name: [OneOf(get_args(kind))] if get_origin(kind) is Literal else get_args(kind)[1:]
        for name, kind in field_types(cls).items()
    }
    return {name: one for name in limits for one in limits[name] if isinstance(one, limit)}


def plain(value: Any) -> Any:
    """Numbers of NumPy as Python's own, and lists as tuples; all else as it is."""
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def widened(value: Any, kind: Any) -> Any:
    """A value that fits, where `kind` asks for a number in general as a float: 1 is 1.0, so that a
    hash of both is one.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return widened(value, parts[0])
    if origin in (Union, UnionType):
        return next((widened(value, part) for part in parts if _misfit(value, part) is None), value)
    if origin is tuple and isinstance(value, tuple):
        kinds = parts[:1] * len(value) if parts[-1] is ... else parts
        return tuple(widened(*pair) for pair in zip(value, kinds, strict=True))
    return float(value) if kind is float else value


def described(kind: Any) -> str:
    """In words: "a whole number"; that something may be left out is not mentioned."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return next((part for part in parts if isinstance(part, str)), described(parts[0]))
    if origin in (Union, UnionType):
        return " or ".join(described(part) for part in parts if part is not NoneType)
    if origin is tuple:
        return f"a tuple of {described(parts[0]).removeprefix('a ')}s"
    return WORDS[kind]


def _misfit(value: Any, kind: Any) -> tuple[Any, Any, Any] | None:
    """What does not fit: the value or one inside, its type, and the limit that it breaks, or None
    if it is of another type.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = () if value is None else parts[1:]
        broken = ((value, parts[0], one) for one in limits if not _within(value, one))
        return _misfit(value, parts[0]) or next(broken, None)
    if origin is Literal:
        return None if _within(value, OneOf(parts)) else (value, str, OneOf(parts))
    if origin in (Union, UnionType):
        wrong = [_misfit(value, part) for part in parts]
        return None if None in wrong else next((one for one in wrong if one and one[2]), wrong[0])
    if origin is tuple and isinstance(value, tuple):
        kinds = parts[:1] * len(value) if parts[-1] is ... else parts
        inside = list(zip(value, kinds, strict=False))
        right = len(value) == len(kinds)
    elif origin is dict and isinstance(value, dict):
        inside = [pair for item in value.items() for pair in zip(item, parts, strict=True)]
        right = True
    else:
        types = (int, float) if kind is float else object if kind is Any else origin or kind
        inside = []
        right = isinstance(value, types) and (kind in (bool, Any) or not isinstance(value, bool))
    wrong = [found for pair in inside if (found := _misfit(*pair))]
    return (wrong[0] if wrong else None) if right else (value, kind, None)


def _within(value: Any, limit: object) -> bool:
    match limit:
        case OneOf(words):
            return isinstance(value, str) and value in words
        case Between(low, high):
            return bool(low <= value <= high)
        case AtMost(length):
            return len(value) <= length
    return True  # a text
