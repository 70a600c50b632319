"""`--json`: one object on stdout and nothing else, whatever the verb and however it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a run, and what is neither."""
    place = tmp_path_factory.mktemp("work")
    random = np.random.default_rng(0)
    for name, level in (("bright", 160), ("dark", 0)):
        (place / "photos" / name).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(level, level + 90, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "photos" / name / f"{number}.png")
    (place / "empty").mkdir()
    (place / "bad.png").write_bytes(b"<html>")
    (place / "notes.csv").write_text("path,label\nphotos/bright/0.png,\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("VITREOUS_CACHE", str(place / "cache"))
        assert run(["train", "photos", "--model", "linear", "--epochs", "1", "--quiet"]) == 0
    return place


IMAGE = "photos/dark/0.png"

# arguments, exit code, keys of the object
CASES: list[tuple[list[str], int, set[str]]] = [
    (["train", "photos", "--model=linear", "--epochs=1"], 0, {"run", "scores", "model", "task"}),
    (["evaluate", "runs/photos", "photos"], 0, {"run", "scores", "model", "task", "seconds"}),
    (["evaluate", "runs/photos", "photos", "--split", "all"], 0, {"scores"}),
    (["predict", "runs/photos", IMAGE], 0, {"predictions"}),
    (["predict", "runs/photos", "photos"], 0, {"predictions"}),
    (["predict", "runs/photos", IMAGE, "bad.png"], 1, {"predictions", "errors"}),
    (["check", "photos"], 0, {"images", "classes", "findings", "fatal"}),
    (["split", "photos", "--out", "parts.csv"], 0, {"split", "parts"}),
    (["report", "runs/photos"], 0, {"report"}),
    (["models", "resnet*"], 0, {"models"}),
    (["resume", "runs/photos"], 1, {"error"}),
    (["resume", "empty"], 1, {"error"}),
    (["report", "empty"], 1, {"error"}),
    (["train", "empty"], 1, {"error"}),
    (["train", "notes.csv"], 1, {"error"}),
    (["train", "nowhere"], 2, {"error"}),
    (["train", "photos", "--epochs", "three"], 2, {"error"}),
    (["train", "photos", "--epoch", "1"], 2, {"error"}),
    (["train", "photos", "--model", "resnet81"], 2, {"error"}),
    (["train", "photos", "--device", "cuda", "--precision", "float8"], 2, {"error"}),
    (["train", "photos", "--out", "runs/photos"], 1, {"error"}),
    (["evaluate", "runs/photos", "digits"], 1, {"error"}),
    (["evaluate", "photos", "photos"], 1, {"error"}),
    (["evaluate", "runs/photos", "photos", "--split", "tset"], 2, {"error"}),
    (["predict", "runs/photos", "empty"], 1, {"error"}),
    (["predict", "runs/photos"], 2, {"error"}),
    (["predict", "runs/photos/recipe.yaml", IMAGE], 1, {"error"}),
    (["models", "nonesuch"], 2, {"error"}),
    (["nonesuch"], 2, {"error"}),
]


@pytest.mark.parametrize(
    ("arguments", "code", "keys"),
    CASES,
    ids=lambda case: str(case)[:60] if isinstance(case, list) else "",
)
def test_one_object_and_nothing_else(
    work: Path,
    arguments: list[str],
    code: int,
    keys: set[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(work)
    monkeypatch.setenv("VITREOUS_CACHE", str(work / "cache"))
    assert run([*arguments, "--json"]) == code
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert keys <= found.keys()
    assert "Traceback" not in err
    if "error" in found:
        assert found["error"].keys() == {"kind", "message", "where", "remedy"}
        assert found["error"]["remedy"]


def test_results_and_progress_go_separate_ways(work: Path) -> None:
    """As a shell sees it: stdout can be piped into a program, stderr read by a person."""
    code = "from vitreous.cli.main import main; main()"
    flags = ["--model", "linear", "--epochs", "1", "--json", "--out", "piped"]
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "photos", *flags],
        cwd=work,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["run"] == "piped"
    assert "epoch 1/1" in done.stderr
    assert "{" not in done.stderr


def test_names_that_are_no_utf8_are_printed_as_they_are(work: Path) -> None:
    name = b"caf\xe9.png"
    shutil.copy(work / "photos" / "dark" / "1.png", work / "plain.png")
    target = bytes(work) + b"/" + name
    with open(target, "wb") as file:
        file.write((work / "plain.png").read_bytes())
    code = "from vitreous.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable.encode(), b"-c", code.encode(), b"predict", b"runs/photos", name],
        cwd=work,
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(name)
