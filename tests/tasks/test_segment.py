"""Segmentation: masks of other data in the terms of the model, whatever few of them show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.data.batches.preprocess import Fit, PixelContract
from vitreous.data.formats.mask_values import TWO, Meaning, meaning
from vitreous.data.maps import VALUES, Maps
from vitreous.errors import DataError
from vitreous.tasks.segment import Segment


def column(masks: np.ndarray, names: tuple[str, ...] | None = None) -> Maps:
    """As masks in files are read."""
    shown = np.bincount(masks.ravel(), minlength=VALUES) > 0
    found: Meaning = meaning(shown, names, "masks")
    table = np.arange(VALUES, dtype=np.uint8) if found.table is None else found.table
    return Maps(table[masks], found.classes)


BLACK = np.zeros((3, 4, 4), np.uint8)
MIXED = BLACK.copy()
MIXED[1, 0] = 1


@pytest.mark.parametrize(
    ("factor", "masks", "notes"), [(255, MIXED, 0), (1, BLACK, 1), (1, MIXED, 1)]
)
def test_masks_without_white_are_known_to_a_model_of_black_and_white(
    factor: int, masks: np.ndarray, notes: int
) -> None:
    """A part without any foreground, or one that was saved as 0 and 1."""
    assert column(MIXED * 255).classes == TWO
    found = Segment(classes=TWO).align({"mask": column(masks * factor)}, "part")
    aligned = found.targets["mask"]
    assert aligned.classes == TWO
    assert np.array_equal(aligned.gather(np.arange(3)), masks)
    assert found.known.all()
    assert len(found.notes) == notes


def test_numbers_are_not_taken_for_names() -> None:
    with pytest.raises(DataError, match="none of the data's classes") as caught:
        Segment(classes=("sky", "road")).align({"mask": column(MIXED)}, "part")
    assert "classes.txt" in str(caught.value.remedy)
    assert caught.value.where == "part"
    with pytest.raises(DataError, match="none of the data's classes") as caught:
        Segment(classes=("0", "1")).align({"mask": column(MIXED * 255)}, "part")
    named = column(MIXED, ("grass", "tree"))
    with pytest.raises(DataError, match="none of the data's classes") as caught:
        Segment(classes=("sky", "road")).align({"mask": named}, "part")
    assert "classes.txt" not in str(caught.value.remedy)


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("size", [(20, 31), (64, 48)])
def test_an_answer_is_a_partition_of_the_image(fit: Fit, size: tuple[int, int]) -> None:
    """The union of the regions is the image, and no two of them meet (S2)."""
    contract = PixelContract(height=32, width=32, channels=3, fit=fit, exact=True)
    task = Segment(classes=("sky", "road", "car", "ghost"))
    (mask,) = task.decode(torch.randn(1, 4, 32, 32), [contract.frame(*size)])
    regions = [mask.labels == number for number in range(4)]
    assert mask.labels.shape == size
    assert np.array_equal(np.sum(regions, axis=0), np.ones(size, int))
    assert sum(mask.shares.values()) == pytest.approx(1)
