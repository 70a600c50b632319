"""Uses of a test part: each one is remembered, whatever a crash has left in the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitreous.data.cache import cache_folder
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.splits import test_uses
from vitreous.data.splits.split import Split
from vitreous.data.splits.test_uses import record

pytestmark = pytest.mark.usefixtures("place")

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
DATA = ArrayDataset("six", IMAGES, {"class": ClassNumbers(np.arange(6) % 2, "ab")})
PARTS = Split(np.array([Part.TRAIN] * 4 + [Part.TEST] * 2, np.int8))


def test_a_cut_line_hides_no_later_use(place: Path) -> None:
    assert record(DATA, PARTS, "one") == []
    (path,) = (cache_folder.folder() / "test-uses").iterdir()
    with path.open("a") as file:
        file.write('{"time": "2026-')
    assert [use["run"] for use in record(DATA, PARTS, "two")] == ["one"]
    assert [use["run"] for use in record(DATA, PARTS, "three")] == ["one", "two"]


@pytest.mark.parametrize("word", ["off", "no", "0"])
def test_counting_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("VITREOUS_TEST_USES", word)
    assert record(DATA, PARTS, "one") == record(DATA, PARTS, "two") == []
    assert not (cache_folder.folder() / "test-uses").exists()


def test_the_record_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_uses, "MOST", 2)
    assert [len(record(DATA, PARTS, "run")) for _ in range(4)] == [0, 1, 2, 2]
    monkeypatch.setattr(test_uses, "PARTS", 2)
    for number in range(3):
        other = Split(np.roll(PARTS.parts, number + 1))
        assert record(DATA, other, "run") == []
    assert len([*(cache_folder.folder() / "test-uses").iterdir()]) == 2
