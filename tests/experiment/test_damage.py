"""A run among damaged files: each is named, none is replaced by another, and the run ends."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from vitreous.experiment.folder import read_json, read_table
from vitreous.experiment.run import train


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", picture("JPEG"))
    return file.getvalue()


def huge() -> bytes:
    """A picture of 20,000 × 20,000 pixels of one color in a few kilobytes."""
    side = 20_000
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(side * (side // 8 + 1)))
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


DAMAGED = {
    "empty.jpg": b"",
    "header.jpg": picture("JPEG")[:60],
    "half.jpg": picture("JPEG")[:-300],
    "no end.jpg": picture("JPEG")[:-2],
    "half.png": picture("PNG")[:-300],
    "page.jpg": b"<!DOCTYPE html><html>404</html>",
    "archive.png": zipped(),
    "text.jpg": b"hello",
    "zeros.png": bytes(2000),
    "noise.gif": np.random.default_rng(1).bytes(2000),
    "huge.png": huge(),
}


def test_each_damage_is_named_counted_and_left_out(photos: Path) -> None:
    place = photos / "bee"
    for name, content in DAMAGED.items():
        (place / name).write_bytes(content)
    (place / "folder.jpg").mkdir()
    (place / "dangling.jpg").symlink_to("nowhere")
    (place / "loop.jpg").symlink_to("loop.jpg")
    with open(os.fsencode(place) + b"/caf\xe9.png", "wb") as file:
        file.write(picture("PNG"))

    run = train(photos, model="linear", epochs=2)
    quarantine = {row["id"]: row["reason"] for row in read_table(run.folder.quarantine)}
    missing = {f"bee/{name}" for name in DAMAGED} - quarantine.keys()
    assert not missing
    assert all(quarantine.values())
    bad = set(quarantine)
    assert bad <= {f"bee/{name}" for name in (*DAMAGED, "folder.jpg", "dangling.jpg", "loop.jpg")}

    # What was left out is in no part, and nothing stands in for it.
    assert sum(run.model.training["examples"].values()) == 61
    answered = {row["path"] for row in read_table(run.folder.predictions)}
    assert not answered & bad
    held = run.scores["validation"].count + run.scores["test"].count
    assert len(answered) == held
    notes = " ".join(read_json(run.folder.scores)["notes"])
    assert f"{len(bad)} image(s) could not be read" in notes
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
