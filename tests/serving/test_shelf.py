"""Hot reload: a model that is written anew answers, and one that is broken does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitreous.inference.model_file import load
from vitreous.serving import shelf


def until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_a_new_file_answers_and_a_broken_one_does_not(
    serve: Any, classifier: Any, png: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "EVERY", 0.02)
    path = classifier(0).save(tmp_path / "m.safetensors")
    client, picture = serve(path), png()
    served = client.app.state.server.shelf

    def score() -> float:
        return float(client.post("/predict", content=picture).json()["predictions"][0]["score"])

    assert score() == load(path).predict(picture).score
    classifier(7).save(path)
    assert until(lambda: served.reloads == 1)
    assert score() == load(path).predict(picture).score
    (facts,) = client.get("/models").json()["models"]
    assert facts["generation"] == 2
    kept = score()
    path.write_bytes(path.read_bytes()[:-100])
    assert until(lambda: served.failures == 1)
    assert score() == kept
    path.unlink()
    time.sleep(0.1)
    assert score() == kept
    classifier(9).save(path)
    assert until(lambda: served.reloads == 2)
    assert score() == load(path).predict(picture).score
    text = client.get("/metrics").text
    assert "vitreous_reloads_total 2" in text
    assert "vitreous_reload_failures_total 1" in text
    log = client.app.state.server.journal.stream.getvalue()
    assert '"event": "reload failed"' in log


def test_a_file_that_is_replaced_while_it_is_loaded_is_loaded_anew(
    serve: Any, classifier: Any, png: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "EVERY", 0.02)
    path = classifier(0).save(tmp_path / "m.safetensors")

    def replaced(given: Path) -> Any:
        monkeypatch.setattr(shelf, "load", load)
        found = load(given)
        classifier(7).save(path)
        return found

    monkeypatch.setattr(shelf, "load", replaced)
    client = serve(path)
    assert until(lambda: client.app.state.server.shelf.reloads == 1)
    (found,) = client.post("/predict", content=png()).json()["predictions"]
    assert found["score"] == load(path).predict(png()).score


def test_a_failure_in_loading_does_not_end_the_reloads(
    serve: Any, classifier: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "EVERY", 0.02)
    path = classifier(0).save(tmp_path / "m.safetensors")
    client = serve(path)
    served = client.app.state.server.shelf

    def failing(given: Path) -> Any:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(shelf, "load", failing)
    classifier(7).save(path)
    assert until(lambda: served.failures == 1)
    assert "not enough memory" in client.app.state.server.journal.stream.getvalue()
    monkeypatch.setattr(shelf, "load", load)
    classifier(8).save(path)
    assert until(lambda: served.reloads == 1)
