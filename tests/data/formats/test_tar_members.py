from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from vitreous.data.formats.tar_members import members
from vitreous.errors import DataError

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
LONG = "a" * 60 + "/" + "b" * 60 + "/" + "c" * 70 + ".jpg"
NAMES = ("0001.jpg", "folder/0001.cls", "größe/ß.png", LONG, "../../escaped.jpg", "/absolute.jpg")


def write(path: Path, names=NAMES, kind=tarfile.PAX_FORMAT, **settings) -> Path:
    with tarfile.open(path, "w", format=kind, **settings) as tar:
        for number, name in enumerate(names):
            content = os.urandom(number * 300)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def found(path: Path) -> list[tuple[str, int, int, bool]]:
    with path.open("rb") as file:
        return [(m.name, m.start, m.size, m.is_file) for m in members(file, path.name)]


@pytest.mark.parametrize("kind", FORMATS)
def test_as_pythons_own_reader(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "a.tar", kind=FORMATS[kind])
    with tarfile.open(path) as tar:
        expected = [(m.name, m.offset_data, m.size, m.isfile()) for m in tar]
    assert found(path) == expected
    assert len(expected) == len(NAMES)


def test_folders_links_and_devices_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("x")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert [is_file for *_, is_file in found(path)] == [False] * 4


def test_sizes_beyond_octal_digits(tmp_path: Path) -> None:
    """GNU's tar and Python's write 8 GiB and more in binary."""
    info = tarfile.TarInfo("large.jpg")
    info.size = 9 << 30
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"cut off at byte 1,536: large.jpg would end at 9,663,6"):
        found(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_off_anywhere_is_said_with_the_byte(tmp_path: Path, kind: str) -> None:
    whole = write(tmp_path / "a.tar", kind=FORMATS[kind]).read_bytes()
    used = len(whole.rstrip(b"\0"))
    cut = tmp_path / "cut.tar"
    for length in [*range(0, used, 512), *range(7, used, 1019)]:
        cut.write_bytes(whole[:length])
        with pytest.raises(DataError, match=f"cut off at byte {length:,}") as caught:
            found(cut)
        assert caught.value.where == "cut.tar"


def test_what_lies_behind_the_end_mark_is_not_lost_silently(tmp_path: Path) -> None:
    one = write(tmp_path / "a.tar").read_bytes()
    (tmp_path / "two.tar").write_bytes(one + one)
    with pytest.raises(DataError, match=f"goes on at byte {len(one):,}, behind its end mark"):
        found(tmp_path / "two.tar")


@pytest.mark.parametrize("place", [3, 150, 160])
def test_a_damaged_header_is_named(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "a.tar", ["a.jpg", "b.jpg"], tarfile.USTAR_FORMAT)
    broken = bytearray(path.read_bytes())
    broken[512 + place] ^= 0x15
    path.write_bytes(broken)
    with pytest.raises(DataError, match="holds no header at byte 512"):
        found(path)
    path.write_bytes(b"\x89PNG" + bytes(2000))
    with pytest.raises(DataError, match="is no tar archive"):
        found(path)


@pytest.mark.parametrize("record", [b"0 path=x\n", b"-5 path=x\n", b"9 path=xy", b"8 size=\n"])
def test_records_that_lie_end_the_reading(tmp_path: Path, record: bytes) -> None:
    info = tarfile.TarInfo("records")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf() + record.ljust(512, b"\0") + bytes(1024))
    with pytest.raises(DataError, match="holds no header at byte 0"):
        found(path)


def test_a_huge_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 31)  # sparse
    with pytest.raises(DataError, match="header of 1,073,741,824 bytes"):
        found(path)
