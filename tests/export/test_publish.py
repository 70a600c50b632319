"""A network goes to a hub and comes back, with a card that says what was measured."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import vitreous as vt
from vitreous.cli.main import run as command
from vitreous.errors import ModelFileError, RunError, UsageError
from vitreous.export.model_card import card
from vitreous.export.publish import publish
from vitreous.runs.run import Run

pytest.importorskip("huggingface_hub", reason="publishing needs the extra [hub]")


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's interface as a commit and a download need, in memory."""

    files: dict[str, bytes]
    made: list[dict[str, Any]]
    closed = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        if self.closed:
            self.answer(401, {"error": "Invalid credentials"})
        elif path == "/api/repos/create":
            self.made.append(json.loads(body))
            name = f"{self.made[-1].get('organization', 'me')}/{self.made[-1]['name']}"
            self.answer(200, {"url": f"http://{self.headers['host']}/{name}"})
        elif path == "/api/validate-yaml":
            text = json.loads(body)["content"]
            assert yaml.safe_load(text.split("---")[1])["license"]
            self.answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            asked = json.loads(body)["files"]
            modes = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for one in asked]  # fmt: skip
            self.answer(200, {"files": modes})
        elif "/commit/" in path:
            repository = path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    found = base64.b64decode(line["value"]["content"])
                    self.files[f"{repository}/{line['value']['path']}"] = found
            address = f"http://{self.headers['host']}/{repository}/commit/{'0' * 40}"
            self.answer(200, {"success": True, "commitOid": "0" * 40, "commitUrl": address})
        else:
            self.answer(404, {"error": path})

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].lstrip("/").replace("resolve/main/", "")
        found = self.files.get(name)
        if found is None:
            self.answer(404, {"error": "Entry not found"})
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(found).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found)

    do_HEAD = do_GET

    def answer(self, status: int, found: Any) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    kind = type("OneHub", (Hub,), {"files": {}, "made": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("HF_TOKEN", "hf_nothing")
        yield kind
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose data lie in a folder of this machine."""
    place = tmp_path_factory.mktemp("somebodys") / "insects"
    random = np.random.default_rng(0)
    for channel, name in enumerate(("ant", "bee", "cat")):
        (place / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 120, (16, 16, 3), dtype=np.uint8)
            pixels[..., channel] += 90
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return vt.train(place, model="linear", epochs=2, out=place.parent / "run")


def test_there_and_back(
    hub: type[Hub], trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path))
    run = str(trained.folder.path)
    asked = ["publish", run, "--to", "hub:me/insects", "--license", "apache-2.0", "--json"]
    assert command(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert {*hub.files} == {"me/insects/model.safetensors", "me/insects/README.md"}
    assert found["sha256"] == hashlib.sha256(hub.files["me/insects/model.safetensors"]).hexdigest()
    assert found["place"].endswith("/me/insects")
    for content in hub.files.values():  # nothing of this machine
        assert b"somebodys" not in content
        assert str(tmp_path).encode() not in content
    assert b"insects" in hub.files["me/insects/README.md"]
    assert found["model"] in hub.files["me/insects/README.md"].decode()

    again, own = vt.load(found["model"]), trained.model
    picture = trained.folder.path.parent / "insects" / "bee" / "3.png"
    assert again.predict(picture) == own.predict(picture)
    assert command(["predict", found["model"], str(picture), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)["predictions"][0]
    assert printed["score"] == own.predict(picture).score
    options = {"num_classes": 3, "in_channels": 3, "size": 16}
    state = vt.create("linear", **options, pretrained=found["model"])
    for name, tensor in own.model.state_dict().items():
        if "normalize" not in name:
            assert (state.state_dict()[name] == tensor).all()


def test_what_does_not_come_back(hub: type[Hub], trained: Run) -> None:
    model = publish(trained.folder.path, "hub:me/insects").model
    with pytest.raises(UsageError, match="need a hash"):
        vt.load(model.partition("#")[0])
    with pytest.raises(ModelFileError, match="gave no such file"):
        vt.load("hub:me/other#sha256=0123456789abcdef")
    hub.files["me/insects/model.safetensors"] += b"x"  # somebody has changed it
    with pytest.raises(ModelFileError, match="SHA-256"):
        vt.load(model.replace(model[-4:], "0000"))


def test_the_card(trained: Run) -> None:
    text = card(trained, "me/insects", "cc-by-4.0", "a" * 64)
    _, head, rest = text.split("---\n", 2)
    fields = yaml.safe_load(head)
    assert fields["license"] == "cc-by-4.0"
    assert fields["pipeline_tag"] == "image-classification"
    told = fields["model-index"][0]["results"]
    assert [one["dataset"]["split"] for one in told] == ["validation", "test"]
    test = trained.scores["test"].headline
    values = {one["type"]: one["value"] for one in told[1]["metrics"]}
    assert values["accuracy"] == test.value
    low, high = (test.format(value) for value in test.bounds)
    assert f"{test.text} ({low} to {high})" in rest
    assert "`ant`, `bee`, `cat`" in rest
    assert f"The test part has {trained.scores['test'].count} images: see the intervals." in rest
    for name in ("## Data", "## Scores", "## Limits", "## License", "cc-by-4.0", "hub:me/insects#"):
        assert name in rest


def test_a_folder_to_look_at(
    trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # the second one in place of the first
        assert command(["publish", str(trained.folder.path), "--to", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md", "model.safetensors",
    ]  # fmt: skip
    assert "nobody may use it without a license" in capsys.readouterr().err
    assert vt.load(tmp_path / "out" / "model.safetensors").training["data"] == "insects"


def test_what_is_refused(hub: type[Hub], trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = trained.folder.path
    for place in ("hub:me", "hub:me/", "hub:a/b/c", "hub:../x"):
        with pytest.raises(UsageError, match="names no repository"):
            publish(path, place)
    with pytest.raises(UsageError, match="no name of a license"):
        publish(path, "hub:me/insects", license="all rights: mine")
    with pytest.raises(UsageError, match="only a repository of the hub"):
        publish(path, "me/insects", private=True)
    model = (path / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="holds other files"):
        publish(path, str(path))
    assert (path / "model.safetensors").read_bytes() == model
    with pytest.raises(RunError, match="does not exist"):
        publish(path / "no", "hub:me/insects")
    monkeypatch.setattr(hub, "closed", True)
    with pytest.raises(RunError, match="the hub did not take it") as caught:
        publish(path, "hub:me/insects")
    assert "HF_TOKEN" in str(caught.value.remedy)
    assert not hub.files
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match=r"the hub cannot be reached: .*refused") as caught:
        publish(path, "hub:me/insects")
    assert "Check the connection to http://127.0.0.1:9" in str(caught.value.remedy)
