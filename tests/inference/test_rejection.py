"""Rejection: a threshold of a stated share, kept in the model file, and "none of these"."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vitreous as vt
from vitreous.cli.main import run as cli
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.maps import Maps
from vitreous.errors import ModelFileError, UsageError
from vitreous.inference.header import Header
from vitreous.inference.model_file import load
from vitreous.inference.rejection import Rejected, Rejection
from vitreous.runs.rejection_choice import choose_rejection


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rejection") / "digits"
    vt.train("digits", model="lenet5", epochs=3, out=folder, progress=False, doctor=False)
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.mark.parametrize("count", [20, 100, 237])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_threshold_refuses_at_most_the_share_and_no_lower_one_would(
    count: int, share: float
) -> None:
    own = np.random.default_rng(count).normal(size=count)
    rule = Rejection.chosen("energy", own, share)
    assert rule.share == (own > rule.threshold).mean() <= share
    lower = np.sort(own)[np.sort(own) < rule.threshold]
    assert (own > lower[-1]).mean() > share
    assert rule.examples == count
    assert bool(rule.notes) == (count < 100)


def test_equal_scores_are_not_refused() -> None:
    assert Rejection.chosen("energy", np.ones(50), 0.05).share == 0


def test_training_keeps_a_threshold_by_energy(trained: Path) -> None:
    rule = load(trained).rejection
    assert rule is not None
    assert rule.score == "energy"
    assert 0.02 < rule.share <= 0.05
    # -log Σ exp, of the very outputs.
    bundle = load(trained)
    images = torch.rand(3, *bundle.contract.shape[::-1])
    outputs = bundle.outputs(images)
    found = rule.strangeness(bundle, images, outputs)
    torch.testing.assert_close(found, -outputs.exp().sum(1).log(), rtol=1e-5, atol=1e-5)


def test_what_is_strange_is_none_of_these_and_the_rest_is_answered_as_before(
    copied: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    choice = choose_rejection(copied, score="neighbors", against=["noise"], progress=False)
    by = {one.score: one for one in choice.against}
    assert by["neighbors"].auroc > 0.9
    assert by["neighbors"].refused > 10 * choice.rejection.share  # 3 epochs are few
    assert choice.own is not None
    assert choice.own < 0.15
    bundle = load(copied)
    own = vt.open("digits").read(3)
    noises = np.random.default_rng(1).integers(0, 256, (20, *own.shape), dtype=np.uint8)
    found = bundle.predict(noises, reject=True)
    noise = noises[[isinstance(answer, Rejected) for answer in found].index(True)]
    answers = bundle.predict([own, noise], reject=True)
    assert answers[0].text == bundle.predict(own).text == "3"
    assert answers[0].score == pytest.approx(bundle.predict(own).score, abs=1e-4)
    assert isinstance(answers[1], Rejected)
    assert answers[1].text == "none of these"
    assert answers[1].nearest == bundle.predict([own, noise])[1]  # the same batch
    assert answers[1].to_json()["label"] is None

    for name, pixels in (("own", own), ("noise", noise)):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{name}.png")
    images = [str(tmp_path / "own.png"), str(tmp_path / "noise.png")]
    assert cli(["predict", str(copied), *images, "--reject", "--json", "--quiet"]) == 0
    first, second = json.loads(capsys.readouterr().out)["predictions"]
    assert first["label"] == "3"
    assert second["rejected"] is True
    assert second["strangeness"] > second["threshold"]
    assert cli(["predict", str(copied), *images, "--reject", "--csv", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == f"{images[1]},none of these,"
    assert cli(["predict", str(copied), *images, "--reject", "--quiet", "--out", "drawn"]) == 0
    assert "none of these   (of these" in Path("drawn/answers.txt").read_text()
    red = np.asarray(Image.open("drawn/noise.jpg"))[0].mean(0)
    assert red[0] > red[1] + 80


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_rule_survives_its_file_and_old_files_have_none(copied: Path) -> None:
    bundle = load(copied)
    bank = torch.nn.functional.normalize(torch.randn(20, 84), dim=1).half()
    rule = Rejection("neighbors", 0.2, 0.04, 200, bank)
    path = replace(bundle, rejection=rule).save(copied / "other.safetensors")
    again = load(path).rejection
    assert again is not None
    assert again.to_json() == rule.to_json()
    assert torch.equal(again.bank, bank)  # type: ignore[arg-type]
    bare = replace(bundle, rejection=None).save(copied / "bare.safetensors")
    assert load(bare).rejection is None
    assert Header.of(bare).rejection is None
    with pytest.raises(UsageError, match="no threshold") as raised:
        load(bare).predict(vt.open("digits").read(0), reject=True)
    assert "vitreous robust" in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "bank"),
    [
        ({"score": "energi"}, None),
        ({"threshold": float("nan")}, None),
        ({"threshold": "high"}, None),
        ({"share": 1.5}, None),
        ({"examples": 0}, None),
        ({"more": 1}, None),
        ({}, torch.ones(2, 3)),
        ({"score": "neighbors"}, None),
        ({"score": "neighbors"}, torch.full((2, 3), torch.nan)),
        ({"score": "neighbors"}, torch.ones(3)),
    ],
)
def test_a_header_that_lies_about_it_is_refused(fields: dict[str, Any], bank: Any) -> None:
    good = {"score": "energy", "threshold": 1.0, "share": 0.05, "examples": 100}
    assert Rejection.from_json(good, None) is not None
    with pytest.raises(ModelFileError):
        Rejection.from_json({**good, **fields}, bank)


def test_nearest_neighbors_are_counted_by_angle(trained: Path) -> None:
    bundle = load(trained)
    images = torch.rand(30, *bundle.contract.shape[::-1])
    from vitreous.inference.rejection import NEAREST, features

    vectors = features(bundle, images)
    rule = Rejection("neighbors", 0.0, 0.05, 100, vectors[:25])
    found = rule.strangeness(bundle, images, None)
    angles = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None, :25], dim=2)
    exact = 1 - angles.sort(dim=1, descending=True).values[:, NEAREST - 1]
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5)


def test_wrong_words_and_shares_are_answered(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (12, 20, 20, 3), dtype=np.uint8)
    depths = Maps(np.ones((12, 20, 20), np.float32), interpolation="linear")
    other = ArrayDataset("depths", pixels, {"depth": depths})
    before = (copied / "model.safetensors").read_bytes()
    choice = choose_rejection(copied, against=[other], keep=False, progress=False)
    assert {(one.data, one.images) for one in choice.against} == {("depths", 12)}
    assert cli(["robust", str(copied), "--reject", "energi"]) == 2
    assert "energy" in capsys.readouterr().err
    assert cli(["robust", str(copied), "--reject", "energy", "--refused", "5"]) == 2
    assert "0.001 to 0.5" in capsys.readouterr().err
    assert cli(["robust", str(copied), "--against", "inverted", "--quiet"]) == 0
    assert "AUROC" in capsys.readouterr().out
    assert (copied / "model.safetensors").read_bytes() == before
