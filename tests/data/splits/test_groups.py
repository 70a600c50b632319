"""Groups by name: what belongs together stays together."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitreous.data.check.check import check
from vitreous.data.formats.open import open
from vitreous.data.splits.groups import group_of, grouped, torn
from vitreous.data.splits.split import split
from vitreous.errors import UsageError


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """Two classes; 30 patients with three different images each, some in both classes."""
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for label in ("ill", "well"):
        (tmp_path / "scans" / label).mkdir(parents=True)
    for number in range(90):
        pixels = random.integers(0, 255, (6, 6), dtype=np.uint8)
        name = f"patient{number % 30}_{number}.png"
        Image.fromarray(pixels).save(tmp_path / "scans" / ("ill", "well")[number % 4 == 0] / name)
    return tmp_path / "scans"


def patients(data, indices):
    return {data.id(index).split("/")[1].split("_")[0] for index in indices}


@pytest.mark.parametrize("pattern", [r"patient\d+", r"/(patient\d+)_", r"/([^_]+)"])
def test_images_of_a_group_share_a_part(scans, pattern):
    data = open(scans)
    alone = split(data)
    data.groups = grouped(data, pattern)
    assert len(np.unique(data.groups)) == 30
    together = split(data)
    for result, shared in ((together, False), (alone, True)):
        parts = [patients(data, result.indices(part)) for part in range(3)]
        assert all(parts)
        overlapping = parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2]
        assert bool(overlapping) == shared
    assert together.overlap == 0


def test_a_pattern_gives_the_parts_that_a_column_gives(scans):
    data = open(scans)
    rows = ["path,label,group"]
    for index in range(len(data)):
        label, name = data.id(index).split("/")
        rows.append(f"scans/{data.id(index)},{label},{name.split('_')[0]}")
    (scans.parent / "list.csv").write_text("\n".join(rows))
    column = open(scans.parent / "list.csv")
    data.groups = grouped(data, r"patient\d+")
    np.testing.assert_array_equal(split(data).parts, split(column).parts)


def test_what_has_no_group_is_alone(scans):
    data = open(scans)
    values, sizes = np.unique(grouped(data, "patient7_"), return_counts=True)
    assert sorted(sizes)[-2:] == [1, 3]
    assert len(values) == 88


@pytest.mark.parametrize(
    ("pattern", "said"), [("person", "found in no name"), ("(", "no regular expression")]
)
def test_patterns_that_find_nothing(scans, pattern, said):
    with pytest.raises(UsageError, match=said) as caught:
        grouped(open(scans), pattern)
    assert caught.value.where == "--group"
    assert caught.value.remedy


def test_groups_are_named_once(scans, tmp_path):
    (tmp_path / "list.csv").write_text("path,label,group\nscans/ill/patient1_1.png,ill,a\n")
    with pytest.raises(UsageError, match="column 'group'"):
        grouped(open(tmp_path / "list.csv"), "a")


def test_groups_that_a_prescribed_split_tears_are_found(scans, tmp_path):
    rows = ["path,label,split,group"]
    for number in range(90):
        label = ("ill", "well")[number % 4 == 0]
        part = ("train", "val", "test")[number // 30] if number % 30 in (3, 8) else "train"
        rows.append(f"scans/{label}/patient{number % 30}_{number}.png,{label},{part},{number % 30}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    data = open(tmp_path / "list.csv")
    result = split(data)
    found = torn(data.groups, result.parts)
    assert sorted(found) == sorted([group_of("3"), group_of("8")])
    finding = check(tmp_path / "list.csv").of("torn groups")
    assert finding.severity == "error"
    assert finding.message == "2 groups have images in more than one part"
    assert len(finding.examples) == 2
    assert all("patient" in pair and " = " not in pair for pair in finding.examples)
