"""COCO annotations: a JSON file of images, categories and annotations, read and checked.

Lin et al. (2014), "Microsoft COCO: common objects in context", arXiv:1405.0312.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.data.formats.drawn_masks import Region
from vitreous.data.formats.found_boxes import Box
from vitreous.data.images.frame import Size
from vitreous.data.images.read_file import printable
from vitreous.data.images.run_lengths import decoded_counts, mask_of
from vitreous.errors import DataError

LISTS = ("images", "annotations", "categories")
MOST = 1e30  # pixels: larger numbers are no places
HEAD = 4096  # bytes that tell whether a file is such a one
HEADS = (b'"images"', b'"annotations"', b'"categories"', b'"licenses"', b'"info"')


@dataclass(frozen=True)
class CocoImage:
    """An entry of `images`; `where` is its place in the file, for errors."""

    where: str
    name: str
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class CocoFile:
    """What a file holds.

    images       by their ids
    categories   names by their ids
    keypoints    names of the key points that each category has
    annotations  as they are written, with their place for errors
    """

    path: Path
    images: Mapping[str, CocoImage]
    categories: Mapping[str, str]
    keypoints: Mapping[str, tuple[str, ...]]
    annotations: Sequence[Annotation]


@dataclass(frozen=True, eq=False)
class Annotation:
    """An entry of `annotations`: one thing in an image, or a crowd of them.

    where     for errors: the path of the file, annotations[5] (id 9); entry: for notes, its name
    image     the id of its image; category that of its class
    """

    where: str
    entry: str
    image: str
    category: str
    fields: Mapping[str, Any]

    @property
    def ignored(self) -> bool:
        """A crowd, or marked to be ignored: neither to be found nor wrong to be found."""
        return bool(self.fields.get("iscrowd")) or bool(self.fields.get("ignore"))

    def box(self) -> Box:
        """Left, top, right, bottom: of its box, or else of its outline. Raises DataError."""
        box = self.fields.get("bbox")
        if not box and self.fields.get("segmentation"):
            return self._around()
        numbers = _numbers(box)
        if numbers is None or len(numbers) != 4:
            raise DataError(
                f"has the bbox {box!r:.60}",
                where=self.where,
                remedy="Write left, top, width and height in pixels.",
            )
        left, top = numbers[0], numbers[1]
        return left, top, left + numbers[2], top + numbers[3]

    def _around(self) -> Box:
        outline = self.fields["segmentation"]
        polygons = [_numbers(each) for each in outline] if isinstance(outline, list) else [None]
        if not all(polygon and len(polygon) % 2 == 0 for polygon in polygons):
            raise DataError(
                "has no bbox, and no polygons that it could be told from",
                where=self.where,
                remedy="Write a bbox: left, top, width and height in pixels.",
            )
        values = [value for each in polygons if each for value in each]
        x, y = values[::2], values[1::2]
        return min(x), min(y), max(x), max(y)

    def region(self, word: str, size: Size) -> Region | None:
        """Its pixels; None where it has no outline. Raises DataError for one that cannot be read.

        word  its class, "" if it is ignored
        size  height and width of its image
        """
        outline = self.fields.get("segmentation")
        if not outline:
            return None
        if isinstance(outline, Mapping):
            return Region(word, counts=np.array(self._counts(outline, size)))
        polygons = []
        for polygon in outline if isinstance(outline, list) else [None]:
            numbers = _numbers(polygon)
            if numbers is None or len(numbers) < 6 or len(numbers) % 2:
                raise DataError(
                    f"has the polygon {polygon!r:.60}",
                    where=self.where,
                    remedy="Write x and y of three corners or more, in pixels: [x, y, x, y, x, y].",
                )
            polygons.append(np.array(numbers, np.float32).reshape(-1, 2))
        return Region(word, tuple(polygons))

    def _counts(self, outline: Mapping[str, Any], size: Size) -> list[int]:
        counts = outline.get("counts")
        try:
            if _numbers(outline.get("size")) != [*size]:
                raise DataError(f"has runs for the size {outline.get('size')!r:.40}")
            if isinstance(counts, str):
                found = decoded_counts(counts)
            elif isinstance(counts, list) and all(type(count) is int for count in counts):
                found = [*counts]
            else:
                raise DataError(f"has the counts {counts!r:.40}")
            mask_of(found, size)
        except DataError as error:
            height, width = size
            raise DataError(
                error.message,
                where=self.where,
                remedy=f"Its image has the size [{height}, {width}]; "
                "counts are whole numbers that sum to its pixels, or COCO's string of them.",
            ) from error
        return found

    def points(self, count: int) -> list[tuple[float, float, bool]]:
        """x, y and whether it is labeled, of each key point. Raises DataError."""
        written = self.fields.get("keypoints")
        numbers = _numbers(written)
        if numbers is None or len(numbers) != 3 * count:
            raise DataError(
                f"has the keypoints {written!r:.60}",
                where=self.where,
                remedy=f"Write x, y and visibility (0, 1 or 2) of each of the {count} points.",
            )
        rows = [numbers[k : k + 3] for k in range(0, 3 * count, 3)]
        return [(x, y, seen > 0) for x, y, seen in rows]


def looks_like_coco(path: Path) -> bool:
    """Do the first bytes of a file look like such annotations?"""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and any(word in head for word in HEADS)


def read_coco(told: Any, path: Path) -> CocoFile:
    """The content of a file. Raises DataError with the file, the entry and a remedy.

    told  what `read_json` gave
    """
    where = printable(path)
    if not isinstance(told, dict) or not all(isinstance(told.get(n), list) for n in LISTS):
        raise DataError(
            "has no lists images, annotations and categories",
            where=where,
            remedy="Export the annotations in COCO's format.",
        )
    images: dict[str, CocoImage] = {}
    for place, (fields, key) in _entries(told["images"], "images", where):
        name, height, width = (fields.get(word) for word in ("file_name", "height", "width"))
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"has the file_name {name!r:.40}", where=place, remedy="Write a path.")
        if not (_is_side(height) and _is_side(width)):
            raise DataError(
                f"has the size {width!r:.20} × {height!r:.20}",
                where=place,
                remedy="Write width and height in pixels.",
            )
        if key in images:
            raise DataError(
                f"has the id of {images[key].where.split(', ')[-1]}",
                where=place,
                remedy="Give each image an id of its own.",
            )
        images[key] = CocoImage(place, name, int(height or 0), int(width or 0))
    categories: dict[str, str] = {}
    keypoints: dict[str, tuple[str, ...]] = {}
    for place, (fields, key) in _entries(told["categories"], "categories", where):
        name = fields.get("name")
        if not isinstance(name, str) or not name.strip() or key in categories:
            raise DataError(
                f"has the name {name!r:.40} and the id {key}",
                where=place,
                remedy="Give each category a name, and an id of its own.",
            )
        categories[key] = name
        points = fields.get("keypoints")
        if isinstance(points, list) and points:
            keypoints[key] = tuple(map(str, points))
    annotations = []
    for place, (fields, _) in _entries(told["annotations"], "annotations", where):
        category = _key(fields.get("category_id"))
        if category not in categories:
            raise DataError(
                f"has the category_id {fields.get('category_id')!r:.40}, which is none of "
                f"{len(categories)}",
                where=place,
                remedy="Add it to categories, or correct it.",
            )
        image = _key(fields.get("image_id"))
        if image is None:
            raise DataError("has no image_id", where=place, remedy="Write the id of its image.")
        entry = f"{printable(path.name)}{place.removeprefix(where)}"
        annotations.append(Annotation(place, entry, image, category, fields))
    return CocoFile(path, images, categories, keypoints, annotations)


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises DataError with the line that is wrong."""
    where = printable(path)
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except json.JSONDecodeError as error:
        where, message = f"{where}, line {error.lineno}", f"is no JSON: {error.msg}"
    except (ValueError, RecursionError) as error:  # no UTF-8; digits without end, or depth
        message = f"is no JSON that can be read: {error!s:.60}"
    raise DataError(message, where=where, remedy="Export it anew, or mend it.")


def _entries(
    entries: list[Any], name: str, where: str
) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    """The place of each entry, its fields and its id."""
    for number, fields in enumerate(entries):
        place = f"{where}, {name}[{number}]"
        key = _key(fields.get("id")) if isinstance(fields, dict) else None
        if key is None and name == "annotations" and isinstance(fields, dict):
            key = f"of position {number}"  # which nobody refers to
        if key is None:
            raise DataError(
                "has no id" if isinstance(fields, dict) else f"is {fields!r:.40}",
                where=place,
                remedy="Write an object with an id that is a number.",
            )
        yield f"{place} (id {key})", (fields, key)


def _key(value: Any) -> str | None:
    """An id, which some programs write as a number and others as a string."""
    whole = isinstance(value, float) and value.is_integer()
    if type(value) is int or whole or (isinstance(value, str) and value):
        return str(int(value) if whole else value)
    return None


def _numbers(values: Any) -> list[float] | None:
    """Finite numbers, or None for anything else."""
    if not isinstance(values, list | tuple):
        return None
    sound = all(type(value) in (int, float) and abs(value) < MOST for value in values)
    return [*values] if sound else None  # what is no number is not smaller, either


def _is_side(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 1 << 24 and value == int(value)
