"""What costs a wrong model is said before training as `check` says it; bias and shift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.check.bias import _shift
from vitreous.data.check.check import check
from vitreous.data.check.data_findings import Finding
from vitreous.data.check.training_findings import sentences
from vitreous.data.formats.open import open as open_data
from vitreous.data.splits.split import split

TOLD = {"missing in train", "conflict", "few", "masks among images", "shift", "torn groups"}


def noise(path: Path, seed: int, side: int = 16, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def mask(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((16, 16), np.uint8)
    pixels[seed % 9 : seed % 9 + 6, 2 + seed % 5 : 9] = 255
    Image.fromarray(pixels).save(path)


def found(place: Path) -> dict[str, Finding]:
    """The findings of `check` above notes by kind; training says those that concern it."""
    data = open_data(place)
    said = sentences(data, split(data), np.ones(len(data), bool))
    findings = {each.kind: each for each in check(data).found if each.severity != "note"}
    assert all(each.remedy for each in findings.values())
    for kind in TOLD & findings.keys():
        assert any(text.startswith(findings[kind].message) for text in said), kind
    return findings


def test_nothing_is_found_in_good_data(tmp_path):
    for seed in range(40):
        noise(tmp_path / "ab"[seed % 2] / f"{seed}.png", seed)
    assert found(tmp_path) == {}


def test_no_image_is_decoded(tmp_path, monkeypatch):
    """Also where the names of files are equal in all classes."""
    for seed in range(40):
        noise(tmp_path / "ab"[seed % 2] / f"{seed // 2}.png", seed)
    data = open_data(tmp_path)
    parts = split(data)
    read: list[int] = []
    original = type(data).read
    monkeypatch.setattr(
        type(data), "read", lambda self, index, *rest: read.append(index) or original(self, index)
    )
    assert sentences(data, parts, np.ones(len(data), bool)) == []
    assert read == []


def test_classes_without_training_images_and_contradictions(tmp_path):
    for seed in range(12):
        for part in ("train", "test"):
            for name in "ab":
                noise(tmp_path / part / name / f"{seed}.png", hash((seed, part, name)) % 2**32)
    noise(tmp_path / "test/c/1.png", 77)
    copy = (tmp_path / "train/a/1.png").read_bytes()
    (tmp_path / "test/b/copy.png").write_bytes(copy)
    kinds = found(tmp_path)
    assert kinds["missing in train"].examples == ("c",)
    assert kinds["conflict"].severity == "error"


def test_doubts_of_opening_are_there_with_their_weight(tmp_path):
    for seed in range(40):
        noise(tmp_path / "ab"[seed % 2] / f"{seed}.png", seed)
        (tmp_path / "a" / f"{seed}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    assert found(tmp_path)["left out"].severity == "error"


@pytest.mark.parametrize("names", [("street", "truth"), ("truth", "street")])
def test_a_folder_of_masks_beside_one_of_images(tmp_path, names):
    for seed in range(12):
        noise(tmp_path / names[0] / f"{seed}.jpg", seed)
        mask(tmp_path / names[1] / f"{seed}.png", seed)
        noise(tmp_path / "view" / f"x{seed}.jpg", seed + 100)  # of two alone these would be masks
    finding = found(tmp_path)["masks among images"]
    assert f"those of '{names[1]}' show 2 values at most" in finding.message
    assert "images/ and masks/" in (finding.remedy or "")
    for name, better in zip(names, ("images", "masks"), strict=True):
        (tmp_path / name).rename(tmp_path / better)
    assert list(open_data(tmp_path).targets) == ["mask"]


def test_masks_beside_their_images(tmp_path):
    for seed in range(12):
        for name in ("benign", "malignant"):
            noise(tmp_path / name / f"{name} ({seed}).png", seed + 99 * (name == "benign"))
            mask(tmp_path / name / f"{name} ({seed})_mask.png", seed)
    assert found(tmp_path)["masks among images"].message.startswith("24 images are called masks")


def test_equal_names_alone_are_nothing(tmp_path):
    """Also where both classes are black and white."""
    for seed in range(12):
        noise(tmp_path / "photos/a" / f"{seed}.png", seed)
        noise(tmp_path / "photos/b" / f"{seed}.png", seed + 50)
        mask(tmp_path / "drawn/c" / f"{seed}.png", seed)
        mask(tmp_path / "drawn/d" / f"{seed}.png", seed + 5)
    assert "masks among images" not in found(tmp_path / "photos")
    assert "masks among images" not in found(tmp_path / "drawn")


# Bias


def test_the_kind_of_file_tells_the_class(tmp_path):
    for seed in range(60):
        suffix = "jpg" if seed % 2 else "png"
        noise(tmp_path / "ab"[seed % 2] / f"{seed}.{suffix}", seed)
    finding = check(tmp_path).of("bias")
    assert finding is not None
    assert "the kind of file alone tells the class of 100\u202f% of the images" in finding.message
    assert "the most frequent class has 50\u202f%" in finding.message


def test_the_size_tells_the_class(tmp_path):
    for seed in range(60):
        noise(tmp_path / "ab"[seed % 2] / f"{seed}.png", seed, 16 + seed % 2)
    finding = check(tmp_path).of("bias")
    assert finding is not None
    assert finding.message.startswith("the size alone")


def test_kinds_that_are_mixed_tell_nothing(tmp_path):
    for seed in range(60):
        suffix = "jpg" if seed % 3 else "png"
        noise(tmp_path / "ab"[seed % 2] / f"{seed}.{suffix}", seed, 16 + seed % 5)
    assert check(tmp_path).of("bias") is None


def test_parts_whose_classes_are_distributed_otherwise(tmp_path):
    for seed in range(60):
        noise(tmp_path / "train" / ("a" if seed % 6 else "b") / f"{seed}.png", seed)
        noise(tmp_path / "test" / ("b" if seed % 6 else "a") / f"{seed}.png", seed + 1000)
    finding = found(tmp_path)["shift"]
    assert "of the test part would have to change its class" in finding.message
    assert finding.examples[0].startswith("a: 8")
    assert finding.examples[0].endswith("of train, 17\u202f% of test")


def test_the_shift_that_chance_makes():
    """Against simulation: two samples of one distribution."""
    random = np.random.default_rng(0)
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    drawn = [(random.multinomial(400, shares), random.multinomial(100, shares)) for _ in range(400)]
    shifts, chances = np.array([_shift(one, other) for one, other in drawn]).T
    assert chances.mean() == pytest.approx(shifts.mean(), rel=0.08)
    assert (shifts < 3 * chances).mean() > 0.99
