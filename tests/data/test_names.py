from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitreous.data.columns import ClassNumbers
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.names import Names


@given(st.lists(st.binary(max_size=9).filter(lambda name: b"\0" not in name), max_size=30))
def test_names_are_kept_byte_for_byte(names):
    kept = Names(names)
    assert [os.fsencode(name) for name in kept] == names
    assert len(kept) == len(names)
    assert pickle.loads(pickle.dumps(kept))[:] == kept[:]


def test_positions():
    kept = Names(["a", b"bc", ""])
    assert (kept[-1], kept[1], kept[::2]) == ("", "bc", ["a", ""])
    for wrong in (3, -4):
        with pytest.raises(IndexError):
            kept[wrong]


def test_a_million_entries_stay_below_200_bytes_each(tmp_path):
    count = 1_000_000
    names = Names(b"train/n%08d/ILSVRC2012_val_%08d.JPEG" % (i // 1000, i) for i in range(count))
    data = FileDataset(
        tmp_path,
        names,
        {"class": ClassNumbers(np.arange(count) % 1000, [f"n{n:08}" for n in range(1000)])},
        parts=np.zeros(count, np.int8),
        channels=3,
    )
    assert data.id(999_999) == "train/n00000999/ILSVRC2012_val_00999999.JPEG"
    assert names.nbytes + data.targets["class"].array.nbytes + data.parts.nbytes < 100 * count
    assert len(pickle.dumps(data)) < 100 * count
