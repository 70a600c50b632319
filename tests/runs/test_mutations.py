"""Every file of a run folder, changed in hundreds of ways: whoever reads it says what is wrong with
it, or reads it; no exception of another library passes, and nothing takes long.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import shutil
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from vitreous.data.formats.open import open as open_data
from vitreous.doctor.examination import examine
from vitreous.errors import VitreousError
from vitreous.inference.header import Header
from vitreous.inference.model_file import load
from vitreous.progress.progress import Progress
from vitreous.report.build import write_report
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import evaluate
from vitreous.runs.interrupt import Interrupted
from vitreous.runs.run import resume, train

FEW, MANY = 24, 300  # mutations of a file
SECONDS = 5.0
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 3, 1e308, float("nan"), float("inf"), -0.5, 10**30, "", "x", "2",
    "é\u202f", "a" * 5000, [], {}, [[]], [None], [1, "x"], {"a": 1}, {"1": {}}, [[[[[]]]]],
]  # fmt: skip


def bytes_changed(content: bytes, chance: random.Random) -> bytes:
    """A byte or a piece replaced, removed, doubled, moved, or the end cut off."""
    if not content:
        return b"\0"
    first = chance.randrange(len(content))
    last = min(len(content), first + chance.choice((1, 1, 2, 8, 64, 512)))
    piece = content[first:last]
    match chance.randrange(7):
        case 0:
            new = bytes(chance.randrange(256) for _ in piece)
        case 1:
            new = b""
        case 2:
            new = piece * 3
        case 3:
            return content[:first]
        case 4:
            new = chance.choice(
                (b"\0", b"\n", b'"', b"{", b"]", b",", b": ", b"\xff", b"- ", b"&a *a")
            )
        case 5:
            new = piece[::-1]
        case _:
            return content[last:] + content[:first]
    return content[:first] + new + content[last:]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything inside."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inside in [*pairs]:
        yield value, key
        if isinstance(inside, dict | list):
            yield from places(inside)


def value_changed(value: Any, chance: random.Random) -> Any:
    """A value inside replaced by an odd one, removed, or renamed."""
    value = json.loads(json.dumps(value))
    spots = [*places(value)]
    if not spots:
        return chance.choice(ODD)
    container, key = chance.choice(spots)
    if chance.random() < 0.7:
        container[key] = chance.choice(ODD)
    elif isinstance(container, dict) and chance.random() < 0.5:
        container[f"{key}_"] = container.pop(key)
    else:
        del container[key]
    return value


def as_json(content: bytes, chance: random.Random) -> bytes:
    return json.dumps(value_changed(json.loads(content), chance)).encode()


def as_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines()
    number = chance.randrange(len(lines))
    lines[number] = as_json(lines[number], chance)
    return b"\n".join(lines) + b"\n"


def as_yaml(content: bytes, chance: random.Random) -> bytes:
    return yaml.safe_dump(value_changed(yaml.safe_load(content), chance)).encode()


def as_table(content: bytes, chance: random.Random) -> bytes:
    rows = [*csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape")))]
    row = chance.choice(rows[:1] if chance.random() < 0.3 else rows)
    cell = chance.randrange(len(row))
    match chance.randrange(5):
        case 0:
            row[cell] = str(chance.choice(ODD))
        case 1:
            del row[cell]
        case 2:
            row.insert(cell, "new")
        case 3:
            rows.remove(row)
        case _:
            rows.append(row)
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode("utf-8", "surrogateescape")


def as_tensors(content: bytes, chance: random.Random) -> bytes:
    """The JSON header of a safetensors file, or the JSON in its metadata."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    if chance.random() < 0.2:
        header = value_changed(header, chance)
    else:
        inner = json.loads(header["__metadata__"]["vitreous"])
        header["__metadata__"]["vitreous"] = json.dumps(value_changed(inner, chance))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": as_json,
    ".jsonl": as_lines,
    ".yaml": as_yaml,
    ".csv": as_table,
    ".safetensors": as_tensors,
}


def mutations(path: Path, count: int) -> Iterator[bytes]:
    content, chance = path.read_bytes(), random.Random(path.name)
    for number in range(count):
        change = bytes_changed if number % 3 == 0 else KINDS[path.suffix]
        yield change(content, chance)


