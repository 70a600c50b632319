"""`vitreous inspect`: the figures of lectures and papers, whatever the form they are printed in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vitreous.cli.main import run
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify

MIB = 1 << 20


def opened(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["inspect", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model file: LeNet-5 for three classes of gray images of 28 × 28."""
    arguments = {"num_classes": 3, "in_channels": 1, "size": 28}
    bundle = Bundle(
        model=create("lenet5", **arguments).eval(),
        architecture="lenet5",
        arguments=arguments,
        task=Classify(classes=("a", "b", "c")),
        contract=PixelContract(height=28, width=28, channels=1),
    )
    return bundle.save(tmp_path / "three.safetensors")


def test_alexnet_as_the_lectures_count_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = opened(capsys, "alexnet")
    conv5 = next(row for row in found["layers"] if row["name"] == "conv5.conv")
    assert conv5["units"] == 43_264
    assert conv5["parameters"] == 884_992
    assert conv5["connections"] == 149_520_384
    assert found["parameters"] == 62_378_344
    assert found["units"] == 659_272
    dense = sum(row["parameters"] for row in found["layers"] if row["kind"] == "Linear")
    assert round(100 * dense / found["parameters"], 2) == 93.99


def test_both_countings_of_the_memory_of_vgg16(capsys: pytest.CaptureFixture[str]) -> None:
    found = opened(capsys, "vgg16")
    assert found["parameters"] == 138_357_544
    assert round(found["memory_in_place"] / MIB, 1) == 58.1
    assert round(found["memory"] / MIB, 1) == 109.8
    assert run(["inspect", "vgg16"]) == 0
    out = capsys.readouterr().out
    assert "58.1 MiB" in out
    assert "109.8 MiB" in out
    assert "138,357,544" in out


def test_size_classes_and_channels(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--size", "64", "--classes", "7", "--channels", "5"]
    found = opened(capsys, "resnet18", *flags)
    assert found["size"] == [5, 64, 64]
    assert found["layers"][-1]["shape"] == [7]
    conv1 = next(row for row in found["layers"] if row["name"] == "conv1")
    assert conv1["parameters"] == 5 * 64 * 49
    assert conv1["shape"] == [64, 32, 32]
    assert conv1["receptive_field"] == [7, 7]
    assert conv1["stride"] == [2, 2]


def test_a_model_file(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = opened(capsys, str(saved))
    assert found["model"] == "three (lenet5)"
    assert found["size"] == [1, 28, 28]
    assert found["layers"][-1]["shape"] == [3]
    assert run(["inspect", str(saved), "--classes", "4"]) == 2
    assert "--classes" in capsys.readouterr().err
    assert run(["inspect", str(saved), "--size", "32"]) == 1
    assert "28×28" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 130])
def test_a_table_on_a_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["inspect", "googlenet"]) == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= width
    stage = next(line for line in lines if line.startswith("inception3a"))
    exact = width > 80
    assert ("163,696" in stage) == exact
    assert ("164\u202fk" in stage) != exact
    assert stage.rstrip().endswith("8")
    assert "59" in stage.split()
    assert "parameters   6,998,552" in lines


def test_a_page_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "resnet20.html"
    assert run(["inspect", "resnet20", "--out", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    text = path.read_text()
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "269,722" in text
    assert 'class="vitreous-graph"' in text
    assert "layer3.2" in text
    assert "prefers-color-scheme: dark" in text


def test_a_hostile_name_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"num_classes": 2, "in_channels": 3, "size": 8}
    bundle = Bundle(
        model=create("linear", **arguments).eval(),
        architecture="linear",
        arguments=arguments,
        task=Classify(classes=("a", "b")),
        contract=PixelContract(height=8, width=8, channels=3),
    )
    path = bundle.save(tmp_path / "<img src=x onerror=alert(1)>.safetensors")
    page = tmp_path / "page.html"
    assert run(["inspect", str(path), "--out", str(page)]) == 0
    assert "<img src=x" not in page.read_text()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["resnet81"], 2, "resnet18"),
        (["lenet5", "--size", "0"], 2, "--size"),
        (["lenet5", "--classes", "0"], 2, "--classes"),
        (["lenet5", "--channels", "x"], 2, "--channels"),
        (["lenet5", "--size", "4"], 1, "12×12"),
        (["vit_b16", "--size", "100"], 1, "112×112"),
        (["runs/none"], 1, "run folder"),
        (["none.safetensors"], 1, "none.safetensors"),
        ([], 2, "vitreous inspect --help"),
    ],
)
def test_errors_name_what_helps(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", *arguments]) == code
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err
    assert said in err


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "resnet81", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "usage"


def test_blocks_stay_within_their_picture() -> None:
    from vitreous.cli.drawing import HEIGHT, WIDTH, block

    image = (3, 224, 224)
    for shape in [(3, 224, 224), (2048, 7, 7), (64, 300, 1), (197, 768), (1,), (25_088,)]:
        path = re.findall(r"M([\d.]+) ([\d.-]+)h([\d.]+)v([\d.]+)", block(shape, image))
        x, y, thick, high = map(float, path[0])
        assert x >= 0
        assert x + thick <= WIDTH
        assert y >= 0
        assert y + high <= HEIGHT


def test_networks_of_the_table_take_no_memory() -> None:
    from vitreous.cli.network import opened as open_model

    model = open_model("lenet5").model
    assert isinstance(model, nn.Module)
    assert all(parameter.device == torch.device("meta") for parameter in model.parameters())
