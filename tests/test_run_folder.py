"""The run folder: a name for each run, and files that are read back as they were written."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Barrier, Thread

import pytest

from vitreous.errors import RunError
from vitreous.files import read_json, read_lines, read_table, write_table
from vitreous.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("place")


def test_runs_that_start_at_the_same_moment_get_folders_of_their_own() -> None:
    count = 16
    barrier, made = Barrier(count), []

    def start() -> None:
        barrier.wait()
        made.append(RunFolder.create("photos").path.name)

    threads = [Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(["photos", *(f"photos-{k}" for k in range(2, count + 1))])


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("my photos!", "my-photos"),
        ("été 2026", "été-2026"),
        ("../../etc", "etc"),
        ("...", "run"),
        ("", "run"),
        ("caf\\xe9", "caf-xe9"),
        ("a/b\\c", "a-b-c"),
        ("x" * 300, "x" * 80),
    ],
)
def test_any_name_makes_a_folder_below_runs(name: str, folder: str) -> None:
    assert RunFolder.create(name).path == Path("runs") / folder


def test_what_is_there_is_never_overwritten(place: Path) -> None:
    (place / "here").mkdir()
    with pytest.raises(RunError, match="never overwritten") as caught:
        RunFolder.create("x", place / "here")
    assert caught.value.remedy == "There is no run in it: choose another --out."
    (place / "here" / "recipe.yaml").touch()
    with pytest.raises(RunError, match="never overwritten") as caught:
        RunFolder.create("x", place / "here")
    assert "vitreous resume" in str(caught.value.remedy)
    assert RunFolder.create("x", place / "a" / "b").path.is_dir()


def test_the_journal_survives_a_line_that_was_cut(place: Path) -> None:
    folder = RunFolder(place)
    folder.log_event("start", data="photos")
    with folder.journal.open("a") as file:
        file.write('{"time": "2026-0')
    assert [line["data"] for line in folder.events("start")] == ["photos"]


@pytest.mark.parametrize("rest", [b'{"time": "2026-0', b"\xff\x00\xc3", b'{"event": "start"}'])
def test_a_cut_line_takes_no_other_with_it(place: Path, rest: bytes) -> None:
    """A full disk cuts a line in the middle, and a crash may leave any bytes."""
    folder = RunFolder(place)
    folder.log_event("test", value=1)
    with folder.journal.open("ab") as file:
        file.write(rest)
    folder.log_event("test", value=2)
    folder.log_event("test", value=3)
    assert [line["value"] for line in folder.events("test")] == [1, 2, 3]


def test_tables_keep_names_that_are_no_utf8(place: Path) -> None:
    name = os.fsdecode(b'caf\xe9, "or" not\n.png')
    write_table(place / "table.csv", ("id", "reason"), [(name, "damaged"), ("b", "1 × 2")])
    assert read_table(place / "table.csv") == [
        {"id": name, "reason": "damaged"},
        {"id": "b", "reason": "1 × 2"},
    ]
    assert read_table(place / "none.csv") == []
    assert read_lines(place / "none.jsonl") == []


def test_a_damaged_file_is_named(place: Path) -> None:
    (place / "scores.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read") as caught:
        read_json(place / "scores.json")
    assert caught.value.where == str(place / "scores.json")
