"""A classic method has a run like any network, and a network is held against it fairly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitreous as vt
from vitreous.baselines.descriptor import DESCRIPTORS
from vitreous.data.formats.open import open as opened
from vitreous.errors import ModelFileError, UsageError
from vitreous.formats import percent
from vitreous.models.classic import USUAL, parts_of
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolved import STEPPED
from vitreous.runs.job import prepare
from vitreous.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("classic") / "run"
    return vt.train("digits", model="linear_svm-hog", out=out, progress=False)


def test_it_is_measured_saved_and_loaded(run: Run) -> None:
    scores = run.scores["test"]
    assert scores.accuracy > 0.95
    assert scores.ece < 0.05  # the temperature makes probabilities of scores
    assert run.history == []
    assert run.summary()["kept"] is None
    again = vt.evaluate(run.folder.path, "digits", progress=False)
    assert again.scores["test"].accuracy == scores.accuracy
    data = opened("digits")
    answers = vt.load(run.folder.path).predict([data.read(i) for i in range(5)])
    assert [one.label for one in answers] == [data.targets["class"].text(i) for i in range(5)]


def test_its_report_tells_no_steps(run: Run) -> None:
    page = run.report_path.read_text("utf-8")
    assert "linear_svm-hog" in page
    assert "adamw" not in page


def test_it_is_explained_without_derivatives(run: Run) -> None:
    found = run.model.explain(opened("digits").read(3))
    assert found.method == "occlusion"
    assert found.heat.max() > 0


def test_the_same_seed_gives_the_same_file(run: Run, tmp_path: Path) -> None:
    again = vt.train("digits", model="linear_svm-hog", out=tmp_path / "again", progress=False)
    assert again.folder.model.read_bytes() == run.folder.model.read_bytes()


def test_a_changed_file_is_refused(run: Run, tmp_path: Path) -> None:
    blob = bytearray(run.folder.model.read_bytes())
    blob[-1] ^= 255
    path = tmp_path / "model.safetensors"
    path.write_bytes(blob)
    with pytest.raises(ModelFileError):
        vt.load(path)


def test_settings_of_steps_are_refused() -> None:
    assert "against" not in STEPPED
    with pytest.raises(UsageError, match="--lr: has no effect"):
        vt.train("digits", model="svm-hog", lr=0.1, progress=False)
    with pytest.raises(UsageError, match="another question"):
        vt.train("digits", task="label", model="knn", progress=False)
    with pytest.raises(UsageError, match="svm-hog"):
        vt.train("digits", against=("svm-hug",), progress=False)


def test_each_setting_acts_on_a_classic_method_or_is_refused() -> None:
    """Whoever adds a setting decides which: nothing is taken and passed over in silence."""
    acting = {
        "model", "task", "size", "fit", "balance", "noise", "device", "threads", "seed",
        "deterministic", "validation", "test", "against", "bad_images",
    }  # fmt: skip
    assert {*Recipe().to_mapping()} == acting | {*STEPPED}
    assert not acting & {*STEPPED}


def test_all_are_one_of_each_kind() -> None:
    job = prepare("digits", against=("svm-hog", "all"), progress=Progress())
    assert job.recipe.against[0] == "svm-hog"
    assert sorted(job.recipe.against) == sorted(USUAL)
    parts = [parts_of(name)[0] for name in USUAL]
    assert {features for _, names in parts for features in names} == {*DESCRIPTORS}


def test_a_rival_reaches_what_its_own_run_does(run: Run, tmp_path: Path) -> None:
    network = vt.train(
        "digits", model="linear", epochs=1, against="linear_svm-hog", out=tmp_path / "a",
        size=run.model.contract.height, progress=False,
    )  # fmt: skip
    for part, scores in network.scores.items():
        rule = scores.baselines[-1]
        assert rule.name == "linear_svm-hog"
        assert rule.count == scores.count
        assert rule.accuracy == pytest.approx(run.scores[part].accuracy, abs=0.005)
    note = network.summary()["notes"][-1]
    assert note.startswith(f"the best classic method: linear_svm-hog, {percent(rule.accuracy)} ")
    assert np.isfinite(network.scores["test"].loss)
