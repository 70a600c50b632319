"""The walk over folders: images by suffix or bytes, and what is passed over, counted with its kind.

Everything that takes a folder of images comes here: opening, checking, searching, predicting.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from vitreous.data.formats.image_files import SUFFIXES
from vitreous.data.images.file_type import recognize
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

LITTER = {b"__macosx", b"thumbs.db", b"desktop.ini"}
CACHES = frozenset(  # hidden folders that hold no data, whatever images are in them
    b".cache .thumbs .thumbnails .thumb .git .svn .hg .ipynb_checkpoints .trash .trashes".split()
    + b".spotlight-v100 .fseventsd .appledouble .appledb .vscode .idea .venv .tmp .@__thumb".split()
)
RUN = (b"recipe.yaml", b"metrics.jsonl")  # a folder with both is one of our run folders

ASKED = 8  # files of an unknown suffix in a folder that are opened to learn what they are
HEAD = 512  # bytes that tell the kind of a file
# Told by their bytes alone, whatever the name: what has a long mark, and one meaning.
READ = {"JPEG", "PNG", "GIF", "WEBP", "AVIF", "JPEG2000"}
UNFINISHED = tuple(b".bak .orig .old .tmp .part .partial .crdownload .download ~".split())
# Kinds of files that show something and that are not read; a TIFF of another suffix is often the
# raw file of a camera, in which only a thumbnail could be read.
SHOWN = {
    "a TIFF image": (
        "TIFF images",
        "Convert them to JPEG or PNG; if they are plain TIFF, rename them to .tif.",
    ),
    "a HEIC photo": ("HEIC photos", "Convert them to JPEG or PNG."),
    "a JPEG XL image": ("JPEG XL images", "Convert them to JPEG or PNG."),
    "a DICOM image": ("DICOM images", "Convert them to PNG or .npy."),
    "an OpenEXR image": ("OpenEXR images", "Convert them to PNG or .npy."),
    "a Photoshop document": ("Photoshop documents", "Convert them to JPEG or PNG."),
    "an SVG drawing": ("SVG drawings", "Convert them to PNG."),
    "a video": ("videos", "Extract their frames first."),
}

Kind = tuple[str, str]  # what a file is, and its suffix: ("a HEIC photo", ".heic")


@dataclass
class Contents:
    """What one folder holds that may concern us, each list sorted by name.

    images    by suffix, or by bytes where the suffix says nothing
    others    files that are no images, by suffix
    unread  files that show something and that are not read, by kind
    loops     links that lead in a circle
    hidden    hidden folders that are not known to be caches
    """

    folders: list[bytes] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    unread: Counter[Kind] = field(default_factory=Counter)
    loops: list[bytes] = field(default_factory=list)
    hidden: list[bytes] = field(default_factory=list)


@dataclass
class PassedOver:
    """What a walk over many folders left out, and why."""

    others: Counter[str] = field(default_factory=Counter)
    unread: Counter[Kind] = field(default_factory=Counter)
    loops: list[str] = field(default_factory=list)
    refused: list[DataError] = field(default_factory=list)  # folders that cannot be listed

    def add(self, contents: Contents) -> None:
        self.others += contents.others
        self.unread += contents.unread
        self.loops += (printable(os.fsdecode(name)) for name in contents.loops)

    def __iadd__(self, other: PassedOver) -> Self:
        self.others += other.others
        self.unread += other.unread
        self.loops += other.loops
        self.refused += other.refused
        return self

    def words(self) -> Iterator[str]:
        """What is no image at all, one sentence each."""
        if self.loops:
            yield f"links that lead in a circle are not followed: {some(self.loops)}"
        if self.others:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.others.most_common(5))
            yield f"files that are no images, left out: {kinds}"


def kinds_of(unread: Counter[Kind]) -> str:
    """Such as "30 HEIC photos (.heic), 1 video (.mp4)"."""
    return ", ".join(
        f"{count:,} {SHOWN[name][0] if count > 1 else name.split(' ', 1)[1]} ({suffix})"
        for (name, suffix), count in unread.most_common(5)
    )


def remedies(unread: Counter[Kind]) -> str:
    """What to do about each kind, the most frequent first."""
    return " ".join(dict.fromkeys(SHOWN[name][1] for (name, _), _ in unread.most_common()))


def list_folder(folder: bytes) -> Contents:
    """One folder's visible content; links to folders are followed unless they lead in a circle.

    Raises DataError where it cannot be listed.
    """
    contents = Contents()
    unknown: dict[bytes, list[bytes]] = defaultdict(list)
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"cannot be listed: {error.strerror}",
            where=printable(os.fsdecode(folder)),
            remedy="Check the folder and its permissions.",
        ) from error
    for entry in entries:
        name = entry.name
        if name.lower() in LITTER:
            continue
        if name.startswith(b"."):
            if name.lower() not in CACHES and _is_folder(entry):
                contents.hidden.append(name)
            continue
        suffix = os.path.splitext(name)[1].lower()
        if suffix in SUFFIXES and not (_is_folder(entry) and os.listdir(entry.path)):
            # Also an empty folder or a dead link of this name: it is named when it is decoded.
            contents.images.append(name)
        elif not _is_folder(entry):
            unknown[suffix].append(name)
        elif entry.is_symlink() and _is_around(entry.path, folder):
            contents.loops.append(entry.path)
        elif not all(os.path.exists(os.path.join(entry.path, file)) for file in RUN):
            contents.folders.append(name)
    for suffix, names in unknown.items():
        _ask(folder, suffix, names, contents)
    if unknown:
        contents.images.sort()
    return contents


def _ask(folder: bytes, suffix: bytes, names: Sequence[bytes], contents: Contents) -> None:
    """Files of an unknown suffix are what their bytes say; where none of a few of them shows
    anything, the others are not opened.
    """
    word = printable(os.fsdecode(suffix)) or "without a suffix"
    step = max(1, len(names) // ASKED)
    few = names[::step][:ASKED]
    worth = any(_kind(os.path.join(folder, name)) for name in few)
    if not worth or suffix in UNFINISHED or suffix.endswith(b"~"):
        contents.others[word] += len(names)
        return
    for name in names:
        kind = _kind(os.path.join(folder, name))
        if kind in READ:
            contents.images.append(name)
        elif kind:
            contents.unread[kind, word] += 1
        else:
            contents.others[word] += 1


def _kind(path: bytes) -> str:
    """The decoder of an image that is read, the name of what only shows something, or ""."""
    try:
        if not os.path.isfile(path):  # opening a pipe would wait for ever
            return ""
        with open(path, "rb") as file:
            found = recognize(file.read(HEAD))
    except OSError:
        return ""
    if found.decoder in READ:
        return found.decoder or ""
    return found.name if found.name in SHOWN else ""


def walk(
    root: bytes, folder: bytes, refused: list[DataError] | None = None
) -> Iterator[tuple[bytes, Contents]]:
    """A folder and all below it, by name; a folder that links reach twice is visited once.

    refused  gathers the errors of folders that cannot be listed; None: they are raised
    """
    followed = set()
    waiting = [folder]
    while waiting:
        below = waiting.pop()
        path = os.path.join(root, below)
        real = os.path.realpath(path)
        if real in followed:
            continue
        followed.add(real)
        try:
            contents = list_folder(path)
        except DataError as error:
            if refused is None:
                raise
            refused.append(error)
            continue
        yield below, contents
        waiting += (os.path.join(below, name) for name in reversed(contents.folders))


def images_below(folder: bytes) -> tuple[list[bytes], PassedOver]:
    """The paths of all images in a folder and its folders, relative to it, and what is no image.

    Raises nothing: folders that cannot be listed are among what was passed over.
    """
    images: list[bytes] = []
    left = PassedOver()
    for below, contents in walk(folder, b"", left.refused):
        images += (os.path.join(below, name) for name in contents.images)
        left.add(contents)
    return images, left


def holds_images(folder: bytes) -> bool:
    """Is there an image anywhere in a folder?"""
    return any(contents.images for _, contents in walk(folder, b"", []))


def some(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_around(link: bytes, folder: bytes) -> bool:
    """Does the link lead to a folder that holds the link itself?"""
    target, here = os.path.realpath(link), os.path.realpath(folder)
    return here == target or here.startswith(target.rstrip(b"/") + b"/")
