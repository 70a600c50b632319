"""Check of a data set, before an hour is spent on it: what is wrong with it? `vitreous check`.

Every image is decoded once and hashed once; the rest is counting. An error is what would spoil
training or its numbers; a warning is worth a look; a note is good to know.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.bias import findings_of_bias
from vitreous.data.check.copies import copies, look_alikes, twins
from vitreous.data.check.data_findings import Finding, Findings, collected, noted
from vitreous.data.check.image_findings import findings_of_damage, findings_of_images
from vitreous.data.check.scan import survey
from vitreous.data.check.target_findings import findings_of_masks, findings_of_places
from vitreous.data.check.training_findings import training_findings
from vitreous.data.check.twin_boxes import twin_boxes
from vitreous.data.check.view import View
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.formats.open import open
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.split import split
from vitreous.formats import binary


def check(
    source: Any,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Look at every image and its targets.

    source      whatever `open` takes
    validation  share that would be carved for it where no part is prescribed; likewise test
    progress    is called with the number of images looked at so far and their total
    """
    dataset = open(source)
    view, contents = looked_at(
        dataset, validation=validation, test=test, threads=threads, progress=progress
    )
    return findings_of(view, contents)


def looked_at(
    dataset: Dataset,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[View, NDArray[np.uint8]]:
    """A look at every image, and the hashes of all contents; as `check`."""
    seen = survey(dataset, threads=threads, progress=progress)
    parts = split(dataset, validation=validation, test=test, threads=threads)
    contents, _ = digests(dataset, threads=threads)  # from the cache by now
    return View(dataset, seen, parts), contents


def findings_of(view: View, contents: NDArray[np.uint8], *, alike: bool = True) -> Findings:
    """All findings; without those about look-alikes, where somebody else looks for them."""
    dataset, parts = view.dataset, view.split
    same = twins(contents, view.seen.good)
    found = [
        *findings_of_damage(view),
        *training_findings(view, same),
        *findings_of_masks(view),
        *findings_of_places(view),
        *twin_boxes(view),
        *copies(view, same),
        *findings_of_bias(view),
        *(look_alikes(view, contents) if alike else ()),
        *findings_of_images(view),
        _memory(view),
        *map(noted, dataset.notes),
    ]
    counts = view.counts(view.seen.good)
    return Findings(
        dataset.name,
        len(dataset),
        dict(zip(dataset.classes, counts.tolist(), strict=True)),
        parts.sizes(),
        collected(found),
    )


def _memory(view: View) -> Finding | None:
    """Stored and decoded size: decoded images take many times the room."""
    if not view.good:
        return None
    stored = int(view.seen.stored.sum())
    decoded = int(view.seen.sizes.astype(np.int64).prod(axis=1).sum()) * view.dataset.channels
    memory = _physical_memory()
    place = "in memory" if view.dataset.root is None else "on disk"
    return Finding(
        "note",
        "memory",
        f"{binary(stored)} {place}, {binary(decoded)} decoded at full size; "
        + (f"this machine has {binary(memory)} of memory" if memory else "memory is unknown"),
        (),
        "Decoded images are kept on disk and mapped, so they need not fit." * (decoded > memory)
        or None,
    )


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 0
