"""A search chooses by the validation part, never sees the test part, and goes on after a kill."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from vitreous.cli.main import run as command
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset, from_arrays
from vitreous.errors import DivergedError, RunError, UsageError
from vitreous.recipes.recipe import Recipe
from vitreous.select import search_folder
from vitreous.select import tune as module
from vitreous.select.search_space import SPACE
from vitreous.select.study import Watched
from vitreous.select.study_page import study_page
from vitreous.select.tune import tune

pytest.importorskip("optuna")
QUICK = {"model": "linear", "epochs": 2, "search": ["lr"], "progress": False}


def stripes(count: int = 80) -> ArrayDataset:
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = generator.integers(0, 255, (count, 16, 16), np.uint8)
    images[labels == 1, ::2] //= 3
    return from_arrays(images, labels)


@pytest.fixture(autouse=True)
def own_place(place: Path) -> Path:
    return place


def test_it_is_killed_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out, learn = stripes(), tmp_path / "tune", module.train
    seen, calls = [], []

    def watched(dataset: object, recipe: Recipe, **fields: object) -> object:
        calls.append(fields["out"])
        seen.append({*np.unique(fields["parts"].parts).tolist()})  # type: ignore[attr-defined]
        if len(calls) == 2:
            raise KeyboardInterrupt
        return learn(dataset, recipe, **fields)  # type: ignore[arg-type]

    for place in (module, search_folder):
        monkeypatch.setattr(place, "train", watched)
    with pytest.raises(KeyboardInterrupt):
        tune(data, trials=3, out=out, **QUICK)
    found = tune(data, trials=3, out=out, **QUICK)
    *trials, usual, best = seen
    assert all(Part.TEST not in one for one in trials)  # the test part is in no trial
    assert Part.TEST in usual
    assert Part.TEST in best
    summary = json.loads((out / "tune.json").read_text())
    done = [trial for trial in summary["trials"] if trial["state"] in ("complete", "pruned")]
    assert len(done) == 3
    assert len(calls) == 4 + 2  # one was lost
    # The first trial is the recipe as it is.
    assert summary["trials"][0]["settings"]["lr"] == pytest.approx(usual_lr(out))
    values = [trial["value"] for trial in summary["trials"] if trial["value"] is not None]
    assert found.settings["lr"] in [
        trial["settings"]["lr"] for trial in summary["trials"] if trial["value"] == max(values)
    ]
    assert summary["verdict"]
    assert "svg" in (out / "tune.html").read_text()
    assert not [*(out / "trials").iterdir()]
    with pytest.raises(RunError, match="other settings or bounds"):
        tune(data, trials=3, out=out, **{**QUICK, "epochs": 3})


def test_machines_share_a_storage(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    for number in (1, 2):
        found = tune(
            stripes(), trials=number, storage=storage, out=tmp_path / f"machine{number}", **QUICK
        )
    assert len(found.summary()["trials"]) == 2
    with pytest.raises(RunError, match="another search"):
        tune(stripes(60), trials=1, storage=storage, out=tmp_path / "other", **QUICK)
    with pytest.raises(RunError, match="storage cannot be used"):
        tune(stripes(), trials=1, storage="nosql:///x", out=tmp_path / "none", **QUICK)


def test_what_cannot_be_searched_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert {*SPACE} <= {*Recipe().to_mapping()}
    with pytest.raises(UsageError, match="unknown setting to search 'lrr'") as error:
        tune(stripes(), trials=1, model="linear", search=["lrr"], progress=False)
    assert "lr" in (error.value.remedy or "")
    with pytest.raises(UsageError, match="'augment' has no effect on knn here"):
        tune(stripes(), trials=1, model="knn", search=["augment"], progress=False)
    with pytest.raises(UsageError, match="no validation part"):
        tune(stripes(), trials=1, model="linear", validation=0.0, progress=False)
    assert command(["tune", "digits", "--trials", "0", "--quiet"]) == 2
    assert "trials" in capsys.readouterr().err


def test_only_trials_that_were_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the score of an epoch, and none came to its end."""

    def diverging(*_: object, progress: Watched, **__: object) -> None:
        progress.trial.report(0.5, 1)
        raise DivergedError("the loss is no number")

    monkeypatch.setattr(module, "train", diverging)
    with pytest.raises(UsageError, match="no trial has come to its end"):
        tune(stripes(), trials=2, out=tmp_path / "tune", **QUICK)


def test_the_page_lists_what_was_broken_off_behind_what_ended(tmp_path: Path) -> None:
    trials = [
        {"number": 0, "state": "pruned", "value": 0.9, "settings": {"lr": 0.1}},
        {"number": 1, "state": "complete", "value": 0.7, "settings": {"lr": 0.2}},
        {"number": 2, "state": "complete", "value": 0.8, "settings": {"lr": 0.3}},
        {"number": 3, "state": "fail", "value": None, "settings": {}},
    ]
    found = {"trials": trials, "score": "accuracy", "model": "linear", "importance": {},
             "settings": {"lr": 0.3}, "space": {"lr": ""}, "verdict": []}  # fmt: skip
    for better, order in (("higher", "3214"), ("lower", "2314")):
        page = study_page(tmp_path / "tune.html", {**found, "better": better}).read_text()
        assert "".join(re.findall(r"<tr><td>(\d)</td>", page)) == order


def usual_lr(out: Path) -> float:
    written = yaml.safe_load((out / "usual" / "recipe.yaml").read_text())
    return float(written["recipe"]["lr"])
