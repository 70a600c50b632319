"""Findings about targets: classes without images, constant numbers, masks that fit nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import LATER, View, these
from vitreous.data.columns import Numbers, classed
from vitreous.data.dataset import Part
from vitreous.data.doubt import SERIOUS
from vitreous.data.maps import Maps, maps_of
from vitreous.data.outside import outside
from vitreous.formats import counted, percent

SKEWED = 10  # times as many images in the largest class as in the smallest
ABSENT = {sign * nines for sign in (1, -1) for nines in (99, 999, 9999, 99999, 999999)} | {-1.0}
"""Numbers that programs write where a value is missing."""
FEW = 10  # images: a class with fewer can hardly be learned


def findings_of_classes(view: View) -> Iterator[Finding]:
    """Of class numbers, marks, and whatever else tells classes apart."""
    column, classes, good = classed(view.dataset.targets), view.dataset.classes, view.seen.good
    if column is None:
        if not view.dataset.targets:
            yield Finding(
                "error",
                "unlabeled",
                "the images have no labels: no task learns from these alone",
                (),
                "Put images into one folder a class, or list them with labels in a CSV file.",
            )
        return
    counts = view.counts(good)
    present = [name for name, count in zip(classes, counts, strict=True) if count]
    if len(present) < 2 and (column.exclusive is not None or isinstance(column, Maps)):
        only = f"is only one class, '{present[0]}'" if present else "is no image with a class"
        yield Finding(
            "error", "classes", f"there {only}", (), "A classifier needs two classes or more."
        )
    in_train = view.counts(good & (view.parts == Part.TRAIN))
    missing = [name for name, count in zip(classes, in_train, strict=True) if not count]
    everywhere = dict(zip(classes, view.counts(np.ones(len(good), bool)).tolist(), strict=True))
    numbers = all(name.isdecimal() and not everywhere[name] for name in missing)
    if missing:
        yield Finding(
            "error",
            "missing in train",
            f"{these(len(missing), 'class')} no training images",
            tuple(missing),
            "No image has this number: number the classes 0, 1, 2, … without gaps."
            if numbers
            else "Add images of it to the training part, or remove the class.",
        )
    for part in LATER:
        there = good & (view.parts == part)
        if not there.any():
            yield Finding(
                "note", f"no {part.name.lower()}", f"there is no {part.name.lower()} part"
            )
            continue
        lacking = (view.counts(there) == 0) & (in_train > 0)
        if lacking.any():
            names = tuple(np.array(classes)[lacking].tolist())
            word = part.name.lower()
            yield Finding(
                "warning",
                f"missing in {word}",
                f"{these(len(names), 'class')} no {word} images, and so no scores there",
                names,
                f"Add images of it to the {word} part.",
            )
    few = (in_train > 0) & (counts < FEW)
    if few.any():
        yield Finding(
            "warning",
            "few",
            f"{these(int(few.sum()), 'class')} fewer than {FEW} images",
            tuple(f"{classes[label]}: {counts[label]}" for label in np.flatnonzero(few)),
            "Collect more; from so few, neither learning nor measuring is possible.",
        )
    learned = in_train[in_train > 0]
    if len(learned) > 1 and learned.max() >= 3 * learned.min():
        ratio = learned.max() / learned.min()
        most, least = (classes[int(np.flatnonzero(in_train == n)[0])] for n in _ends(learned))
        yield Finding(
            "warning" if ratio >= SKEWED else "note",
            "imbalance",
            f"the largest class has {ratio:.1f} times the training images of the smallest",
            (f"{most}: {learned.max():,}", f"{least}: {learned.min():,}"),
            "Look at balanced accuracy, and consider --balance." if ratio >= SKEWED else None,
        )
    bare = good.copy()
    bare[column.strata()[0]] = False
    if bare.any():
        yield Finding(
            "note",
            "unlabeled",
            f"{these(int(bare.sum()), 'image')} no label at all",
            view.names(np.flatnonzero(bare)),
        )


def findings_of_numbers(view: View) -> Iterator[Finding]:
    """Quantities that are the same everywhere: there is nothing to learn from them."""
    for column in view.dataset.targets.values():
        if not isinstance(column, Numbers):
            continue
        there = column.array[view.seen.good]
        for name, values in zip(column.names, there.T, strict=True):
            if len(values) and values.min() == values.max():
                yield Finding(
                    "warning",
                    "constant number",
                    f"'{name}' is {values[0]:g} for every image",
                    (),
                    "Leave the column out: a constant can be predicted without looking.",
                )
                continue
            different, counts = np.unique(values, return_counts=True)
            if len(different) == 2 and len(values) > 2:
                yield Finding(
                    "warning",
                    "two numbers",
                    f"'{name}' is {different[0]:g} or {different[1]:g} for every image, and is "
                    "taken for a quantity",
                    (),
                    "If it is a label, write 0 and 1, or words in a column 'label'.",
                )
            elif mark := _mark_of_absence(different):
                count = int(counts[different == mark][0])
                yield Finding(
                    "warning",
                    "odd number",
                    f"'{name}' is {mark:g} for {counted(count, 'image')}, far from all others",
                    (),
                    "If that stands for a missing value, leave these images out.",
                )


def _mark_of_absence(different: NDArray[np.float64]) -> float | None:
    """A number that programs write for a missing value, farther from the rest than these are wide.

    different  sorted
    """
    for mark, rest in ((different[0], different[1:]), (different[-1], different[:-1])):
        gap = abs(float(mark) - float(rest[0 if mark < rest[0] else -1]))
        if float(mark) in ABSENT and gap > rest[-1] - rest[0]:
            return float(mark)
    return None


def findings_of_places(view: View) -> Iterator[Finding]:
    """Boxes, points and dots that lie outside of their image."""
    sizes, good = view.seen.sizes[:, :2], view.seen.good
    for name, column in view.dataset.targets.items():
        # Stored sizes know nothing of EXIF's turns by 90 degrees, which packing does.
        found = [outside(column, each) for each in (sizes, sizes[:, ::-1])]
        if found[0] is None or found[1] is None:
            continue
        counts = np.minimum(found[0], found[1])
        wrong = (counts > 0) & good
        if wrong.any():
            yield Finding(
                "error" if wrong.sum() >= SERIOUS * len(good) else "warning",
                "outside",
                f"{these(int(wrong.sum()), 'image')} a {name} beyond its edges: what lies outside "
                "is cut off",
                view.names(np.flatnonzero(wrong)),
                "Look whether places were measured on images of another size.",
            )


def findings_of_masks(view: View) -> Iterator[Finding]:
    """What masks show, and which of them do not fit their images."""
    for column in maps_of(view.dataset.targets).values():
        if not column.classes:
            continue
        summaries, good = column.summaries, view.seen.good
        tall = summaries["size"]
        unreadable = good & (tall == 0).any(axis=1)
        stored = view.seen.sizes
        # Stored sizes know nothing of EXIF's turns by 90 degrees, which packing does.
        fits = (tall == stored).all(axis=1) | (tall == stored[:, ::-1]).all(axis=1)
        known = [*range(len(column.classes))]
        known += [] if column.ignore is None else [column.ignore]
        strange = summaries["counts"].copy()
        strange[:, known] = 0
        for kind, wrong, words in (
            ("damaged masks", unreadable, "masks cannot be read"),
            ("mask sizes", good & ~unreadable & ~fits, "masks have another size than their image"),
            ("mask values", good & strange.any(axis=1), "masks have values that are no class"),
        ):
            if wrong.any():
                count = int(wrong.sum())
                yield Finding(
                    "error" if count >= SERIOUS * len(good) else "warning",
                    kind,
                    f"{count:,} of {len(good):,} {words}",
                    view.names(np.flatnonzero(wrong)),
                    "Repair them; training leaves their images out (--bad-images skip).",
                )
        counts = summaries["counts"][good & ~unreadable].sum(axis=0, dtype=np.int64)
        yield from _shares(column, counts)
        ignored = (
            good & ~unreadable & (summaries["counts"][:, : len(column.classes)] == 0).all(axis=1)
        )
        if ignored.any():
            yield Finding(
                "warning",
                "ignored masks",
                f"{these(int(ignored.sum()), 'mask')} ignored pixels alone",
                view.names(np.flatnonzero(ignored)),
                "Nothing can be learned from them: leave these images out.",
            )
        empty = good & ~ignored & (summaries["counts"][:, 1 : len(column.classes)] == 0).all(axis=1)
        empty &= ~unreadable
        if empty.any():
            yield Finding(
                "note",
                "empty masks",
                f"{these(int(empty.sum()), 'mask')} '{column.classes[0]}' alone",
                view.names(np.flatnonzero(empty)),
            )


def _shares(column: Maps, counts: NDArray[np.int64]) -> Iterator[Finding]:
    """The share of all pixels that each class has, and the value that stands for it in files."""
    total = max(1, int(counts.sum()))
    named = dict(enumerate(column.classes))
    if column.ignore is not None and counts[column.ignore]:
        named[column.ignore] = "ignored"
    shares = sorted(((counts[number] / total, number) for number in named), reverse=True)
    lines = []
    for share, number in shares:
        stored, name = column.rows.stored_as(number), named[number]
        arrow = f"{stored} → " if stored not in ("", name) else ""
        lines.append(f"{arrow}{name}: {percent(share, 2)}")
    yield Finding("note", "pixels", "classes by their share of all pixels", tuple(lines))


def _ends(counts: NDArray[np.int64]) -> tuple[int, int]:
    return int(counts.max()), int(counts.min())
