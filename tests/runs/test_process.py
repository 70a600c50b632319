"""A call leaves the process as it was: generators, threads, locale, and other trainings."""

from __future__ import annotations

import locale
import os
import random
import signal
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from vitreous.infer.weight_digest import digest
from vitreous.inference.model_file import load
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import Run, train


def state() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "threads of OpenCV": cv2.getNumThreads(),
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)),
        "warnings": list(warnings.filters),
        "errors of NumPy": np.geterr(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "type": torch.get_default_dtype(),
        "folder": os.getcwd(),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("digits", model="linear", epochs=1, out=tmp_path_factory.mktemp("process") / "run")


CALLS: dict[str, Callable[[Run, Path], Any]] = {
    "train": lambda run, place: train(
        "digits", model="mlp", epochs=1, dropout=0.2, deterministic=True, out=place / "again"
    ),
    "evaluate": lambda run, place: evaluate(run.folder.path, "digits"),
    "load": lambda run, place: load(run.folder.path),
    "predict": lambda run, place: run.model.predict(np.zeros((8, 8), np.uint8)),
    "report": lambda run, place: run.report(),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_process_stays_as_it_was(name: str, run: Run, tmp_path: Path) -> None:
    before = state()
    CALLS[name](run, tmp_path)
    assert state() == before


def test_runs_in_threads_are_those_that_would_have_been_alone(tmp_path: Path) -> None:
    def weights(name: str) -> str:
        seed = int(name[-1])
        found = train("digits", model="mlp", epochs=2, dropout=0.3, seed=seed, out=tmp_path / name)
        return digest(found.model.model.state_dict())

    alone = [weights(f"alone{seed}") for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(weights, [f"together{seed}" for seed in range(3)])] == alone
