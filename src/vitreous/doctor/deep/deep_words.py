"""Findings of the deep check in words: what it found, how sure that is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import these
from vitreous.doctor.deep.deep_findings import DeepFindings
from vitreous.formats import counted, percent, plain

MANY = 0.005  # share of the labels, from which suspicious ones are a warning
TOLD, SOMEWHAT = 0.2, 0.05  # by which a trivial feature beats always answering the commonest class
APART, RATHER = 0.65, 0.55  # lower limits of an area under the ROC curve


def in_words(found: DeepFindings) -> Iterator[Finding]:
    """All of it but the near duplicates, which `pair_findings` tells."""
    yield from _label_errors(found)
    yield from _label_changes(found)
    yield from _shift(found)
    yield from _shortcuts(found)
    for challenge in found.challenges:
        yield Finding("note", challenge.name, f"{challenge.name}: {challenge.sentence}")
    if found.skipped:
        yield Finding("note", "skipped", "not looked at", found.skipped)


def _label_errors(found: DeepFindings) -> Iterator[Finding]:
    if not found.model or found.accuracy is None:
        return
    agreed = percent(found.accuracy)
    judge = f"{found.model}, which agrees with {agreed} of the labels it has not seen"
    if not found.suspects:
        if found.kept:  # it was able to judge
            yield Finding("note", "label errors", f"no label is contradicted by {judge}")
        return
    count = len(found.suspects)
    verb = "is contradicted" if count == 1 else "are contradicted"
    yield Finding(
        "warning" if count >= MANY * found.findings.images else "note",
        "label errors",
        f"{counted(count, 'label')} {verb} by the image, as {judge} tells",
        tuple(
            f"{each.id}: labeled {each.label}, looks like {each.guess} "
            f"({percent(each.guess_probability, 0)} against {percent(each.label_probability, 0)})"
            for each in found.suspects
        ),
        "Look at them, the surest first; images that are hard stand among those that are wrong.",
    )


def _label_changes(found: DeepFindings) -> Iterator[Finding]:
    names = found.dataset.classes
    for pair in found.exchanges:
        one, other = names[pair.one], names[pair.other]
        yield Finding(
            "warning",
            "label changes",
            f"{pair.change}, {one} becomes {other} ({percent(pair.there, 0)}) and {other} becomes "
            f"{one} ({percent(pair.back, 0)})",
            (),
            "An augmentation that does this would give wrong labels: leave it out.",
        )
    if found.kept:
        yield Finding(
            "note",
            "changed images",
            "images that are recognized, and still are when they are changed, by models that have "
            "seen no changed ones",
            tuple(f"{each.change}: {percent(each.share, 0)}" for each in found.kept),
        )


def _shift(found: DeepFindings) -> Iterator[Finding]:
    shift = found.shift
    if shift is None:
        return
    low, high = shift.interval
    gaps = tuple(
        f"{gap.name}: {plain(gap.medians[0])} in the median of train, {plain(gap.medians[1])} of "
        f"{shift.part}; area {gap.area:.2f}"
        for gap in shift.gaps
    )
    measured = f"area under the ROC curve {shift.area:.2f}, 95 % interval {low:.2f} to {high:.2f}"
    if low > RATHER:
        yield Finding(
            "warning" if low > APART else "note",
            "part shift",
            f"a linear rule tells images of the {shift.part} part from those of training "
            f"({measured})",
            gaps,
            "The parts come from different sources: scores tell how well that is bridged, too.",
        )
    else:
        yield Finding(
            "note",
            "part shift",
            f"a linear rule cannot tell images of the {shift.part} part from those of training "
            f"({measured})",
            gaps,
        )


def _shortcuts(found: DeepFindings) -> Iterator[Finding]:
    telling = [s for s in found.shortcuts if s.interval[0] - s.always >= SOMEWHAT]
    if not telling:
        return
    strong = [s for s in telling if s.interval[0] - s.always >= TOLD]
    yield Finding(
        "warning" if strong else "note",
        "shortcuts",
        f"{these(len(telling), 'trivial feature', 'tells', 'tell')} more classes than "
        f"always answering the most frequent one ({percent(telling[0].always)})",
        tuple(
            f"{s.name} alone: {percent(s.accuracy)} ({percent(s.interval[0])} to "
            f"{percent(s.interval[1])})"
            for s in telling
        ),
        "A network may learn this instead of what the images show: look whether it is there "
        "wherever the network will be used."
        if strong
        else None,
    )
