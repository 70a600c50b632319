"""Ensembles of runs: the mean of what the members say, by name, on images that none has seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import vitreous as vt
from vitreous.cli.main import run as command
from vitreous.data.dataset import Part
from vitreous.errors import UsageError
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.run_ensemble import Tempered, ensemble
from vitreous.runs.ensemble_evaluation import evaluate_ensemble
from vitreous.runs.evaluate import evaluate


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A linear network, the same under another seed at another size, and one of another split."""
    place = tmp_path_factory.mktemp("members")
    fields = [{}, {"seed": 1, "size": 20}, {"test": 0.5}]
    for name, each in zip("abc", fields, strict=True):
        vt.train("digits", model="linear", epochs=1, out=place / name, progress=False, **each)
    return [place / name for name in "abc"]


def images() -> list[np.ndarray]:
    digits = vt.open("digits")
    return [digits.read(index) for index in range(6)]


def probabilities(model: Bundle) -> np.ndarray:
    return model.probabilities(model.images(images()))


def renamed(model: Bundle) -> Bundle:
    """The same network with its classes in the opposite order."""
    task = replace(model.task, classes=model.classes[::-1])
    head = torch.nn.Sequential(model.model, Backwards())
    return replace(model, model=head.eval(), task=task)


class Backwards(torch.nn.Module):
    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs.flip(1)


def test_probabilities_are_averaged_each_at_its_own_size(runs: list[Path]) -> None:
    together = vt.ensemble(runs[:2])
    mean = np.mean([probabilities(member) for member in together.members], axis=0)
    answers = together.predict(images(), top=10)
    for answer, row in zip(answers, mean, strict=True):
        told = dict(answer.top)
        np.testing.assert_allclose([told[name] for name in together.classes], row, rtol=1e-6)
    assert together.predict(images()[0]).label == answers[0].label
    assert together.architecture == "ensemble of 2: linear"


def test_classes_meet_by_name(runs: list[Path]) -> None:
    one, other = (load(run) for run in runs[:2])
    plain = ensemble([one, other]).predict(images(), top=10)
    turned = ensemble([one, renamed(other)]).predict(images(), top=10)
    for first, second in zip(plain, turned, strict=True):
        assert dict(first.top) == pytest.approx(dict(second.top))


def test_what_cannot_be_put_together_is_refused(runs: list[Path]) -> None:
    one = load(runs[0])
    other = replace(one, task=replace(one.task, classes=(*one.classes[:9], "ten")))
    with pytest.raises(UsageError, match="not all have '9', 'ten'"):
        ensemble([one, other])
    with pytest.raises(UsageError, match="two networks or more"):
        ensemble([one])
    with pytest.raises(UsageError, match="two networks or more"):
        ensemble(str(runs[0]))
    with pytest.raises(UsageError, match="not put together from tiles"):
        ensemble([one, one]).predict(images(), scale=1)


def test_the_common_answer_is_explained_where_inputs_are_alike(runs: list[Path]) -> None:
    one = load(runs[0])
    shown = ensemble([one, one]).explain(images()[0], method="saliency")
    # The mean of probabilities is explained, so what has a gradient is their logarithm.
    logarithm = replace(
        one, model=torch.nn.Sequential(Tempered(one), torch.nn.LogSoftmax(1)).eval()
    )
    alone = logarithm.explain(images()[0], method="saliency")
    np.testing.assert_allclose(shown.heat, alone.heat, atol=1e-5)
    with pytest.raises(UsageError, match="of one size"):
        vt.ensemble(runs[:2]).explain(images()[0])


def test_the_gain_is_measured_on_the_same_images(runs: list[Path]) -> None:
    summary = evaluate_ensemble(runs[:2], "digits")
    alone = [evaluate(run, "digits").scores["test"].accuracy for run in runs[:2]]
    assert [member["accuracy"] for member in summary["members"]] == alone
    best = int(np.argmax(alone))
    gain = summary["gain"]
    assert gain["over"] == str(runs[best])
    together = summary["scores"]["test"]["accuracy"]
    assert gain["difference"] == pytest.approx(together - alone[best])
    assert gain["verdict"] in gain["text"]
    # Twice the same network gains nothing.
    same = load(runs[0])
    assert evaluate_ensemble([same, same], "digits")["gain"]["difference"] == 0


def test_images_that_a_member_has_learned_from_are_left_out(runs: list[Path]) -> None:
    """The test part of the third run is larger: some of it is in the training part of the first."""
    summary = evaluate_ensemble([runs[2], runs[0]], "digits")
    (note,) = (note for note in summary["notes"] if "left out" in note)
    assert note.startswith(f"{runs[0]} was trained on ")
    own = evaluate(runs[2], "digits").scores["test"].count
    assert summary["scores"]["test"]["count"] < own
    unseen = vt.open("digits")
    from vitreous.data.splits.split import Split

    parts = [Split.read(run / "split.csv", unseen).parts for run in (runs[2], runs[0])]
    wanted = (parts[0] == Part.TEST) & (parts[1] != Part.TRAIN)
    assert summary["scores"]["test"]["count"] == int(wanted.sum())


def test_on_the_command_line(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    Image.fromarray(images()[0][:, :, 0]).save(tmp_path / "0.png")
    words = [*map(str, runs[:2])]
    assert command(["predict", *words, str(tmp_path / "0.png"), "--quiet"]) == 0
    assert capsys.readouterr().out.count("0.png") == 1
    assert command(["evaluate", *words, "digits", "--split", "validation", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "ensemble of 2: linear" in out
    assert sum(line.startswith("member ") for line in out.splitlines()) == 2
    assert "gain " in out
    assert command(["evaluate", *words, "--quiet"]) == 2
    assert "the data come last" in capsys.readouterr().err
    assert command(["predict", *words, "--quiet"]) == 2
    assert "no images are given" in capsys.readouterr().err
