"""A command that cannot be meant is refused before torch is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.runs.run import train

SLIPS = {
    "train digits --model resnet81": "Did you mean resnet18",
    "train digits --augment storng": "Did you mean strong",
    "train digits --task clasify": "Did you mean classify",
    "cv digits --optimizer adamm": "Did you mean adam",
    "tune digits --loss dise": "Did you mean dice",
    "train nowhere": "is called 'nowhere'",
    "train empty": "is empty",
    "train x.jpg": "is a single image",
    "check empty": "is empty",
    "check nowhere": "is called 'nowhere'",
    "show nowhere": "is called 'nowhere'",
    "split nowhere": "is called 'nowhere'",
    "predict runs/phots x.jpg": "Did you mean runs/photos",
    "predict runs/photos x.jpg": "vitreous resume runs/photos",
    "predict model.safetensors nowhere.jpg": "nowhere.jpg: there is no such file",
    "predict models.safetensors nowhere.jpg": "Did you mean model.safetensors",
    "predict empty x.jpg": "is not a run folder",
    "predict resnet18 x.jpg": "vitreous train DATA --model resnet18",
    "explain nowhere x.jpg": "Runs here: runs/photos",
    "evaluate nowhere digits": "Runs here: runs/photos",
    "robust nowhere": "Runs here: runs/photos",
    "report nowhere": "Runs here: runs/photos",
    "resume nowhere": "Runs here: runs/photos",
    "doctor nowhere": "Runs here: runs/photos",
    "export nowhere": "Runs here: runs/photos",
    "compare nowhere else": "Runs here: runs/photos",
    "play nowhere": "Runs here: runs/photos",
    "inspect resnet81": "Did you mean resnet18",
    "graph resnet81": "Did you mean resnet18",
    "lab splatt": "Did you mean splat",
    "lab X44": "Did you mean X4",
    "models resnet81": "Did you mean resnet18",
    "search resnet81 digits x.png": "Did you mean resnet18",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each of these commands says, all in one process that never loads torch."""
    place = tmp_path_factory.mktemp("desk")
    (place / "empty").mkdir()
    (place / "runs" / "photos").mkdir(parents=True)
    (place / "runs" / "photos" / "recipe.yaml").write_text("")
    (place / "model.safetensors").write_bytes(b"")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(place / "x.jpg")
    program = """
import contextlib, io, json, sys
from vitreous.cli.main import run
told = {}
for command in sys.argv[1:]:
    with contextlib.redirect_stderr(io.StringIO()) as err:
        code = run(command.split())
    told[command] = f"{code} {err.getvalue()}"
    if "torch" in sys.modules:
        told[command] = "torch was loaded"
        break
print(json.dumps(told))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *SLIPS],
        cwd=place, capture_output=True, text=True, check=True, env=environment(place),
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "VITREOUS_CACHE": str(place / "cache"), "VITREOUS_DATA": ""}


@pytest.mark.parametrize("command", SLIPS)
def test_a_slip_costs_no_second(command: str, answers: dict[str, str]) -> None:
    assert answers[command][0] in "12"
    assert SLIPS[command] in answers[command]


def test_a_run_and_an_answer_need_torch_and_little_else(tmp_path: Path) -> None:
    """Its compiler, symbolic algebra and the libraries of extras take longer than the answer, and
    as long as a small training.
    """
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "x.png")
    program = """
import sys
from vitreous.cli.main import run
slow = {"torch._dynamo", "sympy", "sklearn", "scipy", "pandas", "optuna", "matplotlib", "onnx"}
slow |= {"onnxruntime", "onnxscript", "openvino", "pyarrow", "fsspec", "fastapi", "tifffile"}
assert run(["predict", "run", "x.png", "--quiet"]) == 0
answered = {*sys.modules}
assert run(["train", "digits", "--epochs", "1", "--out", "other", "--quiet"]) == 0
print(sorted(slow & answered), sorted({"vitreous.trace", "jinja2"} & answered))
print(sorted(slow & {*sys.modules}))
"""
    train("digits", epochs=1, out=tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=True, env=environment(tmp_path),
    )  # fmt: skip
    *_, answered, trained = done.stdout.splitlines()
    assert answered == "[] []"
    assert trained == "[]"
