"""The walk over folders: bytes before suffixes, and what is passed over is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from vitreous.data.doubt import Doubt
from vitreous.data.formats.class_folders import open_folder
from vitreous.data.formats.folder_walk import images_below, kinds_of, list_folder
from vitreous.errors import DataError

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def save(path: Path, kind: str = "JPEG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (len(str(path)) % 256, 3, 4)).save(path, kind)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("1.MPO", "JPEG"),
        ("1", "PNG"),
        ("1.jpg?w=300", "WEBP"),
        ("1.image", "GIF"),
        ("n01440764_10026", "JPEG"),
        ("1.dat", "JPEG2000"),
    ],
)
def test_images_are_told_by_their_bytes(tmp_path, name, kind):
    save(tmp_path / "a" / name, kind)
    save(tmp_path / "b" / "1.jpg")
    data = open_folder(tmp_path)
    assert data.id(0) == f"a/{name}"
    assert data[0].image.shape == (4, 5, 3)
    assert not data.notes


def test_text_that_begins_like_an_image_is_none(tmp_path):
    save(tmp_path / "1.jpg")
    (tmp_path / "notes.txt").write_text("BMW")
    (tmp_path / "P1").write_text("P1 is a name")
    contents = list_folder(os.fsencode(tmp_path))
    assert contents.images == [b"1.jpg"]
    assert contents.others == {".txt": 1, "without a suffix": 1}


@pytest.mark.parametrize("name", ["1.jpg.bak", "1.jpg~", "1.jpg.part", "1.jpg.crdownload"])
def test_copies_and_unfinished_downloads_are_no_images(tmp_path, name):
    save(tmp_path / name)
    assert not list_folder(os.fsencode(tmp_path)).images


def test_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert list_folder(os.fsencode(tmp_path)).others == {"without a suffix": 1}


@pytest.mark.parametrize(
    ("content", "suffix", "said"),
    [
        (HEIC, ".HEIC", "HEIC photos"),
        (b"\0\0\0\x18ftypmp42" + bytes(64), ".mp4", "videos"),
        (b"II*\0" + bytes(64), ".nef", "TIFF images"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), ".jxl", "JPEG XL images"),
        (bytes(128) + b"DICM" + bytes(9), ".dcm", "DICOM images"),
        (b"<svg xmlns='x'></svg>", ".svg", "SVG drawings"),
    ],
)
def test_what_looks_like_an_image_is_named_with_its_class(tmp_path, content, suffix, said):
    for number in range(3):
        save(tmp_path / "cat" / f"{number}.jpg")
        save(tmp_path / "dog" / f"{number}.jpg")
        (tmp_path / "cat" / f"IMG_{number}{suffix}").write_bytes(content)
    (note,) = open_folder(tmp_path).notes
    assert note == f"cat: 3 of 6 images are left out: 3 {said} ({suffix.lower()})"
    assert isinstance(note, Doubt)
    assert note.severity == "error"
    assert note.remedy


def test_few_that_are_left_out_are_a_warning(tmp_path):
    for number in range(150):
        save(tmp_path / "cat" / f"{number}.jpg")
    save(tmp_path / "dog" / "1.jpg")
    (tmp_path / "cat" / "1.heic").write_bytes(HEIC)
    (note,) = open_folder(tmp_path).notes
    assert isinstance(note, Doubt)
    assert note.severity == "warning"


def test_a_class_of_photos_that_cannot_be_read(tmp_path):
    save(tmp_path / "cat/1.jpg")
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog/1.heic").write_bytes(HEIC)
    notes = open_folder(tmp_path).notes
    assert "dog: 1 of 1 images are left out: 1 HEIC photo (.heic)" in notes
    (tmp_path / "cat/1.jpg").unlink()
    with pytest.raises(DataError, match="1 HEIC photo") as caught:
        open_folder(tmp_path)
    assert caught.value.remedy.startswith("Convert them to JPEG or PNG.")


def test_folders_with_names_like_files(tmp_path):
    """photo.jpg/ with images in it is a class, and so may be .NET/."""
    for name in ("asp", "photo.jpg", ".NET", ".thumbnails"):
        save(tmp_path / name / "1.jpg")
    data = open_folder(tmp_path)
    assert data.classes == ("asp", "photo.jpg")
    (note,) = data.notes
    assert note == "hidden folders with images, left out: .NET/"


def test_stray_images_weigh_what_they_are(tmp_path):
    save(tmp_path / "a/1.jpg")
    for number in range(9):
        save(tmp_path / "b" / f"{number}.jpg")
    save(tmp_path / "preview.jpg")
    (note,) = open_folder(tmp_path).notes
    assert isinstance(note, Doubt)
    assert note.severity == "warning"
    for number in range(9):
        save(tmp_path / f"{number}.jpg")
    (note,) = open_folder(tmp_path).notes
    assert isinstance(note, Doubt)
    assert note.severity == "error"


def test_all_below_a_folder_with_reasons(tmp_path, monkeypatch):
    save(tmp_path / "in/1.jpg")
    save(tmp_path / "in/deep/2", "PNG")
    save(tmp_path / "in/.hidden/3.jpg")
    save(tmp_path / "elsewhere/4.jpg")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/5.heic").write_bytes(HEIC)
    (tmp_path / "in/closed").mkdir()
    scan = os.scandir

    def refuse(path):
        if b"closed" in os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", refuse)
    images, left = images_below(os.fsencode(tmp_path / "in"))
    assert sorted(images) == [b"1.jpg", b"deep/2", b"linked/4.jpg"]
    assert kinds_of(left.unread) == "1 HEIC photo (.heic)"
    (error,) = left.refused
    assert error.where.endswith("in/closed")
