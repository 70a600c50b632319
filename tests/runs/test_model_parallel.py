"""A run whose network is divided over devices: the file and the numbers of one device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vitreous.errors import UsageError
from vitreous.inference.model_file import load
from vitreous.models.table import MODELS
from vitreous.progress.progress import Progress
from vitreous.runs.interrupt import Interrupted
from vitreous.runs.run import resume, train
from vitreous.runs.setup import places

FIELDS: dict[str, Any] = {
    "model": "alexnet_two_towers",
    "size": 63,
    "epochs": 2,
    "batch_size": 8,
    "ema": 0.9,
    "clip": 1.0,
    "precision": "float32",
    "device": "cpu",
    "checkpoint": 0,
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    row = MODELS[FIELDS["model"]]
    narrow = {**row.arguments, "widths": (8, 12, 12, 16, 8), "hidden": 16}
    monkeypatch.setitem(MODELS, row.name, replace(row, arguments=narrow))


class Stops(Progress):
    def step(self, step: Any, total_steps: int | None = None) -> None:
        if step.number == 3:
            raise KeyboardInterrupt


def test_an_interrupted_run_ends_in_the_file_and_the_numbers_of_one_device(photos: Path) -> None:
    one = train(photos, out="one", **FIELDS, progress=False)
    with pytest.raises(Interrupted):
        train(photos, out="two", model_parallel=2, **FIELDS, progress=Stops())
    two = resume("two", progress=False)
    for row, other in zip(one.history, two.history, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
    assert "divided over cpu and cpu" in " ".join(two.summary()["notes"])
    here, there = load("one/model.safetensors").model, load("two/model.safetensors").model
    assert type(there) is type(here)
    for (name, value), (other, same) in zip(
        here.state_dict().items(), there.state_dict().items(), strict=True
    ):
        assert name == other
        torch.testing.assert_close(value, same, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("there", "names"), [(1, ["cuda:0", "cuda:0"]), (2, ["cuda:0", "cuda:1"]), (0, ["cuda:0"] * 2)]
)
def test_fewer_devices_have_several_parts(
    there: int, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a run goes on where there are fewer of them; its checkpoints hold the parts."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    assert places("cuda", 2) == names
    assert places("cpu", 2) == ["cpu", "cpu"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "linear"}, "linear has no towers, and cannot be divided over 2 devices"),
        ({"model_parallel": 3}, "alexnet_two_towers has 2 towers"),
        ({"engine": "manual"}, "in one piece"),
        ({"compile": True}, "in one piece"),
        ({"device": "cuda"}, "finds 1 cuda device here, and not 2"),
    ],
)
def test_what_cannot_be_divided_is_refused_at_once(
    fields: dict[str, Any], said: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: fields.get("device") == "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match=said):
        train(photos, out="run", **{"model_parallel": 2, **FIELDS, **fields}, progress=False)
    assert not Path("run").exists()
