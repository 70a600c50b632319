"""Test-time augmentation: what is measured, predicted and exported is one mean over views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vitreous as vt
from vitreous.errors import UsageError
from vitreous.export.exporting import export
from vitreous.inference.header import FORMAT, VIEWED, Header
from vitreous.inference.views import VIEWS, Viewed, mean_over


def stripes() -> tuple[Any, list[str]]:
    """Stripes of two directions in noise."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 160, (240, 16, 16, 1), dtype=np.uint8)
    images[::2, ::4] += 60
    images[1::2, :, ::4] += 60
    return images, ["level", "steep"] * 120


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("views") / "run"
    fields: dict[str, Any] = {"model": "lenet5", "epochs": 2, "tta": "shift"}
    return vt.train(stripes(), out=out, progress=False, **fields)


def some() -> torch.Tensor:
    return torch.rand(3, 1, 5, 6, generator=torch.Generator().manual_seed(0))


def test_views_are_as_published() -> None:
    images = some()
    views = list(VIEWS["shift"](images))
    assert sorted(share for share, _ in views) == [0.125] * 4 + [0.25] * 2
    shown = [view for _, view in views]
    torch.testing.assert_close(shown[0], images)
    torch.testing.assert_close(shown[2][:, :, 1:, 1:], images[:, :, :-1, :-1])  # down and right
    torch.testing.assert_close(shown[2][:, :, 0, 1:], images[:, :, 1, :-1])  # reflected
    torch.testing.assert_close(shown[4][:, :, :-1, :-1], images[:, :, 1:, 1:])
    for first in (0, 2, 4):
        torch.testing.assert_close(shown[first + 1], shown[first].flip(3))
    for name in VIEWS:
        assert sum(share for share, _ in VIEWS[name](images)) == 1


def test_the_mean_is_that_of_the_answers() -> None:
    images, weights = some(), torch.rand(5, 6, generator=torch.Generator().manual_seed(1))

    def answer(shown: torch.Tensor) -> torch.Tensor:
        return (shown * weights).sum((1, 2, 3))

    torch.testing.assert_close(mean_over("none", answer, images), answer(images))
    expected = (answer(images) + answer(images.flip(3))) / 2
    torch.testing.assert_close(mean_over("mirror", answer, images), expected)


def test_what_is_measured_is_what_predicts(run: Any) -> None:
    model = vt.load(run.folder.path)
    assert model.views == "shift"
    assert Header.of(run.folder.model).views == "shift"
    images = model.contract.images(torch.randint(0, 256, (4, *model.contract.shape)).numpy())
    expected = Viewed(model.model, "shift")(images)
    torch.testing.assert_close(model.answers(images), expected.detach(), rtol=1e-2, atol=1e-2)
    assert not torch.allclose(model.answers(images), model.outputs(images), rtol=1e-2, atol=1e-2)
    again = vt.evaluate(run.folder.path, stripes(), split="test")
    assert again.scores["test"].headline.value == run.scores["test"].headline.value
    assert any("--tta shift" in note for note in run.summary()["notes"])
    assert model.answered(images[0].permute(1, 2, 0).numpy()).answer.label


def test_an_exported_file_takes_the_mean_once(run: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    found = export(run.folder.path, data=stripes(), out=tmp_path / "model.onnx")
    assert found.parity.holds
    file, model = vt.load(found.path), vt.load(run.folder.path)
    assert file.views == "none"
    images = model.contract.images(torch.randint(0, 256, (4, *model.contract.shape)).numpy())
    exact = replace(model, precision="float32", engine=None)
    np.testing.assert_allclose(file.probabilities(images), exact.probabilities(images), atol=1e-5)


def test_a_file_says_so_in_its_format(run: Any) -> None:
    model = vt.load(run.folder.path)
    assert model.facts()["format"] == VIEWED
    assert replace(model, views="none").facts()["format"] == FORMAT
    with pytest.raises(UsageError, match="upside"):
        Header.checked({**model.facts(), "sha256": "", "views": "upside"}, "file")
