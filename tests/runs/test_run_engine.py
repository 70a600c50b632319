"""A run answers by one engine from its features on: what is measured is what predicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from vitreous.export.exporting import export
from vitreous.files import read_json, read_table
from vitreous.infer.engine import Engine
from vitreous.infer.runtime_choice import Trial
from vitreous.infer.runtimes import NETWORK
from vitreous.inference import load
from vitreous.retrieval.encoder import encoder
from vitreous.runs import run_engine
from vitreous.runs.evaluate import evaluate
from vitreous.runs.rejection_choice import choose_rejection
from vitreous.runs.run import resume, train

RECIPE: dict[str, Any] = {"model": "efficientnet_lite0", "pretrained": "yes", "size": 32}
RECIPE |= {"freeze": "backbone", "epochs": 2}


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a runtime be the fastest on this machine, for work of any length."""

    def make(name: str) -> None:
        speeds = {NETWORK: (1.0, 0.0), name: (100.0, 0.0)}
        monkeypatch.setattr(Trial, "known", lambda _: speeds)
        monkeypatch.setattr(run_engine, "WORTH", 0.0)

    return make


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Of each time that an engine has answered: features or not, and how many images."""
    heard: list[tuple[bool, int]] = []
    original = Engine.__call__

    def call(self: Engine, network: Any, images: Tensor) -> Tensor | None:
        found = original(self, network, images)
        if found is not None:
            heard.append((self.features, len(found)))
        return found

    monkeypatch.setattr(Engine, "__call__", call)
    return heard


def plain(measured: Any) -> dict[str, Any]:
    """The scores of the test part, without those of simple rules."""
    return {**measured.scores["test"].to_json(), "baselines": None}


def test_what_is_measured_is_what_predicts(
    photos: Path, faster: Callable[[str], None], computed: list[tuple[bool, int]]
) -> None:
    faster("onnxruntime")
    run = train(photos, **RECIPE)
    (choice,) = read_json(run.folder.runtime)
    assert choice["runtime"] == "onnxruntime"
    assert "agrees on" in choice["reason"]
    sizes = run.model.training["examples"]
    held = sizes["validation"] + sizes["test"]
    # Each training image with its mirror image, and validation images, once; then the answers.
    assert (
        sum(count for features, count in computed if features)
        == 2 * sizes["train"] + (sizes["validation"])
    )
    assert sum(count for features, count in computed if not features) == held

    computed.clear()
    rows = [row for row in read_table(run.folder.predictions) if row["part"] == "test"]
    answers = load(run.folder.path).predict([photos / row["path"] for row in rows])
    assert [f"{answer.score:.6f}" for answer in answers] == [
        f"{float(row['score']):.6f}" for row in rows
    ]
    assert plain(evaluate(run.folder.path, photos)) == plain(run)
    assert sum(count for _, count in computed) == 2 * sizes["test"]
    assert "onnxruntime agrees on" in run.report_path.read_text("utf-8")
    vectors = encoder(run.folder.path)
    assert vectors.engine is not None
    assert vectors.of([photos / rows[0]["path"]]).shape == (1, 1280)
    assert computed[-1] == (True, 1)

    # Resumed when the machine has become another one, it goes on as it began, to the same bytes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitreous.runs.run.measure", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(photos, out="cut", **RECIPE)
    faster("folded")
    again = resume("cut")
    assert read_json(again.folder.runtime) == [choice]
    for name in ("model.safetensors", "metrics.jsonl", "predictions.csv"):
        assert (again.folder.path / name).read_bytes() == (run.folder.path / name).read_bytes()


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_bits_that_are_asked_for_do_not_depend_on_a_clock(
    photos: Path, faster: Callable[[str], None], computed: list[tuple[bool, int]]
) -> None:
    faster("folded")
    run = train(photos, model="linear", epochs=1, deterministic=True)
    evaluate(run.folder.path, photos)
    assert not run.folder.runtime.exists()
    assert not computed


def test_a_larger_evaluation_chooses_once_and_says_so(
    photos: Path, faster: Callable[[str], None], computed: list[tuple[bool, int]]
) -> None:
    run = train(photos, model="lenet5", size=28, epochs=1)
    assert not run.folder.runtime.exists()
    faster("folded")
    first = evaluate(run.folder.path, photos)
    assert any(note.startswith("computed by folded") for note in first.notes)
    assert computed
    again = evaluate(run.folder.path, photos)
    assert not any(note.startswith("computed by folded") for note in again.notes)
    assert plain(again) == plain(first)
    computed.clear()
    choose_rejection(run.folder.path, photos, keep=False)  # of what `predict --reject` will see
    held = run.model.training["examples"]
    assert sum(count for _, count in computed) == held["validation"] + held["test"]


def test_an_exported_file_has_its_runtime_already(
    photos: Path, faster: Callable[[str], None], computed: list[tuple[bool, int]]
) -> None:
    for extra in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(extra)
    run = train(photos, model="lenet5", size=28, epochs=1)
    file = export(run.folder.path, out=run.folder.path / "model.onnx").path
    faster("folded")
    evaluate(file, photos)
    assert not run.folder.runtime.exists()
    assert not computed
