"""Settings of a verb: flags, variables of the environment, a `--config` file. All are text, and one
rule says what a text means.

A file of YAML is read without YAML's own ideas: `no` is the word that the flag takes, and not
False; 1:30 is no number of base 60.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cyclopts import ArgumentCollection, convert
from cyclopts.config import Dict, Env

from vitreous.errors import RunError, UsageError, unknown

if TYPE_CHECKING:
    from cyclopts import App

REMEDY = "Write one flag a line, as name: value."


def converted(kind: Any, tokens: Any) -> Any:
    """A text as a value of this type. Raises ValueError for a number that is not written as a whole
    one, where one is asked for: cyclopts would round it.
    """
    if kind is int or int in get_args(kind):
        for token in tokens:
            if is_fraction(token.value):
                place = "" if token.source in ("", "cli", "env") else f", in {token.source}"
                raise ValueError(f"{token.value} is not a whole number{place}")
    return convert(kind, tokens)


def is_fraction(text: str) -> bool:
    """Is it a number, but no whole number as Python writes them?"""
    try:
        float(text)
    except ValueError:
        return False
    return not text.strip().lstrip("+-").replace("_", "").isdigit()


class Variables(Env):
    """The environment, in which a variable that begins like a verb's but names no flag is refused:
    it is a slip, and would be passed over in silence.
    """

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        if commands:
            known = [self._convert_argument(commands, argument) for argument in arguments]
            for name in sorted(os.environ):
                if name.startswith(self._prefix(commands)) and name not in known:
                    raise unknown("variable", name, known)
        super().__call__(app, commands, arguments)


def take_config(arguments: Sequence[str], verb: str) -> tuple[list[str], list[Dict]]:
    """The arguments without `--config FILE`, and that file as a source of the verb's flags."""
    rest, config = list(arguments), []
    for index, word in enumerate(rest):
        if word == "--":
            break
        name, _, value = word.partition("=")
        if name == "--config":
            if not value and index + 1 == len(rest):
                raise UsageError("a file is missing", where="--config")
            path = value or rest[index + 1]
            del rest[index : index + (1 if value else 2)]
            # Below the verb, where a flag may be called like another verb: `split` of `evaluate`.
            config.append(Dict({verb: flags_in(path)}, source=path))
            break
    return rest, config


def flags_in(path: str) -> dict[str, Any]:
    """The flags that a file gives: texts, or lists of texts. Raises UsageError."""
    from vitreous.files import read_yaml_texts

    where = f"--config {path}"
    if not os.path.isfile(path):
        raise UsageError("there is no such file", where=where)
    try:
        flags = read_yaml_texts(Path(path))
    except RunError as error:
        raise UsageError(error.message, where=where, remedy=REMEDY) from error
    if flags in (None, ""):
        return {}
    if not isinstance(flags, dict):
        kind = "text" if isinstance(flags, str) else type(flags).__name__
        raise UsageError(f"holds a {kind}", where=where, remedy=REMEDY)
    for name, value in flags.items():
        inside = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in inside):
            raise UsageError(
                f"'{name}' holds further names, and no value", where=where, remedy=REMEDY
            )
    return flags
