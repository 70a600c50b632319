"""What looks like an accident in folders of classes: parts among them, or masks."""

from __future__ import annotations

from collections.abc import Iterator

from vitreous.data.doubt import Doubt
from vitreous.data.formats.folder_walk import list_folder, some
from vitreous.data.formats.part_words import PARTS, WORD, likely_part
from vitreous.data.formats.top_folders import TopFolders

MASKS = frozenset("masks mask segmentation segmentations ground_truth gt".split())


def folder_doubts(tops: TopFolders) -> Iterator[Doubt]:
    """Of folders that are taken for classes."""
    yield from _words_as_classes(tops)
    yield from _several_levels(tops)
    yield from _inner_parts(tops)
    yield from _inner_masks(tops)


def _words_as_classes(tops: TopFolders) -> Iterator[Doubt]:
    """`test/` with images beside class folders: a class, and this is said."""
    for folder, name in tops.names.items():
        part = likely_part(name)
        if part is None or len(tops.names) < 2:
            continue
        if not list_folder(tops.path(folder)).images:
            continue
        yield Doubt(
            f"{name}/ lies beside class folders and is taken for a class",
            kind="part or class",
            remedy=f"If it is the {WORD[part]} part, move its images into "
            f"{tops.here}/{name}/CLASS/ and the class folders into {tops.here}/train/. "
            f"If it is a class, {tops.list_all()}",
        )


def _several_levels(tops: TopFolders) -> Iterator[Doubt]:
    """Folders of folders beside folders of images: are the classes above, or below?"""
    deep = {folder: tops.folders_in(folder) for folder in tops.names}
    deep = {folder: inner for folder, inner in deep.items() if len(inner) > 1}
    flat = [folder for folder in tops.names if list_folder(tops.path(folder)).images]
    if deep and flat:
        first, inner = next(iter(deep.items()))
        shown = some(sorted(f"{name}/" for name in inner))
        yield Doubt(
            f"{tops.names[first]}/ holds {shown} and no images of its own, while "
            f"{tops.shown(flat)} holds images: each of these folders is taken for one class",
            kind="levels",
            remedy=f"If the classes are {shown}, put them into train/ and what belongs to them "
            f"into test/CLASS/. If not, {tops.list_all()}",
        )


def _inner_parts(tops: TopFolders) -> Iterator[Doubt]:
    """Class folders that all hold train/ and test/: those divide nothing down there."""
    inside = [
        {name.lower() for name in tops.folders_in(folder)} & PARTS.keys() for folder in tops.names
    ]
    if len(inside) > 1 and all(len(words) > 1 for words in inside):
        name, words = next(iter(tops.names.values())), sorted(inside[0])
        shown = " and ".join(f"{word}/" for word in words)
        yield Doubt(
            f"every class folder holds {shown}, and these are not taken for parts",
            kind="inner parts",
            remedy=f"Put them above the classes: {name}/{words[0]}/ becomes {words[0]}/{name}/.",
        )


def _inner_masks(tops: TopFolders) -> Iterator[Doubt]:
    """Class folders with masks among their images: those would be learned as photos."""
    found = [
        f"{name}/{inner}/"
        for folder, name in tops.names.items()
        for inner in tops.folders_in(folder)
        if inner.lower() in MASKS
    ]
    if found:
        yield Doubt(
            f"what lies in {some(sorted(found))} is taken for images of the class",
            kind="masks among images",
            remedy="If these are masks, move them out of the class folders; to learn them, "
            "give images/ and masks/ alone.",
        )
