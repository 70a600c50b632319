"""Damaged images, and images that are odd or lose something when they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import View, these
from vitreous.data.doubt import SERIOUS
from vitreous.data.images.read_file import printable
from vitreous.data.images.remarks import WORDS, Remark
from vitreous.data.images.unreadable import remedies
from vitreous.formats import counted

ODD = 4  # images of a kind, up to which each is named
TINY, LONG = 8, 4  # pixels of the shorter side; times the longer side is longer
KINDS = {
    Remark.LOST: "lost",
    Remark.SHADES: "shades",
    Remark.SKIPPED: "skipped",
    Remark.COARSE: "coarse",
    Remark.PAGES: "pages",
}


def findings_of_damage(view: View) -> Iterator[Finding]:
    """Images that cannot be read; what helps is said of each kind of damage, and one example of
    each stands first.
    """
    bad = view.seen.bad
    if not bad:
        return
    seen = Counter[str | None]()
    ranks = []
    for image in bad:
        ranks.append(seen[image.remedy])
        seen[image.remedy] += 1
    examples = [bad[place] for place in np.argsort(ranks, kind="stable")]
    share = len(bad) / len(view.dataset)
    yield Finding(
        "error" if share >= SERIOUS else "warning",
        "damaged",
        f"{len(bad):,} of {len(view.dataset):,} images cannot be read",
        tuple(f"{printable(image.id)}: {image.reason}" for image in examples),
        f"{remedies(bad)} Training leaves them out (--bad-images skip).".lstrip(),
    )


def findings_of_images(view: View) -> Iterator[Finding]:
    """Images of one color, of odd sizes, of several kinds; and what was lost in reading them."""
    seen, good = view.seen, view.seen.good
    if not view.good:
        return
    yield from _losses(view)
    flat = np.flatnonzero(good & seen.flat & (seen.told & Remark.LOST == 0))
    if len(flat):
        yield Finding(
            "warning" if len(flat) >= SERIOUS * view.good else "note",
            "constant",
            f"{these(len(flat), 'image')} one single color",
            view.names(flat),
            "Look at them: an image of one color shows nothing.",
        )
    modes = Counter(seen.modes[kind] for kind in seen.kinds[good])
    if len(modes) > 1:
        yield Finding(
            "note",
            "modes",
            "images are of several kinds; all are brought to "
            f"{counted(view.dataset.channels, 'channel')}",
            tuple(
                f"{count:,} {mode}{_named(view, mode) if count <= ODD else ''}"
                for mode, count in modes.most_common()
            ),
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


def _named(view: View, mode: str) -> str:
    """The images of a kind that few have: often they were not taken, but put in by a program."""
    kind = view.seen.modes.index(mode)
    return f": {', '.join(view.names(np.flatnonzero(view.seen.good & (view.seen.kinds == kind))))}"


def _losses(view: View) -> Iterator[Finding]:
    """What was told when the images were read."""
    told, good = view.seen.told, view.seen.good
    for remark, words in WORDS.items():
        found = np.flatnonzero(good & (told & remark > 0))
        if not len(found):
            continue
        serious = remark == Remark.LOST and len(found) >= SERIOUS * view.good
        yield Finding(
            "error" if serious else "note" if remark == Remark.PAGES else "warning",
            KINDS[remark],
            f"{counted(len(found), 'image')} {words.one if len(found) == 1 else words.many}",
            view.names(found),
            words.remedy,
        )
