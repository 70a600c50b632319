"""Comparing runs: the verdict follows the images, and what cannot be compared is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import vitreous as vt
from vitreous.cli.main import run as command
from vitreous.errors import RunError, UsageError
from vitreous.files import read_json, read_table, write_json, write_table
from vitreous.run_folder import RunFolder
from vitreous.select.comparison_page import comparison_page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seeds of a network, and one of another that has hardly learned."""
    place = tmp_path_factory.mktemp("compared")
    settings = {
        "one": {"epochs": 2, "seed": 0},
        "two": {"epochs": 2, "seed": 1},
        "poor": {"epochs": 1, "lr": 1e-5, "seed": 0},
        "less": {"epochs": 1, "test": 0.3},
    }
    for name, fields in settings.items():
        vt.train("digits", model="linear", out=place / name, progress=False, **fields)
    return {name: place / name for name in settings}


def test_a_poor_network_is_different_and_another_seed_is_not(runs: dict[str, Path]) -> None:
    found = vt.compare(runs["one"], runs["two"], runs["poor"])
    assert [pair.shown for pair in found.pairs] == [False, True, True]
    assert found.best.name == str(max(found.runs[:2], key=lambda run: run.mean).name)
    rows = read_table(RunFolder(runs["one"]).predictions)
    right = [row["correct"] == "1" for row in rows if row["part"] == "test"]
    assert found.runs[0].mean == pytest.approx(sum(right) / len(right))
    assert found.count == len(right)
    assert [recipe.seeds for recipe in found.recipes] == [2, 1]
    text = found.text()
    assert "not shown to be different; about" in text
    assert "whether another seed would tell the same is not known" in text
    assert "--split validation" in text
    assert json.loads(json.dumps(found.to_json()))["pairs"][1]["verdict"] == "different"


def test_recipes_are_compared_over_their_seeds(runs: dict[str, Path], tmp_path: Path) -> None:
    again = tmp_path / "poor again"
    vt.train("digits", model="linear", epochs=1, lr=1e-5, seed=1, out=again, progress=False)
    found = vt.compare(runs["one"], runs["poor"], runs["two"], again)
    assert [recipe.runs[0] for recipe in found.recipes] == [str(runs["one"]), str(runs["poor"])]
    (apart,) = found.seeds
    assert apart.difference > 0.2
    assert f"{runs['one']} and 1 more against" in found.text()


def test_the_page_shows_every_pair(runs: dict[str, Path], tmp_path: Path) -> None:
    found = vt.compare(runs["one"], runs["poor"])
    page = comparison_page(found)
    assert "not shown to be different" not in page
    assert ">different<" in page
    out = tmp_path / "c.html"
    assert command(["compare", str(runs["one"]), str(runs["poor"]), "--out", str(out)]) == 0
    assert out.read_text() == page


def test_what_cannot_be_compared_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs two or more"):
        vt.compare(runs["one"])
    with pytest.raises(UsageError, match="given twice"):
        vt.compare(runs["one"], runs["one"])
    with pytest.raises(RunError, match=r"its test part is another one: of its \d+ images"):
        vt.compare(runs["one"], runs["less"])
    other = shutil.copytree(runs["two"], tmp_path / "other")
    recipe = other / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("fingerprint: ", "fingerprint: x"))
    with pytest.raises(RunError, match="other data"):
        vt.compare(runs["one"], other)
    unfinished = shutil.copytree(runs["two"], tmp_path / "unfinished")
    (unfinished / "scores.json").unlink()
    with pytest.raises(RunError, match="has not ended"):
        vt.compare(runs["one"], unfinished)


def test_images_that_one_run_could_not_read_are_left_out_of_both(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    fewer = shutil.copytree(runs["two"], tmp_path / "fewer")
    rows = read_table(fewer / "predictions.csv")
    lost = next(row for row in rows if row["part"] == "test")
    kept = [tuple(row.values()) for row in rows if row is not lost]
    write_table(fewer / "predictions.csv", tuple(lost), kept)
    with pytest.raises(RunError, match="its test part is another one"):
        vt.compare(runs["one"], fewer)
    write_table(fewer / "quarantine.csv", ("id", "reason"), [(lost["path"], "is empty")])
    found = vt.compare(runs["one"], fewer)
    assert found.count == vt.compare(runs["one"], runs["two"]).count - 1
    assert any("1 of " in note and "left out" in note for note in found.notes)


def test_a_part_that_was_not_scored_is_named(runs: dict[str, Path], tmp_path: Path) -> None:
    blind = shutil.copytree(runs["two"], tmp_path / "blind")
    scores = read_json(blind / "scores.json")
    del scores["scores"]["test"]
    write_json(blind / "scores.json", scores)
    with pytest.raises(RunError, match="has no test part that was scored; there is: validation"):
        vt.compare(runs["one"], blind)
    assert vt.compare(runs["one"], blind, split="validation").part == "validation"
