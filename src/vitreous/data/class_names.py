"""Class names as they are made, wherever labels come from: folders, tables, arrays, torch data.

One name has one spelling: Unicode's composed form (NFC), without blanks around it and without
characters that nobody sees. What still looks like two spellings of one class is said.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from vitreous.data.doubt import Doubt

# Zero-width space and joiners of words, soft hyphen, byte order mark, directions of writing. The
# joiners of letters (U+200C, U+200D) are spelling in many scripts, and only looked at for twins.
UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
SURROGATE = re.compile("[\ud800-\udfff]")  # what stands for a byte that is no UTF-8
BETWEEN = re.compile(r"(?<=\w)[-_\s]+(?=\w)")
# Written by programs where there is no value. "none" in lower case is what people write.
ABSENT = {
    *("nan", "NaN", "NAN", "None", "null", "NULL", "Null", "N/A", "n/a", "NA", "<NA>", "NaT"),
    *("#N/A", "#NA", "NIL", "undefined"),
}
# What people call what nobody has looked at yet.
UNLABELED = {"unlabeled", "unlabelled", "unsorted", "unannotated", "unassigned", "to sort"}
TOGETHER = ",/+&"  # between several names in one, where a blank may be part of a name
MANY = 20  # images from which it is odd that labels are nearly all different
SHOWN = 3  # groups of twins in one note


def clean(name: object) -> str:
    """The spelling of a class name; bytes that are no UTF-8 become `\\xff`.

    >>> clean(" cafe\\u0301\\u200b")
    'café'
    """
    text = SURROGATE.sub(_escaped, unicodedata.normalize("NFC", str(name)))
    return UNSEEN.sub("", text).strip() or text


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


def doubts(names: Iterable[str], found: Iterable[str] = ()) -> Iterator[Doubt]:
    """What looks like an accident in class names.

    names  of the classes, cleaned
    found  as they were before, where that is known
    """
    classes = list(names)
    hidden = sorted({each for each in map(str, found) if UNSEEN.search(each)})
    if hidden:
        shown = ", ".join(map(ascii, hidden[:SHOWN]))
        yield Doubt(
            f"characters that nobody sees were taken out of class names: {shown}",
            kind="class names",
        )
    twice = sorted({name for name in classes if classes.count(name) > 1}) if _twins(classes) else []
    if twice:
        yield Doubt(
            f"several classes have one name: {', '.join(twice[:SHOWN])}",
            kind="class names",
            remedy="Give each class a name of its own: answers could not be told apart.",
        )
    for spelling, words in (
        (str.casefold, "by case alone"),
        (_number, "only in how a number is written"),
        (_bare, "only in blanks, hyphens or characters that nobody sees"),
    ):
        groups = _groups(classes, spelling)
        if groups:
            listed = "; ".join(", ".join(group) for group in groups[:SHOWN])
            more = f"; and {len(groups) - SHOWN:,} more" if len(groups) > SHOWN else ""
            yield Doubt(
                f"classes that differ {words}: {listed}{more}",
                kind="class names",
                remedy="If they are one class, give all its images one name.",
            )
    waiting = [name for name in classes if BETWEEN.sub(" ", name).lower() in UNLABELED]
    if waiting:
        yield Doubt(
            f"a class is called '{waiting[0]}': the model learns that as an answer like any other",
            kind="class names",
            examples=waiting,
            remedy="If nobody has labeled these images yet, leave them out.",
        )
    several = [name for name in classes if _made_of(name, set(classes))]
    if several:
        yield Doubt(
            f"the class '{several[0]}' is made of the names of others, and is one of its own",
            kind="several labels",
            examples=several,
            remedy="If these are several labels an image, divide them by ';' in a CSV file, or "
            "write one column of 0 and 1 for each.",
        )
    absent = [name for name in classes if name in ABSENT]
    if absent:
        yield Doubt(
            f"a class is called '{absent[0]}', which programs write where a value is missing",
            kind="class names",
            examples=absent,
            remedy="If these images have no label, leave them out; if it is a class, rename it.",
        )


def numerous(classes: Sequence[str], images: int, remedy: str) -> Iterator[Doubt]:
    """Numbers that are nearly all different are rarely classes, but quantities or row numbers."""
    many = images >= MANY and 2 * len(classes) > images
    if many and all(_number(name) is not None for name in classes):
        yield Doubt(
            f"{images:,} images have {len(classes):,} different labels, all of them numbers, and "
            "these are taken for classes",
            kind="numbers as classes",
            remedy=remedy,
        )


def _made_of(name: str, classes: set[str]) -> bool:
    """Several classes in one name: cat,dog beside cat and dog; also as a list in brackets."""
    inside = name[1:-1] if name[:1] + name[-1:] in ("[]", "{}", "()") else name
    for mark in (*TOGETHER, " "):
        pieces = [piece.strip(" '\"") for piece in inside.split(mark)]
        if len(pieces) > 1 and all(
            piece in classes or f"['{piece}']" in classes or f"[{piece}]" in classes
            for piece in pieces
        ):
            return True
    return False


def _twins(classes: list[str]) -> bool:
    return len(set(classes)) < len(classes)


def _groups(classes: list[str], spelling: Callable[[str], str | None]) -> list[list[str]]:
    """Different names of one spelling, which is not the one that a stricter rule has found."""
    alike: dict[str, set[str]] = defaultdict(set)
    for name in classes:
        form = spelling(name)
        if form is not None:
            alike[form].add(name)
    return [sorted(group) for _, group in sorted(alike.items()) if len(group) > 1]


def _number(name: str) -> str | None:
    """The value of a name that is a number: 01, 1 and 1.0 are one."""
    if "_" in name:  # which Python reads as a separator
        return None
    try:
        value = float(name)
    except ValueError:
        return None
    return repr(value) if math.isfinite(value) else None


def _bare(name: str) -> str | None:
    """Without what stands between two letters, and without format characters."""
    if _number(name) is not None:  # 1-2 and 12, -1 and 1 are different numbers
        return None
    return "".join(c for c in BETWEEN.sub("", name) if unicodedata.category(c) != "Cf")
