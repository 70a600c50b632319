"""The folders in which images and masks lie: side by side, in parts or without."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import walk
from vitreous.data.formats.part_words import likely_parts

PAIRS = (
    ("images", "masks"),
    ("images", "mask"),
    ("images", "labels"),
    ("images", "annotations"),
    ("image", "mask"),
    ("image", "masks"),
    ("image", "label"),
)
SHARED = {"labels", "annotations"}  # words for folders of boxes in text files, too
# What the folder of a part's masks is called behind the part's own name, as in CamVid's trainannot.
OF_PART = re.compile(r"[-_ ]?(annot|annotations?|labels?|masks?|gt)")


@dataclass(frozen=True)
class Pair:
    """A folder of images and that of their masks, relative to the root; and their part."""

    part: Part
    images: str
    masks: str

    def __str__(self) -> str:
        return f"{self.images}/ with {self.masks}/"


def layout(root: Path, names: set[str]) -> list[Pair]:
    """The pairs of folders in a folder with these names in it; none where it is no such layout."""
    found = _side_by_side(root, names)
    if found:
        return [Pair(Part.UNASSIGNED, *found)]
    lowered = {name.lower(): name for name in names}
    pairs = []
    for name, part in sorted(likely_parts(sorted(names)).items()):
        if not (root / name).is_dir():
            continue
        behind = [n for w, n in sorted(lowered.items()) if _is_of_part(w, name.lower())]
        drawn = [other for other in behind if has_images(root, other)]
        within = _side_by_side(root / name, set(os.listdir(root / name)))
        if within:
            pairs.append(Pair(part, *(os.path.join(name, folder) for folder in within)))
        elif len(drawn) == 1:
            pairs.append(Pair(part, name, drawn[0]))
    return sorted(pairs, key=lambda pair: pair.part)


def _side_by_side(root: Path, names: set[str]) -> tuple[str, str] | None:
    lowered = {name.lower(): name for name in names}
    for one, other in PAIRS:
        if one in lowered and other in lowered:
            pair = lowered[one], lowered[other]
            if all((root / folder).is_dir() for folder in pair):
                return pair if other not in SHARED or has_images(root, pair[1]) else None
    return None


def _is_of_part(word: str, part: str) -> bool:
    return word.startswith(part) and bool(OF_PART.fullmatch(word[len(part) :]))


def has_images(root: Path, folder: str) -> bool:
    """Is there an image below this folder? Boxes lie in folders so called, too."""
    if not (root / folder).is_dir():
        return False
    return any(c.images for _, c in walk(os.fsencode(root), os.fsencode(folder)))
