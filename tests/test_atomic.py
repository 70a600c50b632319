"""A file is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vitreous.atomic import replacing, write_bytes, write_text
from vitreous.errors import StorageError


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_replaces_the_content(tmp_path: Path) -> None:
    target = tmp_path / "scores.json"
    write_bytes(target, b"old")
    write_text(target, "new: ü")
    assert target.read_text(encoding="utf-8") == "new: ü"
    assert leftovers(tmp_path) == ["scores.json"]


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")
    with pytest.raises(RuntimeError), replacing(target) as file:
        file.write(b"half of the n")
        raise RuntimeError("cut off")
    assert target.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")

    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(StorageError) as caught:
        write_bytes(target, b"new")
    assert caught.value.where == str(target)
    assert caught.value.remedy
    assert target.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["file"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file") as caught:
        write_bytes(tmp_path / "nowhere" / "file", b"")
    assert caught.value.remedy == "Make the folder first, or choose another place."


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
