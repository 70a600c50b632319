"""Disks that are full or may not be written: a clear message, and what was saved stays."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitreous import atomic
from vitreous.cli.main import run as command
from vitreous.errors import StorageError
from vitreous.run_folder import RunFolder
from vitreous.runs.run import resume, train
from vitreous.training import checkpoint

RECIPE: dict[str, Any] = {"model": "lenet5", "size": 28, "epochs": 3, "checkpoint": 0.0}
FLAGS = ["--model", "lenet5", "--size", "28", "--epochs", "3", "--checkpoint", "0", "--quiet"]


def failing(patch: pytest.MonkeyPatch, number: int, when: Callable[[str], bool]) -> None:
    """From now on, files cannot take the place of one with such a name."""
    original = atomic.os.replace

    def replace(written: str | Path, target: str | Path) -> None:
        if when(str(target)):
            raise OSError(number, os.strerror(number))
        original(written, target)

    patch.setattr(atomic.os, "replace", replace)


PLACES = {
    "the second checkpoint": "000000002",
    "metrics": "metrics.jsonl",
    "predictions": "predictions.csv",
    "the model": "model.safetensors",
    "scores": "scores.json",
    "the report": "report.html",
}


@pytest.mark.parametrize("file", PLACES)
def test_a_full_disk_ends_with_a_message_and_the_run_goes_on_from_there(
    photos: Path, file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = train(photos, out="whole", **RECIPE).folder
    with monkeypatch.context() as patch:
        failing(patch, errno.ENOSPC, lambda name: PLACES[file] in name)
        assert command(["train", str(photos), "--out", "run", *FLAGS]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "No space left" in err
    assert "Free some space" in err
    assert "`vitreous resume run` goes on" in err
    assert not list(Path("run").rglob("*.tmp"))
    if file != "metrics":
        assert checkpoint.latest("run/checkpoints") is not None
    again = resume("run").folder
    for name in ("model.safetensors", "metrics.jsonl", "predictions.csv"):
        assert (again.path / name).read_bytes() == (reference.path / name).read_bytes(), name


def test_a_place_that_is_read_only_is_named_before_anything_is_learned(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Path.mkdir

    def mkdir(self: Path, *arguments: Any, **options: Any) -> None:
        if self.parts[:1] == ("runs",):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        original(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert command(["train", str(photos), *FLAGS]) == 1
    err = capsys.readouterr().err
    assert "runs/photos: cannot be written: Read-only file system" in err
    assert "--out" in err


def test_a_cache_that_cannot_be_written_costs_time_only(
    photos: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = train(photos, out="whole", **RECIPE).folder.model.read_bytes()
    (place / "file").write_text("no folder")
    monkeypatch.setenv("VITREOUS_CACHE", str(place / "file"))
    assert command(["train", str(photos), "--out", "run", *FLAGS[:-1]]) == 0
    assert "cache" in capsys.readouterr().err
    assert Path("run/model.safetensors").read_bytes() == reference


def test_a_file_where_runs_should_be(photos: Path, place: Path) -> None:
    (place / "runs").write_text("")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        train(photos, **RECIPE)
    assert "--out" in str(caught.value.remedy)


def test_a_real_full_disk(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a small file system can be mounted; elsewhere the tests above have to do."""
    disk = Path(tempfile.mkdtemp())
    if os.system(f"mount -t tmpfs -o size=600k tmpfs {disk} 2>/dev/null"):
        disk.rmdir()
        pytest.skip("only a superuser may mount")
    try:
        with pytest.raises(StorageError, match="No space left"):
            train(photos, out=disk / "run", **(RECIPE | {"model": "mlp"}))
        assert RunFolder(disk / "run").recipe.is_file()
        assert os.system(f"mount -o remount,size=60m {disk}") == 0
        assert resume(disk / "run").scores["test"].count
    finally:
        os.system(f"umount {disk}")
        disk.rmdir()
