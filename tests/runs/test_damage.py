"""A run among damaged files: each is named, none is replaced by another, and the run ends."""

from __future__ import annotations

import runpy
from pathlib import Path

from vitreous.data.formats.open import open as open_data
from vitreous.files import read_json, read_table
from vitreous.runs.run import train

ZOO = runpy.run_path(str(Path(__file__).parents[1] / "data" / "images" / "test_zoo.py"))
zoo = ZOO["zoo"]  # a fixture: a folder with every kind of damage and oddity
REASONS = ZOO["REASONS"]


def test_each_damage_is_named_counted_and_left_out(zoo: Path) -> None:
    run = train(zoo, model="linear", epochs=2)
    quarantine = {row["id"]: row["reason"] for row in read_table(run.folder.quarantine)}
    bad = {f"odd/{name}" for name in REASONS}
    assert quarantine.keys() == bad
    assert all(quarantine.values())

    # What was left out is in no part, and nothing stands in for it.
    good = len(open_data(zoo)) - len(bad)
    assert sum(run.model.training["examples"].values()) == good
    answered = {row["path"] for row in read_table(run.folder.predictions)}
    assert not answered & bad
    held = run.scores["validation"].count + run.scores["test"].count
    assert len(answered) == held
    notes = " ".join(read_json(run.folder.scores)["notes"])
    assert f"left out as unreadable: {len(bad)} images" in notes
    page = run.folder.report.read_text()
    assert all(name in page for name in bad)


def state(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_the_files_of_the_user_are_never_touched(photos: Path) -> None:
    (photos / "ant" / "broken.png").write_bytes(b"\x89PNG")
    before = state(photos)
    train(photos, model="linear", epochs=1)
    assert state(photos) == before
