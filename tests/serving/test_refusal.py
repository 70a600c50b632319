"""What a server refuses, and how it says so: a status, and what, where, and a remedy in JSON."""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from vitreous.cli.main import run as command
from vitreous.errors import DivergedError, ModelFileError, UsageError
from vitreous.inference.model_file import Bundle
from vitreous.serving.http_server import check_address
from vitreous.serving.limits import Limits
from vitreous.serving.shelf import opened


def bomb(side: int) -> bytes:
    """A PNG that claims so many pixels on each side, and holds none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def told(response: Any, status: int, words: str) -> dict[str, Any]:
    """The error of a response, which is whole."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error.keys() == {"kind", "message", "where", "remedy"}
    assert words in f"{error['where']}: {error['message']}"
    assert error["remedy"]
    return dict(error)


def test_what_is_too_large(serve: Any, png: Any) -> None:
    client = serve(body=0.01, pixels=0.001, images=2)
    told(client.post("/predict", content=bytes(20_000)), 413, "more than 0.01 MiB")

    def pieces() -> Any:  # without a length that is announced
        yield from (bytes(5000) for _ in range(5))

    told(client.post("/predict", content=pieces()), 413, "more than 0.01 MiB")
    told(client.post("/predict", content=png(0, (40, 30))), 413, "40 × 30 pixels")
    told(client.post("/predict", content=bomb(20_000)), 413, "20,000 × 20,000 pixels")
    told(client.post("/explain", content=bomb(1000)), 413, "1,000 × 1,000 pixels")
    files = [("a", (f"{k}.png", png(k, (8, 8)))) for k in range(3)]
    told(client.post("/predict", files=files), 413, "3 images in one request")
    told(client.post("/predict", files=files * 3), 413, "Too many files")
    assert client.post("/predict", content=png(0, (20, 20))).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", "", 422, "no image in the body"),
        (b"hello", "", 415, "is text"),
        (b"%PDF-1.7 ...", "image/png", 415, "PDF"),
        (b"{", "application/json", 422, "is no JSON"),
        (b"[" * 100_000, "application/json", 422, "is no JSON"),
        (b"{}", "application/json", 422, "no 'image'"),
        (b'{"images": []}', "application/json", 422, "no image in the body"),
        (b'{"image": 3}', "application/json", 422, "is no text in base64"),
        (b'{"image": "a*"}', "application/json", 422, "is no base64"),
        (b'{"image": "\\ud800"}', "application/json", 422, "is no base64"),
        (b'{"image": "http://a.b/c.png"}', "application/json", 422, "nothing is fetched"),
        (b"x", "multipart/form-data", 422, ""),
        (b"x", "multipart/form-data; boundary=y", 422, "Invalid multipart"),
        (b"--y--\r\n", "multipart/form-data; boundary=y", 422, "no image in the body"),
        (b'--y\r\ncontent-disposition: form-data; name="top"\r\n\r\n3\r\n--y--\r\n',
         "multipart/form-data; boundary=y", 422, "top: holds text"),
    ],
)  # fmt: skip
def test_bodies_that_are_wrong(
    serve: Any, content: bytes, kind: str, status: int, words: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    told(serve().post("/predict", content=content, headers=headers), status, words)


def test_requests_that_are_wrong(serve: Any, png: Any) -> None:
    client = serve()
    told(client.post("/predict?top=0", content=png()), 422, "?top: '0' is not allowed")
    told(client.post("/explain?method=gradcamm", content=png()), 422, "gradcamm")
    told(client.post("/explain?target=dog", content=png()), 422, "dog")
    told(client.post("/predict?reject=1", content=png()), 422, "no threshold")
    assert told(client.get("/predikt"), 404, "/predikt")["remedy"] == "Did you mean /predict?"
    told(client.get("/predict"), 405, "GET is not possible here")
    told(client.post("/predict", content=png(), headers={"content-encoding": "gzip"}), 415, "comp")
    told(client.get("/models", headers={"host": "evil.example"}), 403, "another")
    told(client.get("/models", headers={"origin": "http://evil.example"}), 403, "another")


def test_the_token(serve: Any, png: Any) -> None:
    client = serve(token="long enough")
    for path in ("/", "/drop.js", "/health/live", "/health/ready"):
        assert client.get(path).status_code == 200
    for path in ("/models", "/metrics"):
        response = client.get(path)
        told(response, 401, "a token is missing")
        assert response.headers["www-authenticate"] == "Bearer"
    told(client.post("/predict", content=png()), 401, "a token is missing")
    wrong = {"authorization": "Bearer long enoug"}
    told(client.post("/predict", content=png(), headers=wrong), 401, "the token is wrong")
    right = {"authorization": "Bearer long enough"}
    assert client.post("/predict", content=png(), headers=right).status_code == 200


def test_other_names_where_that_is_meant(serve: Any) -> None:
    client = serve(anywhere=True, token="long enough")
    assert client.get("/health/ready", headers={"host": "models.example"}).status_code == 200
    told(client.get("/", headers={"host": "a.example", "origin": "http://b.example"}), 403, "page")
    behind_tls = {"host": "a.example", "origin": "https://a.example"}
    assert client.get("/", headers=behind_tls).status_code == 200


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A network that answers when it is let, and how many images it was shown by then."""
    gate = threading.Event()
    original = Bundle.decided

    def decided(self: Bundle, ready: Any, **options: Any) -> Any:
        if not gate.is_set():
            gate.wait(10)
        return original(self, ready, **options)

    yield monkeypatch, gate, decided
    gate.set()


def test_too_many_at_once(serve: Any, slow: Any, png: Any) -> None:
    """One client, then all together; and those that were let in are answered."""
    patch, gate, decided = slow
    client = serve(client=3, queue=5)
    patch.setattr(Bundle, "decided", decided)
    found: list[Any] = []
    ask = [threading.Thread(target=lambda: found.append(client.post("/predict", content=png())))
           for _ in range(3)]  # fmt: skip
    for each in ask:
        each.start()
    server = client.app.state.server
    deadline = time.monotonic() + 5
    while server.admission.images < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    refused = client.post("/predict", content=png())
    told(refused, 429, "3 requests of this address wait already")
    assert refused.headers["retry-after"] == "1"
    server.admission.clients.clear()  # another client
    full = client.post("/predict", files=[("a", ("x.png", png())) for _ in range(4)])
    told(full, 503, "images wait already")
    assert client.get("/health/live").status_code == 200
    gate.set()
    for each in ask:
        each.join(10)
    assert [response.status_code for response in found] == [200] * 3
    assert server.admission.images == server.admission.held == 0


def test_too_late(serve: Any, slow: Any, png: Any) -> None:
    patch, gate, decided = slow
    client = serve(timeout=0.2)
    patch.setattr(Bundle, "decided", decided)
    told(client.post("/predict", content=png()), 504, "no answer within 0.2 s")
    gate.set()
    assert client.post("/predict", content=png()).status_code == 200
    assert 'route="/predict",status="504"} 1' in client.get("/metrics").text


def test_one_that_ends_lets_nobody_in(serve: Any, png: Any) -> None:
    client = serve()
    client.app.state.server.drain()
    told(client.post("/predict", content=png()), 503, "the server is ending")
    told(client.get("/health/ready"), 503, "the server is ending")
    assert client.get("/health/live").status_code == 200


def test_a_failure_is_told_and_logged(
    serve: Any, png: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image with which the network fails does not take those beside it along."""
    client = serve(wait=200)
    original = Bundle.decided

    def failing(self: Bundle, ready: Any, **options: Any) -> Any:
        ready = [*ready]
        if any(one.pixels[0, 0, 0] == first for one in ready):
            raise error
        return original(self, ready, **options)

    monkeypatch.setattr(Bundle, "decided", failing)
    pictures = [png(k) for k in range(4)]
    first = client.app.state.server.served[0].bundle.ready(pictures[0]).pixels[0, 0, 0]
    error: Exception = RuntimeError("boom")
    failed = told(client.post("/predict", content=pictures[0]), 500, "RuntimeError")
    log = [json.loads(line)
           for line in client.app.state.server.journal.stream.getvalue().splitlines()]  # fmt: skip
    assert "boom" in log[-2]["trace"]
    assert log[-2]["request"] in failed["remedy"]
    assert log[-1]["status"] == 500
    error = DivergedError("not finite", remedy="Train again.")
    told(client.post("/predict", content=pictures[0]), 422, "not finite")
    error = RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")
    told(client.post("/predict", content=pictures[0]), 503, "the memory is not enough")
    found: list[int] = []
    ask = [threading.Thread(
        target=lambda p=p: found.append(client.post("/predict", content=p).status_code)
    ) for p in pictures]  # fmt: skip
    for each in ask:
        each.start()
    for each in ask:
        each.join(10)
    assert sorted(found) == [200, 200, 200, 503]


def test_explanations_for_want_of_memory(
    serve: Any, png: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told as busy; and their images are decoded where nobody's answer waits for it."""
    client, threads, picture = serve(), [], Bundle.picture

    def decoded(self: Bundle, source: Any) -> Any:
        threads.append(threading.current_thread().name.partition("_")[0])
        return picture(self, source)

    def failing(self: Bundle, *given: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Bundle, "picture", decoded)
    assert client.post("/explain?method=saliency", content=png()).status_code == 200
    assert threads[0] == "decoder"
    monkeypatch.setattr(Bundle, "explain", failing)
    told(client.post("/explain", content=png()), 503, "the memory is not enough")


@pytest.mark.parametrize("address", ["https://h.co/m.safetensors", "hub:me/it", "http://x/y"])
def test_no_model_comes_from_an_address(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="loads files of its own machine alone"):
        opened([address])
    assert command(["serve", address]) == 2
    assert "Fetch it first" in capsys.readouterr().err


def test_models_that_cannot_be_served(model: Path, tmp_path: Path, classifier: Any) -> None:
    with pytest.raises(UsageError, match="named twice"):
        opened([model, model])
    (tmp_path / "broken.safetensors").write_bytes(b"x")
    with pytest.raises(ModelFileError):
        opened([tmp_path / "broken.safetensors"])
    huge = classifier()
    for each in huge.model.parameters():
        torch.nn.init.constant_(each, 3e30)
    with pytest.raises(DivergedError):
        opened([huge.save(tmp_path / "huge.safetensors")])
    twin = classifier(1).save(tmp_path / "insects.safetensors")
    assert [one.name for one in opened([model, twin])] == [str(model), str(twin)]


def test_addresses_and_limits() -> None:
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 can be reached from other machines"):
        check_address("0.0.0.0", "", public=False)
    check_address("0.0.0.0", "long enough", public=False)
    check_address("0.0.0.0", "", public=True)
    check_address("127.0.0.1", "", public=False)
    with pytest.raises(UsageError, match="out of range") as caught:
        Limits(timeout=-1)
    assert caught.value.where == "--timeout"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "no token is asked for"),
        (["--token", "short"], "soon guessed"),
        (["--batch", "0"], "out of range"),
        (["--port", "99999"], "99999 is no port"),
        (["--host", "no such host"], "no address of this machine"),
    ],
)
def test_wrong_arguments(
    model: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["--public"] if "no such host" in arguments else []
    assert command(["serve", str(model), *arguments, *extra]) == 2
    assert words in capsys.readouterr().err
