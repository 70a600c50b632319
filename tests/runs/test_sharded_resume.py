"""A run whose weights were shared by two processes goes on in one, from the first step on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.distributed import Ranks
from vitreous.inference.model_file import load
from vitreous.models import create
from vitreous.progress.progress import Progress
from vitreous.runs.evaluate import evaluate
from vitreous.runs.interrupt import Interrupted
from vitreous.runs.run import resume, train
from vitreous.training.sharded import is_sharded

FIELDS: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 30,
    "augment": "standard",
    "ema": 0.9,
    "size": 8,
    "precision": "float32",
}


class Doubles(nn.Module):
    """In float64, where a share that was lost is not taken for rounding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = create("convnet", num_classes=10, in_channels=1, size=8).double()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(x.double())
        return found


class Stops(Progress):
    """Ctrl-C before the first step, which ends it."""

    def begin(self, *_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def data() -> Any:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images[:240] * 15.9).astype(np.uint8)[..., None], digits.target[:240]


def interrupted(ranks: Ranks, out: str) -> None:
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        train(data(), model=Doubles(), out=out, shard=True, progress=Stops(), **FIELDS)


def learned(ranks: Ranks, out: str) -> Any:
    fields = FIELDS | {"model": "convnet", "shard": True, "progress": False}
    run = train(data(), out=out, **fields)
    return {name: scores.to_json() for name, scores in run.scores.items()}


@pytest.mark.slow
def test_one_loads_what_two_have_trained(together: Callable[..., Any], tmp_path: Path) -> None:
    told, _ = together(learned, 2, str(tmp_path / "run"))
    assert all(not is_sharded(one) for one in load(tmp_path / "run").model.state_dict().values())
    found = evaluate(tmp_path / "run", data()).scores["test"].to_json()
    assert found["accuracy"] == told["test"]["accuracy"]
    assert found["count"] == told["test"]["count"] > 30


def test_one_goes_on_with_what_two_shared(together: Callable[..., Any], tmp_path: Path) -> None:
    together(interrupted, 2, str(tmp_path / "run"))
    (written,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert int(written.name.partition("-")[0]) == 1
    again = resume(tmp_path / "run", data(), model=Doubles(), progress=False)
    (row,) = again.history
    (alone,) = train(
        data(), model=Doubles(), out=tmp_path / "alone", progress=False, **FIELDS
    ).history
    assert row["step"] == alone["step"] == 6
    for loss in ("train_loss", "validation_loss"):
        assert row[loss] == pytest.approx(alone[loss], abs=1e-12)
