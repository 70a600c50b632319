"""Listed paths that lead nowhere: what was probably meant, and where such files do lie."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.images.read_file import printable

Listing = dict[str, list[str]]
URL = re.compile(r"\w+://")
SAID = {
    "blanks": "without the blanks around them",
    "slashes": r"with / instead of \ ",
    "suffix": "with a suffix",
    "case": "written with other capitals",
}


class ListedPaths:
    """Paths relative to a folder, each as it is written or as a file is there.

    names    normalized, in order
    notes    what was read otherwise, in words
    missing  positions of those that lead nowhere
    """

    def __init__(self, root: Path, written: Sequence[str]):
        self.root = os.fspath(root)
        self.names: list[str] = []
        self.missing: list[int] = []
        self._listings: dict[str, tuple[Listing, Listing]] = {}
        found: Counter[str] = Counter()
        examples: dict[str, tuple[str, str]] = {}
        for position, name in enumerate(written):
            plain = os.path.normpath(name)
            if not self._exists(plain):
                meant = self._meant(name)
                if meant is None:
                    plain = os.path.normpath(name.strip())
                    self.missing.append(position)
                else:
                    rule, other = meant
                    if rule != "blanks":  # blanks behind a separator are how people write
                        found[rule] += 1
                        examples.setdefault(rule, (plain, other))
                    plain = other
            self.names.append(plain)
        self.notes = [
            f"{count:,} of {len(written):,} paths are read {SAID[rule].strip()}, such as "
            f"{printable(examples[rule][1])} for {printable(examples[rule][0])}"
            for rule, count in found.items()
        ]

    def elsewhere(self) -> str | None:
        """A folder from which the first missing path would lead to a file."""
        name = self.names[self.missing[0]].replace("\\", "/")
        above = [os.path.join(self.root, os.pardir)]
        with os.scandir(self.root or ".") as entries:
            beside = sorted(entry.path for entry in entries if entry.is_dir())
        for place in (*above, *beside):
            if not os.path.isabs(name) and os.path.exists(os.path.join(place, name)):
                return os.path.normpath(place)
        return None

    def _exists(self, name: str) -> bool:
        return os.path.exists(os.path.join(self.root, name))

    def _meant(self, name: str) -> tuple[str, str] | None:
        """By which rule a file is there for a path, and the file."""
        stripped = name.strip()
        if stripped != name and self._exists(stripped):
            return "blanks", os.path.normpath(stripped)
        slashed = os.path.normpath(stripped.replace("\\", "/"))
        if self._exists(slashed):
            return "slashes", slashed
        folder, last = os.path.split(slashed)
        stems, folded = self._there(folder)
        capitals = folded.get(last.casefold(), [])
        for rule, options in (("suffix", stems.get(last, [])), ("case", capitals)):
            if len(options) == 1:
                return rule, os.path.join(folder, options[0])
        return None

    def _there(self, folder: str) -> tuple[Listing, Listing]:
        """The files of a folder by their names without suffix, and without capitals."""
        if folder in self._listings:
            return self._listings[folder]
        stems, folded = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        try:
            names = sorted(os.listdir(os.path.join(self.root, folder)))
        except OSError:
            names = []
        for name in names:
            stem, suffix = os.path.splitext(name)
            if os.fsencode(suffix.lower()) in SUFFIXES:
                stems[stem].append(name)
            folded[name.casefold()].append(name)
        self._listings[folder] = stems, folded
        return stems, folded
