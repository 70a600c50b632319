"""The folders right below the root of a data set, and what lies in them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from vitreous.data.class_names import clean
from vitreous.data.formats.folder_walk import LITTER, Contents, holds_images, list_folder, some
from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.formats.part_words import PARTS
from vitreous.data.images.read_file import printable

LIST = "classes.txt"


class TopFolders:
    """Folders by their bytes, with what tells parts from classes.

    names   as a person reads them
    listed  the classes that classes.txt names, if there is such a file
    given   those that mean a part by their name alone
    """

    def __init__(self, root: Path, top: Contents):
        self.root = root
        self.names = {folder: clean(os.fsdecode(folder)) for folder in top.folders}
        self.listed = _listed(root)
        self.given = {
            folder: PARTS[name.lower()]
            for folder, name in self.names.items()
            if name.lower() in PARTS
        }

    @cached_property
    def holders(self) -> list[bytes]:
        """Folders that hold folders, no images of their own, and some images further down."""
        return [
            folder
            for folder in self.names
            if self.holds_folders_alone(folder) and holds_images(self.path(folder))
        ]

    def holds_folders_alone(self, folder: bytes) -> bool:
        """Are there folders in a folder, and no images? It ends at the first image."""
        found = False
        try:
            with os.scandir(self.path(folder)) as entries:
                for entry in entries:
                    if entry.name.startswith(b".") or entry.name.lower() in LITTER:
                        continue
                    if os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                        return False
                    found = found or entry.is_dir()
        except OSError:
            list_folder(self.path(folder))  # says what is wrong
        return found

    def folders_in(self, folder: bytes) -> set[str]:
        if not self.holds_folders_alone(folder):
            return set()
        return {clean(os.fsdecode(name)) for name in list_folder(self.path(folder)).folders}

    def path(self, folder: bytes) -> bytes:
        return os.path.join(os.fsencode(self.root), folder)

    @property
    def here(self) -> str:
        return printable(self.root)

    def shown(self, folders: Iterable[bytes]) -> str:
        return some([f"{self.names[folder]}/" for folder in folders])

    def list_all(self, what: str = "all classes") -> str:
        return f"name {what} in {self.here}/{LIST}, one a line."


def _listed(root: Path) -> set[str]:
    """The classes that a file beside the folders names, one a line."""
    try:
        text = (root / LIST).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError:
        return set()
    return {clean(line) for line in text.splitlines()} - {""}