class Stops(Progress):
    def step(self, step: Any, total_steps: int | None = None) -> None:
        if step.number == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, and one that was interrupted; with copies, and a damaged image."""
    place = tmp_path_factory.mktemp("mutations")
    generator = np.random.default_rng(0)
    for number, name in enumerate(("ant", "bee")):
        (place / "data" / name).mkdir(parents=True)
        for image in range(14):
            pixels = generator.integers(0, 120, (8, 8), dtype=np.uint8) + 100 * number
            Image.fromarray(pixels.astype(np.uint8)).save(place / "data" / name / f"{image}.png")
    shutil.copy(place / "data" / "ant" / "0.png", place / "data" / "ant" / "copy.png")
    (place / "data" / "ant" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    fields: dict[str, Any] = {"model": "linear", "epochs": 2, "batch_size": 4, "augment": "none"}
    fields["checkpoint"] = 0.0
    train(place / "data", out=place / "ended", **fields)
    with pytest.raises(Interrupted):
        train(place / "data", out=place / "stopped", progress=Stops(), **fields)
    return place


def report(run: Path, data: Any) -> None:
    write_report(run, dataset=data)


def measured(run: Path, data: Any) -> None:
    evaluate(run, data)


def resumed(run: Path, data: Any) -> None:
    """As a run is resumed that was killed between its measurement and its report."""
    (run / "report.html").unlink()
    resume(run)


def loaded(run: Path, data: Any) -> None:
    Header.of(run / "model.safetensors")
    load(run)


def examined(run: Path, data: Any) -> None:
    examine(run).write()


CASES: list[tuple[str, str, Callable[[Path, Any], None]]] = [
    ("ended", "model.safetensors", loaded),
    ("ended", "model.safetensors", report),
    ("ended", "recipe.yaml", report),
    ("ended", "recipe.yaml", measured),
    ("ended", "recipe.yaml", resumed),
    ("ended", "doctor.json", examined),
    ("ended", "scores.json", report),
    ("ended", "scores.json", resumed),
    ("ended", "split.csv", report),
    ("ended", "split.csv", measured),
    ("ended", "environment.json", report),
    ("ended", "journal.jsonl", report),
    ("ended", "journal.jsonl", measured),
    ("ended", "metrics.jsonl", report),
    ("ended", "predictions.csv", report),
    ("ended", "quarantine.csv", report),
    ("ended", "copies.csv", report),
    ("stopped", "recipe.yaml", resumed),
    ("stopped", "split.csv", resumed),
    ("stopped", "environment.json", resumed),
    ("stopped", "checkpoint", resumed),
]


def test_every_file_is_changed(runs: Path) -> None:
    written = {path.name for path in (runs / "ended").iterdir() if path.is_file()}
    assert written - {"report.html"} == {name for run, name, _ in CASES if run == "ended"}


def tried(runs: Path, case: tuple[str, str, Callable[[Path, Any], None]], count: int) -> None:
    source, name, reader = case
    kept = runs / source
    data = open_data(runs / "data")
    original = kept / name
    if name == "checkpoint":
        original = max((kept / "checkpoints").iterdir())
    for number, content in enumerate(mutations(original, count)):
        run = runs / "changed"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(kept, run)
        path = run / original.relative_to(kept)
        if name == "checkpoint":  # its name holds its checksum: a change of the content is no news
            path.unlink()
            path = path.with_name(
                f"{path.name[:10]}{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
            )
        path.write_bytes(content)
        if reader is resumed:
            (run / "report.html").touch()
        start = time.perf_counter()
        try:
            with warnings.catch_warnings(), suppress(VitreousError):
                reader(run, data)
        except Exception as error:
            saved = runs / f"failed-{name}"
            saved.write_bytes(content)
            raise AssertionError(f"mutation {number} of {name} ({saved})") from error
        assert time.perf_counter() - start < SECONDS, f"mutation {number} of {name} is slow"
    assert RunFolder(kept).recipe.is_file()


IDS = [f"{run}-{name}-{reader.__name__}" for run, name, reader in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_changed_file_is_read_or_named(runs: Path, case: Any) -> None:
    tried(runs, case, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_file_changed_in_a_thousand_ways(runs: Path, case: Any) -> None:
    tried(runs, case, MANY)
