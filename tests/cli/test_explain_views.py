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
        (["--maximize"], 2, "Name --target CLASS, or --layer LAYER and --unit NUMBER"),
        (["--maximize", "--target", "cot"], 2, "Did you mean"),
        (["--maximize", "--layer", "stage1", "--unit", "900"], 2, "counted from 0"),
        (["pics", "--maximize", "--target", "cat"], 2, "Leave it out"),
        (["--patches", "stage1"], 2, "Name images as well"),
        (["--shortcuts"], 2, "Name images as well"),
        (["--convert"], 2, "Name images as well, or give the run folder"),
        (["--boxes"], 2, "Name image files"),
        (["pics", "--patches", "head"], 1, "keeps places apart"),
        (["pics", "--perceive", "--layer", "stage7"], 2, "Did you mean stage"),
        (["notes.txt", "--boxes"], 1, "is text"),
    ],
)
def test_errors_say_what_would_work(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    (desk / "notes.txt").write_text("no image at all, but a note about them\n")
    assert run(["explain", MODEL, *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_boxes_patches_and_perception(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for name, *more in (
        ("boxes", "--method", "cam", "--target", "cow"),
        ("perceive", "--layer", "stage1"),
    ):
        words = ["explain", MODEL, "pics", f"--{name}", *more, "--json", "--quiet"]
        assert run(words) == 0
        (found[name],) = json.loads(capsys.readouterr().out)[name]
        assert (desk / f"explained/{found[name]['name']}.png").is_file()
    assert [each["target"] for each in found["boxes"]["boxes"]] == ["cow"] * 3
    assert len(found["perceive"]["missing"]) == 3
    words = ["explain", MODEL, "pics", "--patches", "stage1", "--unit", "2", "--json", "--quiet"]
    assert run(words) == 0
    (plate,) = json.loads(capsys.readouterr().out)["patches"]
    assert [*plate["units"]] == ["2"]
    assert {each["image"] for each in plate["units"]["2"]} == {"0.png", "1.png", "2.png"}


def test_what_excites_a_class_or_a_unit(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--target", "cow"], ["--layer", "stage1", "--unit", "3"]):
        assert run(["explain", MODEL, "--maximize", *words, "--json", "--quiet"]) == 0
        (plate,) = json.loads(capsys.readouterr().out)["maximize"]
        assert min(plate["after"]) > max(plate["before"])


def test_a_run_is_searched_and_converted(
    photos: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    """Without images, those of the run are looked at; the classes are told by color everywhere."""
    words = ["train", str(photos), "--model", "lenet5", "--epochs", "6", "--out", "run", "--quiet"]
    assert run(words) == 0
    capsys.readouterr()
    assert run(["explain", "run", "--shortcuts", "--json", "--quiet"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["shortcuts"]
    assert found["searched"] > 3
    image = str(photos / "ant/0.png")
    assert run(["explain", "run", image, "--convert", "--json", "--quiet"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["convert"]
    assert made["layer"] == "conv2"
    assert made["part"] == "validation"
    assert 0 <= made["after"] <= 1
    assert len(made["pictures"]) == 1
    assert run(["explain", "run", "--patches", "conv1", "--json", "--quiet"]) == 0
    (plate,) = json.loads(capsys.readouterr().out)["patches"]
    assert plate["searched"] == found["searched"]
    assert plate["field"] == 5
