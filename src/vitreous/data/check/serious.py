"""Serious findings without decoding: what costs a wrong model, asked before every training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.bias import findings_of_shift
from vitreous.data.check.copies import conflicts, torn_groups
from vitreous.data.check.data_findings import SHOWN, Finding, collected, noted
from vitreous.data.check.mask_pairs import masks_among_classes
from vitreous.data.check.target_findings import findings_of_classes, findings_of_numbers
from vitreous.data.check.view import View
from vitreous.data.dataset import Dataset
from vitreous.data.splits.split import Split

ELSEWHERE = ("imbalance",)  # kinds that training tells in other words


def serious(dataset: Dataset, parts: Split, good: NDArray[np.bool_] | None = None) -> list[Finding]:
    """Errors and warnings that `check` would give as well, the errors first.

    good  (N,) images that can be read; None: those whose bytes can

    Targets and names are looked at, equal images are known from the split, and no image is decoded,
    but for a few of classes that look like masks.
    """
    view = View(dataset, None, parts)
    if good is not None:
        view.readable, view.good = good, int(good.sum())
    pairs = sorted({*parts.leaks, *parts.duplicates})
    same = [np.array(pair) for pair in pairs if view.readable[list(pair)].all()]
    found = [
        *map(noted, dataset.notes),
        *findings_of_classes(view),
        *findings_of_numbers(view),
        *findings_of_shift(view),
        *masks_among_classes(view),
        *conflicts(view, same),
        *torn_groups(view),
    ]
    return [finding for finding in collected(found) if finding.severity != "note"]


def sentences(dataset: Dataset, parts: Split, good: NDArray[np.bool_]) -> list[str]:
    """The serious findings as training says them, beside its own notes and those of the data."""
    told = {str(note) for note in dataset.notes}
    found = serious(dataset, parts, good)
    return [
        _sentence(finding)
        for finding in found
        if finding.kind not in ELSEWHERE and finding.message not in told
    ]


def _sentence(finding: Finding) -> str:
    named = ", ".join(finding.examples[:SHOWN])
    more = len(finding.examples) - SHOWN
    examples = f" ({named}{f' and {more:,} more' if more > 0 else ''})" if named else ""
    remedy = finding.remedy or ""
    advice = f"; {remedy[0].lower()}{remedy[1:].rstrip('.')}" if remedy else ""
    return f"{finding.message}{examples}{advice}"
