"""`vitreous explain`: heatmaps, a contact sheet and JSON; errors with what would work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.cli.main import run
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks.classify import Classify


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and three images."""
    torch.manual_seed(0)
    Bundle(
        model=create("convnet", num_classes=3, in_channels=3),
        task=Classify(classes=("cat", "dog", "cow")),
        contract=PixelContract(height=32, width=32, channels=3),
        architecture="convnet",
        arguments={"num_classes": 3, "in_channels": 3},
    ).save(tmp_path / "model.safetensors")
    (tmp_path / "pics").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"pics/{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pictures_a_sheet_and_json(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "model.safetensors", "pics", "--out", "seen", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.count("by gradcam in stage2") == 3
    assert "sheet     seen/sheet.html" in said
    for number in range(3):
        with Image.open(desk / f"seen/{number}.png") as picture:
            assert picture.size == (50 * 6, 40 * 6)  # pixels as squares
    found = json.loads((desk / "seen/explanations.json").read_text())["explanations"]
    assert [each["path"] for each in found] == [f"pics/{number}.png" for number in range(3)]
    assert found[0]["layer"] == "stage2"
    assert found[0]["target"] in ("cat", "dog", "cow")
    page = (desk / "seen/sheet.html").read_text()
    assert page.count("<figure>") == 3
    assert "Why convnet answers so" in page


def test_json_of_one_target(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "model.safetensors", "pics/1.png", "--json", "--quiet"]
    assert run([*words, "--target", "cow", "--method", "occlusion"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["explanations"]
    assert (found["target"], found["method"], found["layer"]) == ("cow", "occlusion", None)
    assert (found["width"], found["height"]) == (50, 40)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["pics/0.png", "--target", "cot"], 2, "Did you mean cow or cat?"),
        (["pics/0.png", "--layer", "stage7"], 2, "Did you mean stage2"),
        (["pics/0.png", "--layer", "head"], 1, "such as stage2"),
        (["pics/0.png", "--method", "attention_rollout"], 1, "Choose gradcam"),
        (["pics/0.png", "--method", "salency"], 2, "Did you mean saliency"),
        (["pics/0.png", "--unit", "4"], 2, "Name the layer as well"),
        (["pics/0.png", "--out", "model.safetensors"], 2, "Name a folder"),
        ([], 2, "no images are given"),
        (["nowhere.png"], 1, "nowhere.png"),
        (["notes.txt"], 1, "notes.txt: is text"),
        (["pics/1.png", "--layer", "nosuch"], 2, "Known: normalize, stem, stage1, stage2"),
    ],
)
def test_errors_say_what_would_work(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    (desk / "notes.txt").write_text("no image at all, but a note about them\n")
    assert run(["explain", "model.safetensors", *words, "--quiet"]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_no_sheet_is_named_where_nothing_was_explained(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "notes.txt").write_text("no image at all, but a note about them\n")
    words = ["explain", "model.safetensors", "notes.txt", "--out", "seen", "--quiet"]
    assert run(words) == 1
    assert capsys.readouterr().out == ""
    assert not (desk / "seen/sheet.html").exists()


def test_a_certificate_is_refused_to_a_network_that_knows_nothing(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", "model.safetensors", "--certify", "--quiet"]
    assert run([*words, "pics"]) == 2
    assert "Give 4 or more" in capsys.readouterr().err
    for number in range(3, 6):
        Image.new("RGB", (40, 40), (40 * number, 20, 200)).save(desk / f"pics/{number}.png")
    assert run([*words, "pics"]) == 1
    told = capsys.readouterr().out
    assert "REFUSED: gradcam in stage2" in told
    assert "randomization" in told
    assert run([*words, "pics", "--json", "--method", "saliency"]) == 1
    found = json.loads(capsys.readouterr().out)["certificate"]
    assert found["granted"] is False
    assert found["method"] == "saliency"
    assert run([*words, "pics", "--unit", "3", "--layer", "stage1"]) == 2
    assert "Leave --unit out" in capsys.readouterr().err


def test_one_that_cannot_be_read_does_not_stop_the_others(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "pics/1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert run(["explain", "model.safetensors", "pics", "--json", "--quiet"]) == 1
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert len(found["explanations"]) == 2
    assert found["errors"][0]["path"] == "pics/1.png"
    assert "pics/1.png" in told.err
