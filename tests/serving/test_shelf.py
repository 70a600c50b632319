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
