from __future__ import annotations

import copy
import errno
import hashlib
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from vitreous.errors import ModelFileError, StorageError
from vitreous.training import checkpoint
from vitreous.training.optimizer import OPTIMIZERS, optimizer

STATE = {
    "model": {"weight": torch.arange(600.0), "bias": torch.zeros(3)},
    "position": {"epoch": 1, "betas": (0.9, 0.999), "best": None},
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def steps(folder: Path) -> list[int]:
    return sorted(int(name[:9]) for name in names(folder))


def test_it_comes_back(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "new" / "folder", STATE, 7)
    found = checkpoint.latest(path.parent)
    assert (found.step, found.path, found.damaged) == (7, path, ())
    assert found.state["position"] == STATE["position"]
    assert torch.equal(found.state["model"]["weight"], STATE["model"]["weight"])


def test_the_name_carries_the_checksum(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, STATE, 7)
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] in path.name
    again = checkpoint.save(tmp_path, STATE, 7)
    assert again == path  # the same state makes the same bytes


def test_nothing_is_no_error(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.latest(tmp_path / "none") is None
    assert checkpoint.best(tmp_path) is None


def test_the_newest_two_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 8):
        checkpoint.save(tmp_path, {**STATE, "step": step}, step, best=step in (1, 3))
    assert steps(tmp_path) == [3, 6, 7]
    assert checkpoint.best(tmp_path).step == 3
    assert checkpoint.latest(tmp_path).step == 7
    checkpoint.save(tmp_path, {**STATE, "step": 8}, 8, best=True)
    assert steps(tmp_path) == [7, 8]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "000000001-abc.safetensors").write_text("not ours")
    for step in range(5):
        checkpoint.save(tmp_path, STATE, step)
    assert {"notes.txt", "000000001-abc.safetensors"} <= set(names(tmp_path))


def test_a_run_that_was_set_back_takes_over(tmp_path: Path) -> None:
    """After a fall back to step 4, the files of a later step are of another story."""
    for step in (4, 8):
        checkpoint.save(tmp_path, STATE, step)
    checkpoint.save(tmp_path, {"story": "new"}, 6)
    assert checkpoint.latest(tmp_path).state == {"story": "new"}
    checkpoint.save(tmp_path, {"story": "newer"}, 6)
    assert checkpoint.latest(tmp_path).state == {"story": "newer"}
    assert steps(tmp_path) == [4, 6]


@pytest.fixture(name="pair")
def _pair(tmp_path: Path) -> tuple[Path, Path]:
    """An older file, and a newer one that is about to suffer."""
    older = checkpoint.save(tmp_path, {**STATE, "step": 1}, 1)
    newer = checkpoint.save(tmp_path, {**STATE, "step": 2}, 2)
    return older, newer


def header_end(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def test_truncated_anywhere_it_falls_back(pair: tuple[Path, Path]) -> None:
    older, newer = pair
    whole = newer.read_bytes()
    end = header_end(whole)
    cuts = {0, 1, 7, 8, 9, end // 2, end - 1, end, end + 1, (end + len(whole)) // 2, len(whole) - 1}
    for cut in sorted(cuts):
        newer.write_bytes(whole[:cut])
        found = checkpoint.latest(newer.parent)
        assert (found.path, found.damaged) == (older, (newer,)), f"cut at {cut}"
    newer.write_bytes(whole)
    assert checkpoint.latest(newer.parent).path == newer


def test_one_flipped_bit_anywhere_is_noticed(pair: tuple[Path, Path]) -> None:
    older, newer = pair
    whole = newer.read_bytes()
    end = header_end(whole)
    places = [*range(0, 9), *range(9, end, 41), *range(end, len(whole), 97), len(whole) - 1]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        newer.write_bytes(flipped)
        assert checkpoint.latest(newer.parent).path == older, f"byte {place}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02}q\x00.",
        b"PK\x03\x04",
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"{}",
        (9).to_bytes(8, "little") + b"[[[[[[[[[",
    ],
    ids=["empty", "pickle", "zip", "huge header", "no state", "deep"],
)
def test_foreign_content_under_a_right_name_is_passed_over(
    pair: tuple[Path, Path], content: bytes
) -> None:
    older, newer = pair
    digest = hashlib.sha256(content).hexdigest()[:16]
    (older.parent / f"000000009-{digest}.safetensors").write_bytes(content)
    assert checkpoint.latest(older.parent).path == newer


