"""Masks, depths or pictures: what the images of a folder are, told by a few of their pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vitreous.data.formats.folder_walk import images_below
from vitreous.data.images.decode import decode, header, upright_size
from vitreous.data.images.depth_map import read_depth
from vitreous.errors import ImageError

LOOKED = 8  # images of a folder that are opened
VALUES = 32  # different colors that a mask shows at most
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F", "uint16", "float16", "float32", "float64")
LEAST, SAME = 3, 0.9  # images and share of them whose names lie in both of two folders


def kind_of_folder(folder: Path, otherwise: str) -> str:
    """mask, depth or clean: what the first images of a folder hold.

    otherwise  the answer where none can be read
    """
    kinds = [kind_of(folder / name) for name in _few(_names(folder))]
    known = [kind for kind in kinds if kind]
    return max(set(known), key=known.count) if known else otherwise


def kind_of(path: Path) -> str:
    """mask: few different colors, and none that compression has smeared; depth: of 16 bits or of
    floats; clean: a picture. "" where it cannot be read.
    """
    try:
        head = header(path)
        if head.channels == 1 and head.mode in DEEP:
            return "depth" if _deep(path) else "mask"
        if head.format == "JPEG" or head.mode in DEEP:
            return "clean"
        pixels = decode(path)
    except ImageError:
        return ""
    flat = pixels.reshape(-1, pixels.shape[2]).astype(np.int64) @ (
        256 ** np.arange(pixels.shape[2])
    )
    return "mask" if len(np.unique(flat)) <= VALUES else "clean"


def looks_like_masks(images: Path, drawn: Path) -> bool:
    """Does a folder hold masks of the images in another one? Their names are the same and their
    sizes, the images show many shades, and the masks few.
    """
    photos, masks = (
        {os.path.splitext(name)[0]: name for name in _names(folder)} for folder in (images, drawn)
    )
    both = sorted(photos.keys() & masks.keys())
    if len(both) < LEAST or len(both) < SAME * max(len(photos), len(masks)):
        return False
    for stem in _few(both):
        photo, mask = images / photos[stem], drawn / masks[stem]
        try:
            sizes = upright_size(photo), upright_size(mask)
        except ImageError:
            return False
        if sizes[0] != sizes[1] or kind_of(photo) != "clean" or kind_of(mask) != "mask":
            return False
    return True


def _deep(path: Path) -> bool:
    """Are there numbers beyond those of classes?"""
    depths = read_depth(path)
    known = depths[np.isfinite(depths)]
    return bool(len(known)) and bool((known != np.rint(known)).any() or known.max() > 255)


def _names(folder: Path) -> list[str]:
    return sorted(os.fsdecode(name) for name in images_below(os.fsencode(folder))[0])


def _few(names: list[str]) -> list[str]:
    return names[:: max(1, len(names) // LOOKED)][:LOOKED]
