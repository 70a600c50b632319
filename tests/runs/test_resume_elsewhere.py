"""Going on with a run whose data lie elsewhere now, or on another number of threads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from vitreous.cli.main import run as command
from vitreous.errors import RunError
from vitreous.files import write_json
from vitreous.infer.weight_digest import digest
from vitreous.progress.progress import Progress
from vitreous.runs.interrupt import Interrupted
from vitreous.runs.run import resume, train

FIELDS = {"model": "linear", "epochs": 2}


class Stops(Progress):
    """Interrupts after so many steps."""

    def step(self, step: Any, total_steps: int | None = None) -> None:
        if step.number == 2:
            raise KeyboardInterrupt


class Heard(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def interrupted(photos: Path) -> Path:
    with pytest.raises(Interrupted):
        train(photos, out="run", progress=Stops(), **FIELDS)
    return photos


def test_data_that_have_moved_are_asked_for(
    interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = interrupted.resolve()
    interrupted.rename("elsewhere")
    with pytest.raises(RunError, match="not there any more") as caught:
        resume("run")
    assert caught.value.where == str(place)
    assert "vitreous resume run --data PLACE" in str(caught.value.remedy)
    shutil.copytree("elsewhere", "others")
    (Path("others") / "ant" / "0.png").unlink()
    with pytest.raises(RunError, match="have changed") as caught:
        resume("run", "others")
    assert caught.value.where == "others"
    capsys.readouterr()
    assert command(["resume", "run", "--data", "elsewhere", "--quiet"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_a_device_that_is_not_here_is_named(interrupted: Path) -> None:
    recipe = Path("run/recipe.yaml")
    recipe.write_text(recipe.read_text().replace("device: cpu", "device: cuda"))
    with pytest.raises(RunError, match="trained on cuda, and torch finds none here") as caught:
        resume("run")
    assert caught.value.where == "run"
    assert "--device cpu" in str(caught.value.remedy)


def test_it_is_computed_on_as_many_threads_as_before(interrupted: Path) -> None:
    environment = json.loads(Path("run/environment.json").read_text())
    before, seen = torch.get_num_threads(), []

    class Looks(Heard):
        def step(self, step: Any, total_steps: int | None = None) -> None:
            seen.append(torch.get_num_threads())

    write_json(Path("run/environment.json"), {**environment, "threads": before + 1})
    shown = Looks()
    resume("run", progress=shown)
    assert {*seen} == {before + 1}
    assert any(f"computing with {before + 1} threads" in note for note in shown.notes)
    assert torch.get_num_threads() == before


def test_it_is_computed_in_the_number_format_it_began_in(interrupted: Path) -> None:
    """Which one is fast is asked of a clock, and of another processor perhaps."""
    environment = json.loads(Path("run/environment.json").read_text())
    assert environment["precision"] == "float32"
    write_json(Path("run/environment.json"), {**environment, "precision": "bfloat16"})
    shown = Heard()
    assert resume("run", progress=shown).model.precision == "bfloat16"
    assert any("computing in bfloat16, as when the run began" in note for note in shown.notes)


def test_a_number_format_that_was_asked_for_stays(photos: Path) -> None:
    with pytest.raises(Interrupted):
        train(photos, out="run", progress=Stops(), precision="bfloat16", **FIELDS)
    write_json(Path("run/environment.json"), {"precision": "float32"})
    assert resume("run").model.precision == "bfloat16"
    assert json.loads(Path("run/environment.json").read_text()) == {"precision": "bfloat16"}


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"threads": "many"}', '{"threads": -3}', "{}", '{"precision": ["half"]}'],
)
def test_an_environment_that_says_nothing_changes_nothing(interrupted: Path, content: str) -> None:
    Path("run/environment.json").write_text(content)
    shown, before = Heard(), torch.get_num_threads()
    found = resume("run", progress=shown)
    assert not any("computing with" in note for note in shown.notes)
    assert torch.get_num_threads() == before
    whole = train(interrupted, out="whole", **FIELDS)
    assert digest(found.model.model.state_dict()) == digest(whole.model.model.state_dict())
