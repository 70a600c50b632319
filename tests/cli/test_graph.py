"""`vitreous graph`: formulas with their gradients, networks with their layers, errors in words."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vitreous.cli.main import run

LECTURE = ["graph", "(x+y)*z", "x=-2", "y=5", "z=-4"]


def test_the_formula_of_the_lecture(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(LECTURE) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["f", "=", "v1", "×", "z", "−12"] in lines
    gradients = {line[0]: line[-1] for line in lines if line and line[0].startswith("∂")}
    assert {name: gradients[f"∂f/∂{name}"] for name in "xyz"} == {"x": "−4", "y": "−4", "z": "3"}


def test_values_are_green_and_gradients_red_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert run(LECTURE) == 0
    forward, backward = capsys.readouterr().out.split("backward")
    assert "\x1b[32m" in forward
    assert "\x1b[31m" not in forward
    assert "\x1b[31m" in backward
    assert "−12" in forward


def test_matrices_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """z = ‖Wx + b‖²: ∂z/∂W = 2 (Wx+b) xᵀ, ∂z/∂x = 2 Wᵀ(Wx+b), ∂z/∂b = 2 (Wx+b)."""
    command = ["graph", "norm2(W @ x + b)", "W=[[1,2],[3,4]]", "x=[1,2]", "b=[0,1]", "--json"]
    assert run(command) == 0
    nodes = {node["id"]: node for node in json.loads(capsys.readouterr().out)["nodes"]}
    assert nodes["f"]["value"] == 169
    assert nodes["b"]["gradient"] == [10, 24]
    assert nodes["W"]["gradient"] == [[10, 20], [24, 48]]
    assert nodes["x"]["gradient"] == [82, 116]


def test_json_has_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert run(["graph", "1/x", "x=0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found["nodes"][-1]["value"] is None


def test_a_network_as_text_and_as_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["graph", "lenet5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("lenet5\n")
    assert "61,706 parameters, 416,520 multiply-accumulates" in out
    path = tmp_path / "lenet5.svg"
    assert run(["graph", "lenet5", "--out", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    words = "".join(ElementTree.parse(path).getroot().itertext())
    assert "lenet5" in words
    assert "48,120 parameters" in words


def test_depth_folds_modules(capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for depth in ("1", "2", "9"):
        assert run(["graph", "resnet18", "--depth", depth, "--json"]) == 0
        nodes = json.loads(capsys.readouterr().out)["nodes"]
        assert sum(node["parameters"] for node in nodes) == 11_689_512
        counts.append(len(nodes))
    assert counts[0] < counts[1] < counts[2]


def test_a_table_on_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["graph", "googlenet"]) == 0
    out = capsys.readouterr().out
    assert "inception4e" in out
    assert "868,352" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["resnet81"], 2, "resnet18"),
        (["x+y", "x=1"], 2, "y=2"),
        (["x+y", "x=1", "y=2", "z=3"], 2, "no z"),
        (["x*2", "x=a"], 2, "'a' is no number"),
        (["x*2", "x"], 2, "x=-2"),
        (["x*2", "x=1", "x=2"], 2, "two values"),
        (["x*2", "x=[[1],[2,3]]"], 2, "[[1, 2], [3, 4]]"),
        (["x*2", "x=1", "--size", "3"], 2, "--size"),
        (["x*2", "x=1", "--out", "a.png"], 2, ".svg"),
        (["x*", "x=1"], 2, "cannot be read"),
        (["x.real*2", "x=1"], 2, "arithmetic"),
        (["__import__('os')", "x=1"], 2, "__import__"),
        (["frobnicate(x)", "x=1"], 2, "frobnicate"),
        (["lenet5", "--depth", "0"], 2, "depth"),
        (["lenet5", "--size", "0"], 2, "--size"),
        (["lenet5", "--size", "4"], 1, "12×12"),
        (["runs/none"], 1, "run folder"),
        ([], 2, "vitreous graph --help"),
    ],
)
def test_errors_name_what_helps(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["graph", *arguments]) == code
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err
    assert said in err


def test_a_picture_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*LECTURE, "--out", str(tmp_path / "none" / "f.svg")]) == 1
    assert "f.svg" in capsys.readouterr().err
