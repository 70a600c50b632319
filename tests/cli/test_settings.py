"""One rule for settings, wherever they come from: a file, the environment, flags, or Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitreous.cli.main import run
from vitreous.errors import UsageError
from vitreous.files import read_yaml
from vitreous.runs.run import train

Source = Callable[[str, str, pytest.MonkeyPatch], int]
BASE = {"model": "linear", "epochs": "1"}


def by_flag(name: str, value: str, patch: pytest.MonkeyPatch) -> int:
    rest = [word for other, text in BASE.items() if other != name for word in (f"--{other}", text)]
    if value in ("yes", "no") and name in ("compile", "deterministic"):
        return run(["train", "digits", *rest, f"--{name}={value}", "--quiet", "--out", "run"])
    return run(["train", "digits", *rest, f"--{name}", value, "--quiet", "--out", "run"])


def by_variable(name: str, value: str, patch: pytest.MonkeyPatch) -> int:
    for other, text in {**BASE, name: value}.items():
        patch.setenv(f"VITREOUS_TRAIN_{other.upper().replace('-', '_')}", text)
    return run(["train", "digits", "--quiet", "--out", "run"])


def by_file(name: str, value: str, patch: pytest.MonkeyPatch) -> int:
    lines = [f"{other}: {text}" for other, text in {**BASE, name: value}.items()]
    Path("flags.yaml").write_text("\n".join(lines) + "\n")
    return run(["train", "digits", "--config", "flags.yaml", "--quiet", "--out", "run"])


SOURCES = {"flag": by_flag, "variable": by_variable, "file": by_file}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("epochs", "2", 2),
        ("pretrained", "no", "no"),
        ("deterministic", "yes", True),
        ("deterministic", "no", False),
        ("lr", "1e-3", 0.001),
        ("lr", "1", 1.0),
        ("time", "90", "90"),
        ("batch-size", "6_4", 64),
        ("seed", "9007199254740993", 9007199254740993),  # no float holds it
    ],
)
def test_a_value_is_taken_alike(
    name: str, value: str, taken: Any, source: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SOURCES[source](name, value, monkeypatch) == 0
    found = read_yaml(place / "run" / "recipe.yaml")["recipe"][name.replace("-", "_")]
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value", "python"),
    [
        ("epochs", "2.5", 2.5),
        ("epochs", "2.0", 2.0),
        ("epochs", "1e1", 1e1),
        ("batch-size", "63.9", 63.9),
        ("epochs", "many", "many"),
        ("epochs", "0", 0),
        ("lr", "nan", float("nan")),
        ("lr", "fast", "fast"),
        ("deterministic", "perhaps", "perhaps"),
        ("time", "1:30", "1:30"),
        ("epoch", "1", 1),
        ("train", "1", 1),
    ],
)
def test_a_value_is_refused_alike(
    name: str,
    value: str,
    python: Any,
    source: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if source == "flag" and name == "deterministic":
        assert run(["train", "digits", f"--{name}={value}"]) == 2
    else:
        assert SOURCES[source](name, value, monkeypatch) == 2
    said = capsys.readouterr().err.lower()
    assert name.replace("-", "_") in said.replace("-", "_") or name.split("-")[0] in said
    fields: dict[str, Any] = {"model": "linear", "epochs": 1, name.replace("-", "_"): python}
    with pytest.raises(UsageError):
        train("digits", out="python", **fields)
    assert not (place / "run").exists()
    assert not (place / "python").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train:\n  epochs: 1\n", "'train' holds further names"),
        ("epochs: {a: 1}\n", "'epochs' holds further names"),
        ("epochs: 1\nepochs: 2\n", "'epochs' is given twice"),
        ("recipe: 1\n", "recipe"),
    ],
)
def test_what_a_file_cannot_mean_is_refused(
    text: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("flags.yaml").write_text(text)
    assert run(["train", "digits", "--config", "flags.yaml", "--out", "run"]) == 2
    assert said in capsys.readouterr().err
    assert not (place / "run").exists()


def test_a_flag_that_is_called_like_a_verb_is_read_from_a_file(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`split` of `evaluate`: it was passed over in silence."""
    train("digits", model="linear", epochs=1, out="run")
    Path("flags.yaml").write_text("split: validation\n")
    assert run(["evaluate", "run", "digits", "--config", "flags.yaml", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "validation" in out
    assert "test " not in out


def test_a_variable_of_another_verb_is_no_slip(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITREOUS_TRAIN_NONESUCH", "1")
    monkeypatch.setenv("VITREOUS_SOMETHING", "1")
    assert run(["models", "linear"]) == 0
    assert run(["train", "digits"]) == 2
