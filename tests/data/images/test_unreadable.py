from __future__ import annotations

import csv

import pytest

from vitreous.data.images import unreadable as quarantine
from vitreous.data.images.unreadable import BadImage
from vitreous.errors import StorageError

BAD = [BadImage(index, f"cats/{index}.jpg", "the file is empty") for index in (3, 5, 8)]


def test_report_counts_all_and_names_the_first():
    text = quarantine.report(BAD, 1200, most=2)
    assert text.splitlines() == [
        "3 of 1,200 images cannot be read and are left out:",
        "  cats/3.jpg: the file is empty",
        "  cats/5.jpg: the file is empty",
        "  … and 1 more",
    ]


def test_report_of_nothing_bad():
    assert quarantine.report([], 7) == "all 7 images can be read"


def test_csv_keeps_awkward_names(tmp_path):
    name = b"a,\xff\"b'.png".decode("utf-8", "surrogateescape")
    odd = BadImage(0, name, "cut\nshort", "Fetch it again.")
    quarantine.write([odd], tmp_path / "bad.csv")
    with open(tmp_path / "bad.csv", newline="", errors="surrogateescape") as file:
        assert list(csv.reader(file)) == [
            ["index", "id", "reason", "remedy"],
            ["0", odd.id, odd.reason, "Fetch it again."],
        ]


def test_each_remedy_is_said_with_its_count():
    unpack, convert = "Unpack it.", "Convert it."
    one = [BadImage(index, "x", "is odd", convert) for index in range(3)]
    assert quarantine.remedies(one) == convert
    assert quarantine.report(one, 9).endswith("→ Convert it.")
    mixed = [*one, BadImage(4, "y", "is packed", unpack), BadImage(5, "z", "is gone")]
    assert quarantine.remedies(mixed) == "Convert it. (3 images) Unpack it. (1 image)"
    assert quarantine.remedies(BAD) == ""


def test_the_old_list_stays_when_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / "bad.csv"
    quarantine.write(BAD, path)
    old = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vitreous.atomic.os.fsync", full)
    with pytest.raises(StorageError, match="Free some space"):
        quarantine.write(BAD[:1], path)
    assert path.read_bytes() == old


def test_csv_that_cannot_be_written(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        quarantine.write(BAD, tmp_path / "missing" / "bad.csv")
