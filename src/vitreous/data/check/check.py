"""Check of a data set, before an hour is spent on it: what is wrong with it? `vitreous check`.

Every image is decoded once and hashed once; the rest is counting. An error is what would spoil
training or its numbers; a warning is worth a look; a note is good to know.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from vitreous.data.check.copies import copies, look_alikes, twins
from vitreous.data.check.data_findings import Finding, Findings, Severity, collected
from vitreous.data.check.scan import Survey, survey
from vitreous.data.check.target_findings import findings_of_masks, findings_of_numbers
from vitreous.data.check.training_findings import training_findings
from vitreous.data.check.view import SERIOUS, View, these
from vitreous.data.dataset import Progress
from vitreous.data.formats.open import open
from vitreous.data.images.read_file import printable
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.split import split
from vitreous.formats import binary, counted

TINY, LONG = 8, 4  # pixels of the shorter side; times the longer side is longer
DIM = 16  # of 255: the brightest value of a 16-bit image that uses 12 bits or fewer


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
    seen = survey(dataset, threads=threads, progress=progress)
    parts = split(dataset, validation=validation, test=test, threads=threads)
    contents, _ = digests(dataset, threads=threads)  # from the cache by now
    view = View(dataset, parts, seen.good)
    same = twins(contents, seen.good)
    found = [
        *_damage(view, seen),
        *training_findings(view, same),
        *findings_of_numbers(view),
        *findings_of_masks(view, seen),
        *copies(view, same),
        *look_alikes(view, seen, contents),
        *_images(view, seen),
        _memory(view, seen),
        *(Finding(_weight_of(note), "opening", note) for note in dataset.notes),
    ]
    counts = view.counts(view.readable)
    return Findings(
        dataset.name,
        len(dataset),
        dict(zip(dataset.classes, counts.tolist(), strict=True)),
        parts.sizes(),
        collected(found),
    )


def _damage(view: View, seen: Survey) -> Iterator[Finding]:
    bad = seen.bad
    if bad:
        share = len(bad) / len(view.dataset)
        yield Finding(
            "error" if share >= SERIOUS else "warning",
            "damaged",
            f"{len(bad):,} of {len(view.dataset):,} images cannot be read",
            tuple(f"{printable(image.id)}: {image.reason}" for image in bad),
            "Repair or remove them; training leaves them out (--bad-images skip).",
        )


def _images(view: View, seen: Survey) -> Iterator[Finding]:
    good = seen.good
    if not view.good:
        return
    flat = np.flatnonzero(good & seen.flat)
    if len(flat):
        yield Finding(
            "warning" if len(flat) >= SERIOUS * view.good else "note",
            "constant",
            f"{these(len(flat), 'image')} one single color",
            view.names(flat),
            "Look at them: an image of one color shows nothing.",
        )
    modes = Counter(seen.modes[kind] for kind in seen.kinds[good])
    deep = [mode for mode in modes if mode.split()[-1] in ("I", "I;16", "I;16B", "uint16")]
    dim = good & np.isin(seen.kinds, [seen.modes.index(mode) for mode in deep])
    dim &= (seen.peaks < DIM) & ~seen.flat
    if dim.any():
        yield Finding(
            "warning",
            "dim",
            f"{these(int(dim.sum()), 'image')} 16 bits a value but use 12 or fewer of them",
            view.names(np.flatnonzero(dim)),
            "Of 16 bits the upper 8 are kept: scale them to the whole range first.",
        )
    if len(modes) > 1:
        yield Finding(
            "note",
            "modes",
            "images are of several kinds; all are brought to "
            f"{counted(view.dataset.channels, 'channel')}",
            tuple(f"{count:,} {mode}" for mode, count in modes.most_common()),
        )
    short, long = seen.sizes.min(axis=1), seen.sizes.max(axis=1)
    for kind, odd, words in (
        ("tiny", short < TINY, f"a shorter side below {TINY} pixels"),
        ("long", long > LONG * np.maximum(short, 1), f"one side more than {LONG} times the other"),
    ):
        if (odd := odd & good).any():
            yield Finding(
                "note" if odd.all() else "warning",
                kind,
                f"{these(int(odd.sum()), 'image')} {words}",
                view.names(np.flatnonzero(odd)),
                "Look at them: cropping or enlarging may leave nothing to see.",
            )
    heights, widths = seen.sizes[good].T
    if heights.min() != heights.max() or widths.min() != widths.max():
        yield Finding(
            "note",
            "sizes",
            f"heights from {heights.min():,} to {heights.max():,} pixels (median "
            f"{np.median(heights):,.0f}), widths from {widths.min():,} to {widths.max():,} "
            f"(median {np.median(widths):,.0f})",
        )


def _memory(view: View, seen: Survey) -> Finding | None:
    """Stored and decoded size: decoded images take many times the room."""
    if not view.good:
        return None
    stored = int(seen.stored.sum())
    decoded = int(seen.sizes.astype(np.int64).prod(axis=1).sum()) * view.dataset.channels
    memory = _physical_memory()
    place = "on disk" if view.dataset.source(0) is not None else "in memory"
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


def _weight_of(note: str) -> Severity:
    """What was left out is a warning if it looks like an accident."""
    return "warning" if note.startswith(("classes that differ", "no images in")) else "note"
