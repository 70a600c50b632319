"""`vitreous explain` with a view: plates of pictures of what is inside of a network."""

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

MODEL = "model.safetensors"


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
    ).save(tmp_path / MODEL)
    (tmp_path / "pics").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"pics/{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_filters_need_no_image(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", MODEL, "--filters"]) == 0
    assert "of stem.conv, 3 by 3 pixels" in capsys.readouterr().out
    with Image.open(desk / "explained/filters.png") as picture:
        assert picture.mode == "RGB"
    assert (desk / "explained/filters.html").is_file()


def test_maps_of_each_stage_and_image(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", MODEL, "pics", "--maps", "all", "--out", "seen", "--json"]
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["maps"]) == 9
    assert found["maps"][0]["name"] == "maps-stem-0"
    for each in found["maps"]:
        assert (desk / f"seen/{each['name']}.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--maps", "stage2"], 2, "Name image files"),
        (["pics", "--maps", "stage9"], 2, "Did you mean stage"),
        (["pics", "--maps", "head"], 1, "keeps places apart"),
        (["pics", "--maps", "all", "--filters"], 2, "two questions"),
        (["--filters", "--method", "cam"], 2, "Leave it out"),
        (["pics", "--maps", "all", "--target", "cat"], 2, "Leave it out"),
        (["--filters", "--out", MODEL], 2, "Name a folder"),
    ],
)
def test_errors_say_what_would_work(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(["explain", MODEL, *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
