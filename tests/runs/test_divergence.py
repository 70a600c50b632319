"""A run that diverges, a network whose answers are no numbers: neither passes for a good one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vitreous.cli.main import run as command
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats.open import open as open_data
from vitreous.errors import DivergedError
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.predictor import finite
from vitreous.models import create
from vitreous.runs.evaluate import evaluate
from vitreous.runs.loop import train_phase
from vitreous.runs.run import train
from vitreous.tasks import task_of


def exploded(path: Path) -> Path:
    """A model file whose weights are finite, and whose answers are not."""
    model = create("mlp", num_classes=10, in_channels=1, size=8)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1e30).add_(1e30)
    contract = PixelContract(height=8, width=8, channels=1)
    bundle = Bundle(
        model=model,
        architecture="mlp",
        arguments={"num_classes": 10, "in_channels": 1, "size": 8},
        task=task_of(open_data("digits").targets),
        contract=contract,
    )
    return bundle.save(path)


@pytest.fixture
def picture(place: Path) -> Path:
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(place / "0.png")
    return place / "0.png"


WORDS: list[list[str]] = [
    ["predict", "MODEL", "IMAGE"],
    ["predict", "MODEL", "IMAGE", "--json"],
    ["predict", "MODEL", "IMAGE", "--csv"],
    ["search", "MODEL", "digits", "IMAGE"],
    ["search", "MODEL", "digits", "IMAGE", "--json"],
    ["evaluate", "MODEL", "digits"],
    ["evaluate", "MODEL", "digits", "--json"],
    ["play", "MODEL", "--no-open", "--port", "0"],
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: "-".join(words[::2]))
def test_no_verb_tells_what_is_no_number(
    words: list[str], picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = exploded(picture.parent / "model.safetensors")
    said = {"MODEL": str(model), "IMAGE": str(picture)}
    assert command([said.get(word, word) for word in words]) == 1
    out, err = capsys.readouterr()
    assert "nan" not in out.lower()
    assert "not finite numbers" in out + err
    if "--json" in words:
        assert json.loads(out)["error"]["kind"] == "diverged"


def test_every_number_of_an_answer_is_looked_at() -> None:
    sound = torch.zeros(2, 3)
    assert finite({"boxes": [sound], "logits": sound})["logits"] is sound
    for wrong in (float("nan"), float("inf"), -float("inf")):
        broken = sound.clone()
        broken[1, 2] = wrong
        for outputs in (broken, [sound, broken], {"boxes": [sound, broken]}):
            with pytest.raises(DivergedError, match="for 1 of 2 images"):
                finite(outputs)


def test_a_run_that_diverges_at_once_leaves_no_model(place: Path) -> None:
    with pytest.raises(DivergedError, match="no model file"):
        train(
            "digits",
            model="mlp",
            optimizer="sgd",
            lr=1000.0,
            schedule="constant",
            epochs=3,
            out="run",
        )
    assert not Path("run/model.safetensors").exists()


def test_weights_that_were_measured_are_kept_and_say_that_training_broke_off(
    place: Path, monkeypatch: pytest.MonkeyPatch, picture: Path, capsys: Any
) -> None:
    whole = train_phase

    def failing(phase: Any, recipe: Any, state: Any, *rest: Any) -> None:
        """The weights become infinite in the third epoch."""
        loss, steps = phase.loss, len(phase.batches)
        seen = []

        def poisoned(outputs: Any, targets: Any) -> Any:
            seen.append(1)
            return loss(outputs, targets) * (float("nan") if len(seen) > 2 * steps + 3 else 1.0)

        object.__setattr__(phase, "loss", poisoned)
        whole(phase, recipe, state, *rest)

    monkeypatch.setattr("vitreous.runs.loop.train_phase", failing)
    with pytest.raises(DivergedError, match="The best weights before that, of epoch 2"):
        train("digits", model="mlp", epochs=4, out="run")
    model = load("run")
    assert model.training["best_epoch"] == 2
    assert "broke off" in model.notes[0]
    told = evaluate("run", "digits")
    assert told.scores["test"].accuracy > 0.5
    assert any("broke off" in note for note in told.notes)
    assert command(["predict", "run", str(picture)]) == 0
    assert "broke off" in capsys.readouterr().err


def test_outputs_that_are_no_numbers_stop_training_at_the_first_validation(place: Path) -> None:
    class Breaks(nn.Module):
        """Its answers are numbers as long as it is trained."""

        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(64, 10)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.last(images.flatten(1))
            bright = images.amax((1, 2, 3)) > 0.5
            return outputs if self.training else outputs / (~bright)[:, None]

    with pytest.raises(DivergedError, match="not finite"):
        train("digits", model=Breaks(), epochs=1, out="run")
    assert not Path("run/model.safetensors").exists()
