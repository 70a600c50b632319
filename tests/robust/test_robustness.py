"""Robustness of a run, measured: the clean score, balls, what is written, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vitreous as vt
from vitreous.cli.main import run as cli
from vitreous.errors import ModelError, UsageError
from vitreous.inference.model_file import load
from vitreous.robust.masked_gradients import suspicions
from vitreous.robust.robust_page import Pictured
from vitreous.robust.robust_scores import Robustness
from vitreous.robust.robust_sections import robust_sections
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import evaluate
from vitreous.runs.robustness import robustness, write


@pytest.fixture(scope="module")
def attacked(digits_run: Path) -> tuple[Robustness, list[Pictured]]:
    return robustness(digits_run, eps=(2, "8/255", 24), steps=5, images=80, progress=False)


def test_without_a_change_it_is_the_clean_accuracy_bit_for_bit(digits_run: Path) -> None:
    clean = evaluate(digits_run, "digits", progress=False).scores["test"].accuracy
    found, _ = robustness(digits_run, eps=8, steps=1, progress=False)
    assert found.images == found.of
    assert found.clean == clean
    assert found.curve[0].eps == 0
    assert found.curve[0].value == clean == found.curve[0].rounded
    assert found.curve[0].largest == 0


def test_what_was_measured_keeps_within_what_was_allowed(attacked: Any) -> None:
    found, pictured = attacked
    assert [one.eps for one in found.curve] == [0, 2, pytest.approx(8), 24]
    for one in found.curve:
        assert one.largest <= one.eps * (1 + 1e-5)
        assert one.largest_rounded <= round(one.eps) + 1e-4  # whole levels stay whole
        assert one.mean <= one.largest
        assert one.interval[0] <= one.value <= one.interval[1]
    values = [one.value for one in found.curve]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] - 0.2
    for one in pictured:
        assert np.abs(one.attacked.astype(int) - one.clean).max() <= 24
        assert one.enlarged.dtype == np.uint8


def test_the_numbers_come_back_from_json(attacked: Any, digits_run: Path) -> None:
    found, _ = attacked
    assert Robustness.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert "largest change" in str(found)


def test_the_model_file_is_not_touched_and_the_report_has_a_section(
    attacked: Any, digits_run: Path
) -> None:
    before = (digits_run / "model.safetensors").read_bytes()
    page = write(*attacked, digits_run)
    assert page == digits_run / "robustness.html"
    text = page.read_text()
    assert "Accuracy under attack" in text
    assert text.count("data:image/png") == 3 * len(attacked[1])
    assert "Robustness" in (digits_run / "report.html").read_text()
    assert [section.title for section in robust_sections(digits_run)] == ["Robustness"]
    assert (digits_run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["deepfool", "universal", "patch", "momentum_pgd"])
def test_every_kind_of_attack_makes_a_curve(name: str, digits_run: Path) -> None:
    eps = 500 if name == "deepfool" else 20
    found, _ = robustness(digits_run, attack=name, eps=eps, images=40, progress=False)
    values = [one.value for one in found.curve]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]
    assert (found.median is not None) == (name == "deepfool")


def test_corruptions_have_a_score_for_each_kind_and_severity(digits_run: Path) -> None:
    found, _ = robustness(digits_run, attack="none", corruptions=True, images=30, progress=False)
    assert not found.curve
    assert len(found.corruptions) == 16 * 5
    assert 0 <= found.corrupted <= found.clean + 0.1
    assert found.corruption_error == pytest.approx(1 - found.corrupted)
    assert "mean corruption error" in str(found)


@pytest.mark.parametrize(
    ("options", "message", "remedy"),
    [
        ({"eps": 256}, "256 is out of range", "from 0 to 255"),
        ({"eps": "0.03"}, "may be a part of 1", "Write 7.65"),
        ({"steps": -1}, "-1 is out of range", "1 or more"),
        ({"attack": "none"}, "nothing is attacked", "--corruptions"),
        ({"images": 0}, "0 is out of range", "1 or more"),
        ({"attack": "pdg"}, "unknown attack 'pdg'", "pgd"),
        ({"norm": "l2"}, "unknown norm", "2"),
        ({"attack": "deepfool", "norm": "1"}, "not measured by L1", "2 or inf"),
        ({"attack": "fgsm", "steps": 3}, "takes one step", "pgd"),
        ({"attack": "deepfool", "restarts": 3}, "starts once", "pgd"),
    ],
)
def test_wrong_arguments_are_answered_with_what_would_work(
    options: dict[str, Any], message: str, remedy: str, digits_run: Path
) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        robustness(digits_run, progress=False, **options)
    assert remedy in str(raised.value)


def test_a_model_that_lies_alone_needs_data(digits_run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "model.safetensors"
    alone.write_bytes((digits_run / "model.safetensors").read_bytes())
    with pytest.raises(UsageError, match="which data are meant"):
        robustness(alone, progress=False)


class Rounding(nn.Module):
    """A network behind a rounding of its input, whose gradient is zero or is cut."""

    def __init__(self, network: nn.Module, cut: bool) -> None:
        super().__init__()
        self.network, self.cut = network, cut

    def forward(self, images: Tensor) -> Tensor:
        coarse = (images * 8).round() / 8
        answer: Tensor = self.network(coarse.detach() if self.cut else coarse)
        return answer


def test_a_network_without_gradients_is_refused_in_words(digits_run: Path) -> None:
    bundle = load(digits_run)
    hidden = replace(bundle, model=Rounding(bundle.model, cut=True))
    with pytest.raises(ModelError, match="no gradient") as raised:
        robustness(hidden, "digits", images=20, progress=False)
    assert "random_search" in str(raised.value)
    found, _ = robustness(
        hidden, "digits", attack="random_search", eps=32, images=20, progress=False
    )
    assert found.curve[-1].value < found.clean


def test_masked_gradients_are_noticed(digits_run: Path) -> None:
    bundle = load(digits_run)
    hidden = replace(bundle, model=Rounding(bundle.model, cut=False))
    found, _ = robustness(hidden, "digits", eps=32, steps=5, images=60, progress=False)
    names = {one.name for one in found.doubts if one.masks}
    assert {"flat_loss", "black_box", "unbounded"} <= names
    assert "warning" in str(found)


def test_a_loss_that_is_flat_by_scale_is_noticed(digits_run: Path) -> None:
    """Logits a million times as large: the cross-entropy is exactly 0, and so is its gradient."""

    class Loud(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Tensor) -> Tensor:
            answer: Tensor = 1e6 * self.network(images)
            return answer

    bundle = load(digits_run)
    loud = replace(bundle, model=Loud(bundle.model))
    found, _ = robustness(loud, "digits", eps=32, steps=5, images=60, progress=False)
    assert "flat_loss" in {one.name for one in found.doubts}


def test_an_ordinary_network_raises_no_suspicion(attacked: Any) -> None:
    assert not [one for one in attacked[0].doubts if one.masks]


def test_a_short_attack_is_told_to_take_more_steps(digits_run: Path) -> None:
    bundle = load(digits_run)
    torch.manual_seed(0)
    images = torch.rand(40, *bundle.contract.shape[::-1])
    with torch.no_grad():
        targets = {"class": bundle.model(images).argmax(1)}
    from vitreous.robust import CLASSES

    said = suspicions(bundle.model, images, targets, CLASSES, eps=0.05, norm="2", steps=1, seed=0)
    assert not [one for one in said if one.masks and one.name != "one_step"]


def test_the_command_line_writes_a_page_and_prints_json(
    digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["robust", str(digits_run), "--eps", "16", "--steps", "3", "--images", "20", "--json"]
    assert cli([*words, "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 20
    assert len(found["curve"]) == 5
    assert Path(found["page"]).is_file()
    assert cli(["robust", str(digits_run), "--attack", "pgdd"]) == 2
    assert "pgd" in capsys.readouterr().err


def test_one_image_is_attacked_and_shown(digits_run: Path) -> None:
    model = load(digits_run)
    images = [vt.open("digits").read(row) for row in range(12)]
    found = model.attack(images, eps=32)
    assert len(found) == 12
    assert sum(one.fooled for one in found) >= 6
    for one, image in zip(found, images, strict=True):
        assert one.before.text == model.predict(image).text
        assert one.size <= 32 + 1e-4
        assert one.to_json()["fooled"] == one.fooled
    shown = found[0]._repr_html_()
    assert shown.count("<img") == 3
    nearest = model.attack(images[0], attack="deepfool")
    assert 0 < nearest.size < 255 * 16  # the distance from black to white
    # The bytes are what was answered about: as a file would hold them.
    again = model.predict(found[0].attacked)
    assert again.text == found[0].after.text
    for options, message in (
        ({"attack": "patch"}, "one change for many"),
        ({"eps": 300}, "out of range"),
        ({"steps": 0}, "out of range"),
    ):
        with pytest.raises(UsageError, match=message):
            model.attack(images[0], **options)


def test_a_run_has_the_same_as_a_method(digits_run: Path) -> None:
    run = vt.Run(RunFolder(digits_run), load(digits_run), {})
    found = run.robustness(eps=8, steps=2, images=16, progress=False)
    assert found.images == 16
    assert (digits_run / "robustness.json").is_file()
