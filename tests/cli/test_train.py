"""The flags of `vitreous train`: their help names every word that they accept."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable

import pytest

from vitreous.cli.main import run
from vitreous.fields import OneOf, limits_of
from vitreous.recipes.contradictions import TABLES
from vitreous.recipes.recipe import HEADINGS, Recipe, flag
from vitreous.tasks import TASKS
from vitreous.version import __version__

# `vitreous models` lists the networks; a pretrained network may come from any file.
ACCEPTED: dict[str, Iterable[str]] = {
    **{name: table for name, table in TABLES.items() if name != "model"},
    **{name: choice.words for name, choice in limits_of(Recipe, OneOf).items()},
    "loss": {"auto"}.union(*(task.LOSSES for task in TASKS.values())),
    "pretrained": ("yes", "no"),
}


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The help of each flag, on one line."""
    monkeypatch.setenv("COLUMNS", "600")
    assert run(["train", "--help"]) == 0
    lines = re.findall(r"^│ (--[\w-]+) (.*)│$", capsys.readouterr().out, re.MULTILINE)
    return dict(lines)


def test_help_names_every_word(shown: dict[str, str]) -> None:
    missing = [
        f"{flag(name)} does not name {word}"
        for name, words in ACCEPTED.items()
        for word in words
        if not re.search(rf"\b{word}\b", shown[flag(name)])
    ]
    assert not missing


def test_no_flag_is_there_to_empty_a_list(shown: dict[str, str]) -> None:
    assert not [line for line in shown.values() if "--empty" in line]


def test_a_balance_of_focal_is_told_to_be_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "digits", "--balance", "focal"]) == 2
    said = capsys.readouterr().err
    assert "--balance focal" in said
    assert "--loss focal" in said


def test_a_log_that_does_not_exist_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "digits", "--log", "csv", "--log", "mlfow"]) == 2
    assert "mlflow" in capsys.readouterr().err


def test_a_size_that_the_network_does_not_take_is_wrong_usage(photos, capsys) -> None:
    assert run(["train", str(photos), "--model", "vit_s16", "--size", "100"]) == 2
    said = capsys.readouterr().err
    assert "error: --size: vit_s16" in said
    assert "112×112" in said


def test_without_data_it_says_what_it_trains_on(place, capsys) -> None:
    assert run(["train", "--model", "linear", "--epochs", "1"]) == 0
    assert (
        "data: scattered digits, which come along; name a folder for others"
        in capsys.readouterr().err
    )


def test_the_package_is_a_command_line_too() -> None:
    asked = [sys.executable, "-m", "vitreous", "--version"]
    assert subprocess.run(asked, capture_output=True, text=True).stdout.strip() == __version__


def test_help_has_a_panel_for_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    text = capsys.readouterr().out
    panels = re.findall(r"╭─ (.*?) ─+╮", text)
    assert panels == ["Arguments", *HEADINGS.values(), "Parameters"]
    optimizer = text.split("╭─ Optimizer ")[1].split("╭─")[0]
    assert "--lr " in optimizer
    assert "--loss " not in optimizer
    assert "--out " not in optimizer


def test_a_verb_without_a_recipe_keeps_its_panel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", "--help"]) == 0
    assert re.findall(r"╭─ (.*?) ─+╮", capsys.readouterr().out) == ["Arguments", "Parameters"]
