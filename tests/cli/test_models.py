"""The table of networks, on paper of any width."""

from __future__ import annotations

import json

import pytest

from vitreous.cli.main import run
from vitreous.cli.models import table
from vitreous.models import MODELS


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_network_is_a_line_under_its_paper(width: int) -> None:
    lines = [line for line, _ in table([*MODELS.values()], width)]
    assert max(map(len, lines)) <= width
    for name, row in MODELS.items():
        (at,) = (n for n, line in enumerate(lines) if line.split()[0] == name)
        figures = f"{row.parameters:,}", f"{row.macs:,}", str(row.sizes.default)
        assert tuple(lines[at].split()[1:4]) == figures
        heading = max(n for n, line in enumerate(lines[:at]) if line.startswith(str(row.year)))
        assert row.paper.split(",")[0] in lines[heading]


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "resnet50", "--json"]) == 0
    (row,) = (r for r in json.loads(capsys.readouterr().out)["models"] if r["name"] == "resnet50")
    assert row == {
        "name": "resnet50",
        "parameters": 25_557_032,
        "macs": 4_089_184_256,
        "size": 224,
        "output": "vector",
        "year": 2015,
        "paper": MODELS["resnet50"].paper,
        "pretrained": False,
    }


def test_the_network_that_comes_with_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "efficientnet_lite0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("385,187,552     224  weights")]


def test_networks_that_answer_for_each_pixel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "unet"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  unet")]
    names = ["unet", "unet_small", "unet_efficientnet_lite0", "unet_resnet18",
             "unet_denoiser", "unet_denoiser_small", "unet_transformer"]  # fmt: skip
    assert sorted(line.split()[0] for line in lines) == sorted(names)
    assert all(line.endswith("masks") for line in lines)
