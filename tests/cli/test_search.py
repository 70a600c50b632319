"""`vitreous search`: lines, JSON, sheets, and errors in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of pictures and a model file, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    random = np.random.default_rng(0)
    for name, level in (("bright", 160), ("dark", 0)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(level, level + 90, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    arguments = {"num_classes": 2, "in_channels": 3, "size": 12}
    Bundle(
        model=create("linear", **arguments).eval(),
        architecture="linear",
        arguments=arguments,
        task=Classify(classes=("bright", "dark")),
        contract=PixelContract(height=12, width=12, channels=3),
    ).save(tmp_path / "model.safetensors")
    return tmp_path


SEARCH = ["search", "model.safetensors", "photos", "photos/dark/2.png", "--quiet"]


def test_lines_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SEARCH, "--top", "4"]) == 0
    out, err = capsys.readouterr()
    assert not err
    lines = out.splitlines()
    assert lines[0].split()[::2] == ["1", "dark"]
    assert "dark/2.png" not in "".join(lines[:4])  # itself
    assert [line.split()[2] for line in lines[:4]] == ["dark"] * 4
    assert "map@4" in out
    assert "16 images among the 15 others" in out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SEARCH, "--top", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["image"] == "photos/dark/2.png"
    assert found["model"] == "linear"
    assert found["count"] == 16
    assert [match["labels"] for match in found["matches"]] == [["dark"]] * 3
    assert found["scores"]["map"] == 1
    assert found["scores"]["k"] == 3


@pytest.mark.parametrize(("name", "begin"), [("a.html", b"<!doctype"), ("a.png", b"\x89PNG")])
def test_a_sheet(name: str, begin: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SEARCH, "--out", name]) == 0
    assert capsys.readouterr().out.rstrip().endswith(name)
    assert Path(name).read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["resnet81", "photos", "photos/dark/2.png"], 2, "resnet18"),
        (["resnet18", "photos", "photos/dark/2.png"], 2, "efficientnet_lite0"),
        (["none.safetensors", "photos", "photos/dark/2.png"], 1, "run folder"),
        (["model.safetensors", "photo", "photos/dark/2.png"], 2, "photos"),
        (["model.safetensors", "photos", "photos/dark/none.png"], 1, "none.png"),
        (["model.safetensors", "photos", "photos/dark/2.png", "--top", "0"], 2, "--top"),
        (["model.safetensors", "photos", "photos/dark/2.png", "--out", "a.pdf"], 2, ".html"),
        (["model.safetensors", "photos"], 2, "vitreous search --help"),
    ],
)
def test_errors_name_what_helps(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", *arguments, "--quiet"]) == code
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err
    assert said in err
