"""Standard output and standard error, whatever they are: of any encoding, closed, or full.

A name of a file keeps its bytes; a sign that the encoding lacks, as Windows' code pages lack `→`,
becomes a plain one. Nothing that is printed ends in a traceback.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata

PLAIN = {
    "→": "->",
    "←": "<-",
    "−": "-",
    "×": "x",
    "·": "-",
    "✗": "x",
    "…": "...",
    "–": "-",
    "—": "-",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "²": "^2",
    "█": "#",
    "─": "-",
    "│": "|",
}
"""Signs that texts here have, and what takes their place."""

ESCAPED = range(0xDC80, 0xDD00)  # bytes of a file's name that are no text, as Python holds them


def plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement of the first character that an encoding lacks, as `codecs` asks for it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if ord(sign) in ESCAPED:
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    like = PLAIN.get(sign) or unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return like or ("" if unicodedata.combining(sign) else "?"), error.start + 1


def prepare() -> None:
    """Let both streams take any text. A closed one is one that nobody reads."""
    codecs.register_error("plain", plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def is_broken() -> bool:
    """Can what was printed not be written, on a full disk for one? Then it is given up."""
    try:
        sys.stdout.flush()
    except OSError:
        give_up()
        return True
    return False


def give_up() -> None:
    """Whatever has not been printed cannot be: Python would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
