"""No verb ends in a traceback for what its output is: of another encoding, closed, or full."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import VERBS, run
from vitreous.cli.streams import PLAIN, prepare
from vitreous.runs.run import train

ENCODINGS = ("cp1252", "ascii", "cp437", "latin-1", "cp932")


@pytest.fixture
def trained(place: Path) -> Path:
    """A run on classes whose names no code page has all of."""
    random = np.random.default_rng(0)
    for number, name in enumerate(("Müller", "猫 → 1", "plain")):
        folder = place / "photos" / name
        folder.mkdir(parents=True)
        for image in range(12):
            pixels = random.integers(0, 90, (9, 9), dtype=np.uint8) + 80 * number
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{image}é.png")
    train(place / "photos", model="linear", epochs=1, out="runs/one")
    return place


COMMANDS = [
    ["train", "photos", "--model", "linear", "--epochs", "1", "--out", "two"],
    ["resume", "runs/one"],
    ["check", "photos"],
    ["show", "photos", "--model", "linear", "--count", "2"],
    ["cv", "photos", "--folds", "1"],
    ["tune", "photos", "--trials", "0"],
    ["split", "photos"],
    ["doctor", "runs/one"],
    ["explain", "runs/one", "photos/Müller/0é.png", "--out", "shown"],
    ["report", "runs/one", "--no-open"],
    ["models"],
    ["inspect", "lenet5"],
    ["inspect", "runs/one"],
    ["graph", "(x+y)*z", "x=-2", "y=5", "z=-4"],
    ["graph", "lenet5"],
    ["play", "nonesuch"],
    ["lab", "nonesuch"],
    ["evaluate", "runs/one", "photos"],
    ["compare", "runs/one"],
    ["robust", "nonesuch"],
    ["serve", "nonesuch"],
    ["export", "nonesuch"],
    ["publish", "nonesuch", "--to", "out"],
    ["predict", "runs/one", "photos"],
    ["search", "runs/one", "photos", "photos/Müller/0é.png"],
    ["--help"],
    ["train", "--help"],
]


def test_every_verb_is_tried() -> None:
    assert {words[0] for words in COMMANDS} >= {verb for verb, _, _ in VERBS}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_encoding(encoding: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in COMMANDS:
        out, err = io.BytesIO(), io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding, write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding, write_through=True))
            prepare()
            code = run(words)
            kept = sys.stdout, sys.stderr  # or they would be closed with what they hold
        assert code in (0, 1, 2), words
        assert out.getvalue() or err.getvalue(), words
        assert b"Traceback" not in err.getvalue(), words
        assert kept
    assert (trained / "two" / "report.html").is_file()


def test_signs_become_plain_ones_and_names_keep_their_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "cp1252", write_through=True))
    prepare()
    print("1\u202f000 \u2192 \u22125 \u00d7 é \udcff Ā 猫")
    assert out.getvalue().rstrip() == b"1 000 -> -5 \xd7 \xe9 \xff A ?"
    kept = sys.stdout
    assert all(text.isascii() for text in PLAIN.values())
    assert kept


def vitreous(command: str, **options: str) -> subprocess.CompletedProcess[str]:
    start = f'{sys.executable} -c "from vitreous.cli.main import main; main()" {command}'
    return subprocess.run(
        ["bash", "-c", start],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **options},
        timeout=120,
    )


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")


@FULL
@pytest.mark.parametrize("words", ["models", "models --json", "models nonesuch --json"])
def test_a_full_disk_is_told(words: str) -> None:
    done = vitreous(f"{words} > /dev/full")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.skipif(os.name == "nt", reason="a shell of its own")
@pytest.mark.parametrize("words", ["models linear", "models linear --json", "--help"])
def test_closed_streams(words: str) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = vitreous(f"{words} {closed}")
        assert done.returncode == 0, (words, closed)
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a shell of its own")
def test_a_locale_that_knows_no_letters(trained: Path) -> None:
    """C without UTF-8 mode: names are bytes, and texts are plain."""
    options = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (
        "check photos",
        "train photos --model linear --epochs 1 --out three --quiet",
        "evaluate three photos --json --quiet",
        "predict three photos --json --quiet",
    ):
        done = vitreous(words, **options)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 36
