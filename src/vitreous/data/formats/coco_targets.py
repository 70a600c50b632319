"""Columns of targets from COCO's annotations: boxes, masks of outlines, and key points."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from vitreous.data.class_names import clean
from vitreous.data.columns import Column, Ids
from vitreous.data.doubt import Doubt, weight
from vitreous.data.formats.coco_images import CocoImages
from vitreous.data.formats.coco_json import Annotation
from vitreous.data.formats.drawn_masks import Region, drawn_maps
from vitreous.data.formats.found_boxes import FoundBoxes, some, told_of
from vitreous.data.images.read_file import printable
from vitreous.data.points import Points
from vitreous.errors import DataError

Found = tuple[Column, Ids | None, list[str]]
"""A column, the images that it is about (None: all), and what was left out, in words."""


def boxes_of(found: CocoImages) -> Found:
    boxes = FoundBoxes()
    for (height, width), things in zip(found.sizes, found.annotations, strict=True):
        boxes.begin()
        for thing, word in things:
            kept = boxes.add(thing.box(), word, thing.entry, (width, height), thing.ignored)
            if kept and thing.ignored:
                boxes.told["crowds, ignored in losses and scores"].append(thing.entry)
    return boxes.boxes(), None, [*boxes.notes()]


def masks_of(found: CocoImages) -> Found:
    told: defaultdict[str, list[str]] = defaultdict(list)
    regions = [
        _regions(things, size, told)
        for size, things in zip(found.sizes, found.annotations, strict=True)
    ]
    return drawn_maps(np.array(found.sizes), regions), None, [*told_of(told)]


def _regions(
    things: list[tuple[Annotation, str]], size: tuple[int, int], told: dict[str, list[str]]
) -> list[Region]:
    """Crowds first, and then things by their area: the smaller ones lie above the larger ones."""
    drawn = []
    for thing, word in things:
        region = thing.region("" if thing.ignored else clean(word), size)
        if region is None:
            told["things without an outline, their boxes ignored"].append(thing.entry)
            left, top, right, bottom = thing.box()
            corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
            region = Region("", (corners.astype(np.float32),))
        elif thing.ignored:
            told["crowds, ignored in losses and scores"].append(thing.entry)
        drawn.append((not thing.ignored, -int(region.mask(size).sum()), region))
    return [region for *_, region in sorted(drawn, key=lambda each: each[:2])]


def points_of(found: CocoImages) -> Found:
    names = Counter(found.keypoints.values())
    if len(names) != 1:
        raise DataError(
            f"has categories with {len(names)} different lists of key points",
            where=printable(found.root),
            remedy="Export one category with key points.",
        )
    (points,) = names
    rows, kept = [], []
    several, none, outside = list[str](), list[str](), list[str]()
    for index, things in enumerate(found.annotations):
        bodies = [thing for thing, _ in things if thing.fields.get("keypoints")]
        places = [(thing, thing.points(len(points))) for thing in bodies if not thing.ignored]
        places = [(thing, row) for thing, row in places if any(seen for *_, seen in row)]
        crowds = any(thing.ignored for thing, _ in things)
        if len(places) != 1 or crowds:
            (several if places or crowds else none).append(found.names[index])
            continue
        height, width = found.sizes[index]
        thing, row = places[0]
        inside = [(x, y, s and -0.5 <= x < width and -0.5 <= y < height) for x, y, s in row]
        outside += [thing.entry] * (inside != row)
        rows.append(inside)
        kept.append(index)
    told = list[str]()
    if several:
        told.append(
            Doubt(
                f"images of several bodies, left out: {some(several)}",
                severity=weight(len(several), len(found.names)),
                kind="several bodies",
                remedy="One body an image is learned: cut each out, or learn boxes.",
            )
        )
    for words, names_of in (
        ("images without key points, left out", none),
        ("key points outside their image, not seen", outside),
    ):
        told += [f"{words}: {some(names_of)}"] if names_of else []
    if not rows:
        raise DataError(
            f"has no image that shows one body; {'; '.join(told)}",
            where=printable(found.root),
            remedy="Cut each body out, into an image of its own.",
        )
    return Points(np.array(rows, np.float32), points), np.array(kept), told


TARGETS = {"point": points_of, "box": boxes_of, "mask": masks_of}
"""By the name of a column."""
