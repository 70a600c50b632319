"""Weakly supervised boxes: where a thing is, from a network that learned its name alone.

A heatmap, such as a class activation map, is cut at a share of its largest value; the box lies
around the largest part that hangs together. Zhou et al. (2016), "Learning deep features for
discriminative localization", arXiv:1512.04150, section 3.2, with a share of 20 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vitreous.drawing.markers import outlines
from vitreous.errors import UsageError
from vitreous.explain.explanation import Explanation
from vitreous.explain.plate import Picture, Plate
from vitreous.formats import counted, percent

SHARE = 0.2  # of the largest heat
ALL = 0.9  # of an image: a box that covers so much of it says nothing


def heat_box(heat: NDArray[np.floating], share: float = SHARE) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, half-open, around the largest connected part of a map (h, w) that
    has at least this share of its largest value; zeros where nothing is positive.

    Raises UsageError for a share beyond (0, 1].
    """
    if not 0 < share <= 1:
        raise UsageError(
            f"a box cannot be cut at {share:g} of the heat",
            where="share",
            remedy="Give a share above 0 and up to 1, such as 0.2.",
        )
    largest = float(heat.max(initial=0))
    if not largest > 0:
        return 0, 0, 0, 0
    parts, _ = ndimage.label(heat >= share * largest, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0  # the ground
    rows, columns = ndimage.find_objects(parts)[int(areas.argmax()) - 1]
    return columns.start, rows.start, columns.stop, rows.stop


def box_plate(found: Sequence[Explanation], names: Sequence[str], share: float = SHARE) -> Plate:
    """Images with the boxes of what is asked about, none of which was ever shown to the network.

    names  of the images
    """
    boxes = [heat_box(each.heat, share) for each in found]
    pictures = [
        Picture(
            outlines(each.image, np.array([box], float), [0]) if any(box) else each.image,
            each.target if any(box) else f"{each.target}: nowhere",
            False,
        )
        for each, box in zip(found, boxes, strict=True)
    ]
    method = found[0].method if found else ""
    says = [
        f"Around the largest part with {percent(share, 0)} of the greatest heat. What is named was "
        "learned without any box."
    ]
    whole = sum(
        (right - left) * (bottom - top) > ALL * each.heat.size
        for each, (left, top, right, bottom) in zip(found, boxes, strict=True)
    )
    if whole:
        layer = f" of {found[0].layer}" if found[0].layer else ""
        says.append(
            f"In {whole} of {counted(len(found), 'image')} the box covers nearly all, and so tells "
            f"no place: the map{layer} has too few places, or the evidence is everywhere. Try an "
            "earlier --layer."
        )
    return Plate(
        name="boxes",
        title=f"Boxes from {method} in {counted(len(found), 'image')}",
        says=says,
        pictures=pictures,
        facts={
            "method": method,
            "share": share,
            "boxes": [
                {"image": name, "target": each.target, "box": [*box] if any(box) else None}
                for name, each, box in zip(names, found, boxes, strict=True)
            ],
        },
    )
