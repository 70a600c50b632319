"""The folders in which images and their maps lie: masks, depths, or clean pictures; side by side,
in parts or without, or in one folder where names tell them apart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vitreous.data.dataset import Part
from vitreous.data.formats.drawn_kinds import kind_of_folder, looks_like_masks
from vitreous.data.formats.folder_walk import list_folder, walk
from vitreous.data.formats.part_words import likely_parts, pieces
from vitreous.errors import DataError

IMAGES = frozenset(
    "image images img imgs photo photos picture pictures rgb color colour input inputs x raw src "
    "source sources frame frames jpegimages".split()
)
NOISY = frozenset("noisy noise lq low degraded blur blurred blurry corrupted rainy hazy".split())
TARGETS = {
    **dict.fromkeys("mask masks seg segmentation segmentations segmentationclass".split(), "mask"),
    **dict.fromkeys("label labels annot annots annotation annotations labelled".split(), "mask"),
    **dict.fromkeys("depth depths disparity disparities".split(), "depth"),
    **dict.fromkeys("clean hq sharp denoised noiseless noisefree".split(), "clean"),
    **dict.fromkeys("target targets gt gts groundtruth truth y output outputs".split(), ""),
}
"""Words for folders of what belongs to images, and what lies in them; "" is told by its files."""
SHARED = {"labels", "annotations"}  # words for folders of boxes in text files, too
VAGUE = frozenset("label labels annot annots annotation annotations labelled".split())
PAIRS = {("images", "labels"), ("images", "annotations"), ("image", "label")}
"""Vague words which mean masks in this company, whatever lies in the folders."""
# What the folder of a part's masks is called behind the part's own name, as in CamVid's trainannot.
OF_PART = re.compile(r"[-_ ]?(annot|annotations?|labels?|masks?|gt|depths?)")
# How files that lie among their images end, and what they are.
MARKS = {
    "mask": re.compile(r"[-_ ](masks?|labels?|labelids|seg|segmentation|annot|gt)$", re.IGNORECASE),
    "depth": re.compile(r"[-_ ](depth|disparity)$", re.IGNORECASE),
    "clean": re.compile(r"[-_ ]clean$", re.IGNORECASE),
}
LEAST = 2  # such files in a folder
SHARE = 0.5  # of the images in it


@dataclass(frozen=True)
class Pair:
    """A folder of images and that of their maps, relative to the root; and their part.

    kind  mask, depth or clean
    """

    part: Part
    images: str
    masks: str
    kind: str = "mask"

    def __str__(self) -> str:
        if self.images == self.masks:
            return (
                f"{self.images or 'one folder'}{'/' * bool(self.images)}, told apart by their names"
            )
        return f"{self.images}/ with {self.masks}/"


def layout(root: Path, names: set[str]) -> list[Pair]:
    """The pairs of folders in a folder with these names in it; none where it is no such layout."""
    found = _side_by_side(root, names) or _in_one(root, [""])
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
            images, masks, kind = within
            pairs.append(Pair(part, os.path.join(name, images), os.path.join(name, masks), kind))
        elif len(drawn) == 1:
            pairs.append(Pair(part, name, drawn[0], kind_of_folder(root / drawn[0], "mask")))
        elif flat := _in_one(root, [name]):
            pairs.append(Pair(part, *flat))
    return sorted(pairs, key=lambda pair: pair.part)


def _side_by_side(root: Path, names: set[str]) -> tuple[str, str, str] | None:
    """A folder of images, that of what belongs to them, and its kind: by their words, or where
    there are just two folders by what lies in them.
    """
    folders = sorted(name for name in names if os.path.isdir(root / name))
    images = [name for name in folders if _word(name) in IMAGES or _word(name) in NOISY]
    images.sort(key=lambda name: (not _word(name).startswith("image"), name))
    for one in images:
        for other in sorted(folders, key=_order):
            kind = TARGETS.get(_word(other))
            if kind is None or (kind != "clean" and _word(one) in NOISY and kind):
                continue
            if not has_images(root, other) or not has_images(root, one):
                if _word(other) in SHARED and has_images(root, one):
                    return None  # boxes
                continue
            named = (_word(one), _word(other)) in PAIRS or _word(other) not in VAGUE
            found = kind if kind and named else kind_of_folder(root / other, "clean")
            sound = found == kind if kind else found != "clean" or _is_photos(root / one)
            if sound:
                return one, other, found
    if len(folders) == 2:
        for one, other in (folders, folders[::-1]):
            if looks_like_masks(root / one, root / other):
                return one, other, "mask"
    return None


def _is_photos(folder: Path) -> bool:
    """Nobody makes masks into pictures: the words have changed places."""
    return kind_of_folder(folder, "clean") == "clean"


def _in_one(root: Path, folders: Iterable[str]) -> tuple[str, str, str] | None:
    """A folder whose files are images and, by the ends of their names, what belongs to them."""
    for folder in folders:
        try:
            images = list_folder(os.fsencode(root / folder)).images
            stems = {os.path.splitext(os.fsdecode(name))[0] for name in images}
        except DataError:
            continue
        for kind, mark in MARKS.items():
            found = [stem for stem in stems if mark.search(stem) and mark.sub("", stem) in stems]
            if len(found) >= LEAST and len(found) >= SHARE * (len(stems) - len(found)):
                return folder, folder, kind
    return None


def _word(name: str) -> str:
    return "".join(pieces(name)) or name.lower()


def _order(name: str) -> tuple[int, str]:
    """Masks before depths before the rest, where several folders belong to the images."""
    return [*TARGETS].index(_word(name)) if _word(name) in TARGETS else len(TARGETS), name


def _is_of_part(word: str, part: str) -> bool:
    return word.startswith(part) and bool(OF_PART.fullmatch(word[len(part) :]))


def has_images(root: Path, folder: str) -> bool:
    """Is there an image below this folder? Boxes lie in folders so called, too."""
    if not (root / folder).is_dir():
        return False
    return any(c.images for _, c in walk(os.fsencode(root), os.fsencode(folder)))
