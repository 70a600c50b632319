"""The public face: every promised name is there, nothing else, and it costs nothing to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vitreous as vt

NAMES = {
    "Bundle",
    "Recipe",
    "Run",
    "__version__",
    "create",
    "evaluate",
    "load",
    "models",
    "open",
    "resume",
    "train",
}


def test_all_is_what_there_is() -> None:
    assert set(vt.__all__) >= NAMES
    assert dir(vt) == sorted(vt.__all__)


@pytest.mark.parametrize("name", vt.__all__)
def test_each_name_loads_and_explains_itself(name: str) -> None:
    value = getattr(vt, name)
    assert value is not None
    if name != "__version__":
        assert value.__doc__


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        vt.tarin  # noqa: B018


def test_importing_costs_next_to_nothing() -> None:
    code = "import sys, vitreous\n"
    code += "print(sorted({'torch', 'numpy', 'cv2', 'PIL', 'yaml'} & set(sys.modules)))"
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert out.strip() == "[]"


def test_models_is_a_package_and_a_list() -> None:
    names = vt.models()
    assert "resnet18" in names
    assert list(vt.models.MODELS) == list(names)
    from vitreous.models import MODELS

    assert list(MODELS) == list(names)


def test_functions_stay_functions_whatever_has_been_imported() -> None:

    assert callable(vt.train)
    assert callable(vt.evaluate)
    assert callable(vt.open)


def test_the_tour_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open, train, report, load, predict, create: as the documentation writes it."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(16):
            pixels = random.integers(0, 60, (32, 32, 3), dtype=np.uint8)
            pixels[..., 2 * number] += 180  # red cats, blue dogs
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{k}.png")
    data = vt.open("photos/")
    assert data.classes == ("cat", "dog")
    run = vt.train(data, model="efficientnet_lite0", freeze="backbone", pretrained="yes", epochs=20)
    assert run.scores["test"].accuracy == 1
    assert run.report() == Path("runs/photos/report.html")
    model = vt.load("runs/photos/model.safetensors")
    assert model.predict("photos/cat/0.png").label == "cat"
    assert model.predict(np.asarray(Image.open("photos/dog/0.png"))).label == "dog"
    assert vt.evaluate("runs/photos", "photos/").scores["test"].accuracy == 1
    net = vt.create("resnet18", num_classes=10, in_channels=1)
    assert isinstance(net, torch.nn.Module)
    assert net.eval()(torch.zeros(1, 1, 224, 224)).shape == (1, 10)
