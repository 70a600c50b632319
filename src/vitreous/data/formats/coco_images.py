"""The images that COCO's files name: where they lie, and which annotations are theirs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PureWindowsPath

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt, weight
from vitreous.data.formats.coco_json import Annotation, CocoFile
from vitreous.data.formats.found_boxes import some, told_of
from vitreous.data.formats.part_words import LIKELY, pieces
from vitreous.data.images.decode import header
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError, ImageError

LOOKED = 200  # entries by which the folder of the images is found
SAMPLE = 500  # images whose headers are compared with the sizes that are written of them
ABSENT = "images that are listed and not there, left out"
DANGLING = "annotations of images that are not listed, left out"


class CocoImages:
    """The images of all files that are there, with their annotations.

    names, parts, sizes  of each: relative to the root; sizes are height and width as written
    annotations          of each, with the names of their categories
    """

    def __init__(self, root: Path):
        self.root = root
        self.names: list[str] = []
        self.parts: list[Part] = []
        self.sizes: list[tuple[int, int]] = []
        self.annotations: list[list[tuple[Annotation, str]]] = []
        self.keypoints: dict[str, tuple[str, ...]] = {}  # by the name of the category
        self.named: set[str] = set()  # categories
        self.used: set[str] = set()
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self.listed = 0
        self._places: dict[str, str] = {}

    def add(self, file: CocoFile, part: Part) -> None:
        folder, bare = self._folder(file)
        there: dict[str, int] = {}
        for key, image in file.images.items():
            self.listed += 1
            name = os.path.normpath(os.path.join(folder, relative(image.name, bare)))
            if not os.path.isfile(self.root / name):
                self.told[ABSENT].append(name)
                continue
            if name in self._places:
                raise DataError(
                    f"names {printable(name)}, as {self._places[name]} does",
                    where=image.where,
                    remedy="Give each image one entry, in one part.",
                )
            self._places[name] = image.where
            there[key] = len(self.names)
            self.names.append(name)
            self.parts.append(part)
            self.sizes.append((image.height, image.width))
            self.annotations.append([])
        self.named |= {*file.categories.values()}
        for thing in file.annotations:
            self.used.add(file.categories[thing.category])
            if thing.image not in file.images:
                self.told[DANGLING].append(thing.entry)
            elif thing.image in there:
                word = file.categories[thing.category]
                self.annotations[there[thing.image]].append((thing, word))
            else:
                self.told["annotations of absent images, left out"].append(thing.entry)
        self.keypoints |= {file.categories[key]: names for key, names in file.keypoints.items()}

    def _folder(self, file: CocoFile) -> tuple[str, bool]:
        """The folder, relative to the root, in which the images of a file lie: where most are. And
        do they lie there without the folders in their own names?
        """
        beside = os.path.relpath(file.path.parent, self.root)
        words = {word for word in file.path.stem.replace("-", "_").split("_") if word}
        places = [beside, os.path.join(beside, "images"), ".", "images"]
        below = sorted(p.name for p in self.root.iterdir() if p.is_dir())
        meant = [name for name in below if name in words or _same_part(name, words)]
        within = [os.path.join("images", name) for name in (*sorted(words), *meant)]
        places += [*meant, *within, *below]
        places = [*dict.fromkeys(map(os.path.normpath, places))]
        entries = [*file.images.values()]
        few = entries[:: max(1, len(entries) // LOOKED)]

        def found(way: tuple[str, bool]) -> int:
            place, bare = way
            names = (relative(image.name, bare) for image in few)
            return sum(os.path.isfile(self.root / place / name) for name in names)

        return max(((place, bare) for bare in (False, True) for place in places), key=found)

    def notes(self) -> Iterator[str]:
        for words in (ABSENT, DANGLING):
            if places := self.told.pop(words, []):
                total = self.listed if words is ABSENT else sum(map(len, self.annotations))
                yield Doubt(
                    f"{words}: {some(places)}",
                    severity=weight(len(places), max(total, 1)),
                    kind="missing",
                    remedy="Bring the files back, or delete their entries.",
                )
        yield from told_of(self.told)
        if unused := sorted(self.named - self.used):
            yield f"categories without annotations, left out: {some(unused)}"
        bare = [n for n, each in zip(self.names, self.annotations, strict=True) if not each]
        if bare:
            yield f"images without annotations, taken to show nothing: {some(bare)}"
        yield from self._other_sizes()

    def _other_sizes(self) -> Iterator[str]:
        """Images of another size than is written of them, in a sample; a camera may be turned."""
        chosen = np.unique(np.linspace(0, len(self.names) - 1, SAMPLE).astype(int)).tolist()
        wrong = []
        for index in chosen if self.names else []:
            try:
                own = header(self.root / self.names[index])
            except ImageError:  # named later, when it is to be decoded
                continue
            if self.sizes[index] not in ((own.height, own.width), (own.width, own.height)):
                wrong.append(self.names[index])
        if wrong:
            yield Doubt(
                f"images of another size than their entry says, boxes taken as they are written: "
                f"{some(wrong)} (of {len(chosen):,} that were looked at)",
                severity=weight(len(wrong), len(chosen)),
                kind="sizes",
                remedy="Annotate the images as they are now, or bring back those of that size.",
            )


def relative(name: str, bare: bool = False) -> str:
    """A file_name as it is meant here; Windows' programs write it with backslashes.

    bare  without its folders
    """
    parts = PureWindowsPath(name).parts if "\\" in name else (name,)
    return os.path.basename(name) if bare and len(parts) == 1 else "/".join(parts[-bare:])


def _same_part(name: str, words: Iterable[str]) -> bool:
    """Is a folder called after a part that one of these words means?"""
    parts = {LIKELY[w] for word in words for w in pieces(word) if w in LIKELY}
    return any(LIKELY.get(word) in parts for word in pieces(name))
