"""The doctor in a run: live, afterwards, by the command line, and without any influence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import vitreous as vt
from vitreous.cli.main import run as command
from vitreous.doctor.examination import examine
from vitreous.errors import DivergedError, RunError
from vitreous.progress.progress import Progress


class Heard(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_the_same_to_the_last_byte_with_and_without() -> None:
    for name, doctor in (("with", True), ("without", False)):
        vt.train("digits", model="lenet5", epochs=1, out=name, doctor=doctor)
    for file in ("model.safetensors", "metrics.jsonl", "predictions.csv"):
        assert Path("with", file).read_bytes() == Path("without", file).read_bytes(), file
    assert not Path("without", "doctor.json").exists()
    assert examine("with").all == []
    with pytest.raises(RunError, match="no doctor has watched"):
        examine("without")


def test_a_fault_is_said_at_once_and_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    vt.train("digits", model="mlp", epochs=2, init="zero", out="zero", progress=heard)
    said = [note for note in heard.notes if note.startswith("doctor, step 20: Weights begin zero")]
    assert len(said) == 1
    assert command(["doctor", "zero", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["key"] for one in found["diagnoses"]] == ["symmetric_units"]
    assert found["diagnoses"][0]["change"] == {"init": "he"}
    page = Path(found["page"]).read_text()
    assert "Weights begin zero or equal" in page
    assert "<svg" in page


def test_a_run_that_broke_off_has_a_diagnosis() -> None:
    heard = Heard()
    with pytest.raises(DivergedError):
        vt.train(
            "digits", model="mlp", optimizer="sgd", lr=50, epochs=3, out="high", progress=heard
        )
    (found,) = examine("high").all
    assert found.key == "lr_too_high"
    assert found.change["lr"] < 50
    assert any("learning rate is too high" in note for note in heard.notes)


def test_a_damaged_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    vt.train("digits", model="linear", epochs=1, out="run")
    for text in ('{"phases": []}', "[]", "{"):
        Path("run/doctor.json").write_text(text)
        with pytest.raises(RunError):
            examine("run")
    assert command(["doctor", "nowhere"]) == 1
    assert "nowhere: does not exist" in capsys.readouterr().err
