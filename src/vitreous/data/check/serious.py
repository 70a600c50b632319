"""Serious findings without decoding: what costs a wrong model, asked before every training."""

from __future__ import annotations

import numpy as np

from vitreous.data.check.bias import findings_of_shift
from vitreous.data.check.copies import conflicts, torn_groups
from vitreous.data.check.data_findings import Finding, collected, noted
from vitreous.data.check.mask_pairs import masks_among_classes
from vitreous.data.check.target_findings import findings_of_classes, findings_of_numbers
from vitreous.data.check.view import View
from vitreous.data.dataset import Dataset
from vitreous.data.splits.split import Split


def serious(dataset: Dataset, parts: Split) -> list[Finding]:
    """Errors and warnings that `check` would give as well, the errors first.

    Targets and names are looked at, equal images are known from the split, and no image is decoded,
    but for a few of classes that look like masks.
    """
    view = View(dataset, None, parts)
    same = [np.array(pair) for pair in (*parts.leaks, *parts.duplicates)]
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
