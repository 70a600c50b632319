"""Key points in one array beside a folder of images: `joints.npy` or `.mat`, as Leeds has them.

The array is (N, P, 3): of the n-th image by name, x and y of each point in pixels, and 1 where it
is labeled; or (N, P, 2), where all are. In MATLAB's files the axes stand the other way round. A
file `points.txt` beside it names the points, one a line; the fourteen joints of Leeds have names.

Johnson and Everingham (2010), "Clustered pose and nonlinear appearance models for human pose
estimation".
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.class_names import clean
from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import images_below
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.data.points import Points
from vitreous.errors import DataError

FILES = ("joints.npy", "joints.mat", "keypoints.npy", "landmarks.npy", "points.npy")
NAMES = "points.txt"
LEEDS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle"),
    *("right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist"),
    *("neck", "head top"),
)
DIGITS = re.compile(rb"(\d+)")
LARGEST = 1 << 30  # bytes


def is_joints(root: Path, names: set[str]) -> bool:
    """Is there such an array beside one folder of images?"""
    return any(name in names for name in FILES) and len(_folders(root, names)) == 1


def open_joints(root: Path) -> FileDataset:
    """The images with their points. Raises DataError where the array does not fit them."""
    names = set(os.listdir(root))
    path = root / next(name for name in FILES if name in names)
    array, where = _array(path), printable(path)
    folder = _folders(root, names)[0]
    images = sorted(images_below(os.fsencode(root / folder))[0], key=_by_number)
    if len(array) != len(images):
        raise DataError(
            f"has the points of {len(array):,} images, and {folder}/ holds {len(images):,}",
            where=where,
            remedy="Bring the missing ones back. Or write a CSV file with the columns path and "
            "`point NAME` for each point.",
        )
    lines = read_text_lines(root / NAMES) if NAMES in names else []
    points = [clean(line) for line in lines if line.strip()]
    if not points:
        count = array.shape[1]
        leeds = path.stem == "joints" and count == len(LEEDS)
        points = [*LEEDS] if leeds else [str(number) for number in range(count)]
    if len(points) != array.shape[1] or len(set(points)) < len(points):
        raise DataError(
            f"has {array.shape[1]} points an image, and {NAMES} names {len(set(points))}",
            where=where,
            remedy="Give each point a name of its own, a line each.",
        )
    first, last = (printable(os.fsdecode(images[place])) for place in (0, -1))
    return FileDataset(
        root,
        Names(os.path.join(os.fsencode(folder), name) for name in images),
        {"point": Points(array, points)},
        parts=np.full(len(images), Part.UNASSIGNED, np.int8),
        notes=[
            f"{path.name} tells {len(points)} points of each image in {folder}/, from {first} to "
            f"{last} in this order",
            f"points: {', '.join(points)}",
        ],
    )


def _array(path: Path) -> NDArray[np.float32]:
    """(N, P, 3). Raises DataError for what is none."""
    where = printable(path)
    remedy = "Save x, y and 1 or 0 of each point as an array of the shape (images, points, 3)."
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        if path.suffix == ".mat":
            from scipy.io import loadmat

            found = [v for v in loadmat(path).values() if isinstance(v, np.ndarray) and v.ndim == 3]
            (array,) = found
            array = array.transpose(2, 0, 1)  # (N, P, 3), or (N, 3, P) in the first edition
            if array.shape[1] == 3 and array.shape[2] != 3:
                # Its third number says that a joint is hidden by something: its place is labeled.
                array = array.transpose(0, 2, 1)[..., :2]
        else:
            array = np.load(path, allow_pickle=False)
        array = np.asarray(array, np.float32)
        if array.ndim != 3 or array.shape[2] not in (2, 3) or not array.size:
            raise ValueError(f"an array of the shape {array.shape}")
    except Exception as error:  # two foreign parsers of damaged files
        raise DataError(f"holds no points: {error!s:.80}", where=where, remedy=remedy) from error
    if array.shape[2] == 2:
        array = np.concatenate([array, np.ones_like(array[..., :1])], axis=2)
    array = array.copy()
    array[..., 2] = array[..., 2] > 0
    lost = (array[..., 2] > 0) & ~np.isfinite(array).all(axis=2)
    if lost.any():
        image, point = np.argwhere(lost)[0].tolist()
        raise DataError(
            f"has point {point} of image {image} at {array[image, point, :2].tolist()}",
            where=where,
            remedy="Write its place, or 0 for its third number.",
        )
    return array


def _folders(root: Path, names: set[str]) -> list[str]:
    """The folders with images right within them."""
    return [
        name
        for name in sorted(names)
        if os.path.isdir(root / name) and images_below(os.fsencode(root / name))[0]
    ]


def _by_number(name: bytes) -> list[Any]:
    """im2.jpg before im10.jpg."""
    pieces = DIGITS.split(name)
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)]