def test_all_damaged_is_an_error_that_says_so(pair: tuple[Path, Path]) -> None:
    for path in pair:
        path.write_bytes(b"")
    with pytest.raises(ModelFileError, match="all 2 checkpoints are damaged"):
        checkpoint.latest(pair[0].parent)


def test_a_folder_under_the_name_is_passed_over(pair: tuple[Path, Path]) -> None:
    older, newer = pair
    newer.unlink()
    newer.mkdir()
    assert checkpoint.latest(older.parent).path == older


def failing(code: int):
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_failing_disk_leaves_the_last_one_valid(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    folder = pair[0].parent
    before = names(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(code))
        with pytest.raises(StorageError, match=os.strerror(code)) as caught:
            checkpoint.save(folder, STATE, 3)
    assert str(folder) in str(caught.value)
    assert code == errno.EIO or caught.value.remedy
    assert names(folder) == before  # nothing half-written is left either
    assert checkpoint.latest(folder).step == 2


def test_a_real_limit_on_the_size_of_files(pair: tuple[Path, Path]) -> None:
    """The system itself refuses in the middle of writing, as a full disk does."""
    folder, large = pair[0].parent, {"model": torch.zeros(1 << 18)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(StorageError):
            checkpoint.save(folder, large, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.latest(folder).step == 2
    assert steps(folder) == [1, 2]
    checkpoint.save(folder, large, 3)
    assert checkpoint.latest(folder).step == 3


def test_a_real_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        checkpoint.save(disk, STATE, 1)
        with pytest.raises(StorageError, match="No space left"):
            checkpoint.save(disk, {"model": torch.zeros(1 << 18)}, 2)
        assert checkpoint.latest(disk).step == 1
        checkpoint.save(disk, STATE, 3)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        checkpoint.save(tmp_path / "file", STATE, 1)


def test_what_a_kill_left_is_swept_away(tmp_path: Path) -> None:
    stale = tmp_path / ".000000001-0123456789abcdef.safetensors.x1y2.tmp"
    stale.write_bytes(b"half")
    checkpoint.save(tmp_path, STATE, 2)
    assert steps(tmp_path) == [2]


def test_an_interrupt_while_writing_leaves_nothing_behind(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pair[0].parent
    before = names(folder)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(folder, STATE, 3)
    assert names(folder) == before


def test_a_reader_that_may_not_delete_still_reads(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pair[0].parent
    monkeypatch.setattr(Path, "unlink", failing(errno.EACCES))
    checkpoint.save(folder, STATE, 3)  # what cannot be pruned stays
    assert checkpoint.latest(folder).step == 3
    assert steps(folder) == [1, 2, 3]


def test_the_newest_is_written_before_the_old_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the moment of a kill, a valid file is there."""
    for step in (1, 2):
        checkpoint.save(tmp_path, STATE, step)
    monkeypatch.setattr(checkpoint, "prune", failing(errno.EIO))
    with pytest.raises(OSError, match="rror"):
        checkpoint.save(tmp_path, STATE, 3)
    assert steps(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer_is_complete_or_refused(name: str) -> None:
    """torch takes any state, and fails in the next step, or goes on with another one."""
    weight = nn.Linear(2, 2)
    method = optimizer(name, weight)
    weight(torch.ones(1, 2)).sum().backward()
    method.step()
    state = method.state_dict()
    checkpoint.restore({"optimizer": state}, optimizer=method)
    for kept in list(state["state"].get(0, ())):
        changed = copy.deepcopy(state)
        changed["state"][0][f"{kept}_"] = changed["state"][0].pop(kept)
        with pytest.raises(ModelFileError, match="of weight 0 it holds"):
            checkpoint.restore({"optimizer": changed}, optimizer=method)


@pytest.mark.parametrize("name", ["lr", "initial_lr"])
@pytest.mark.parametrize("rate", [None, -1.0, "0.1", float("nan")])
def test_rates_of_an_optimizer_are_numbers(name: str, rate: object) -> None:
    method = optimizer("adamw", nn.Linear(2, 2))
    state = copy.deepcopy(method.state_dict())
    state["param_groups"][0][name] = rate
    with pytest.raises(ModelFileError, match=f"{name} is"):
        checkpoint.restore({"optimizer": state}, optimizer=method)
