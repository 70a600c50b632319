"""The server: what it answers, and what it does about messages that mean no good."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the playground's server needs the extra [serve]")
pytest.importorskip("httpx", reason="starlette's test client needs httpx")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from vitreous.errors import UsageError
from vitreous.playground.plane.plane_socket import Live
from vitreous.playground.plane.session import Session
from vitreous.playground.server import api
from vitreous.playground.server.api import create_app, serve
from vitreous.playground.server.frames import unpack

LOCAL = "http://127.0.0.1:7007"
PLANE = "ws://127.0.0.1:7007/plane"


@pytest.fixture
def client():
    with TestClient(create_app(), base_url=LOCAL) as client:
        yield client


def receive(socket):
    """The next message, with binary frames unpacked."""
    message = socket.receive()
    if message.get("bytes") is not None:
        facts, arrays = unpack(message["bytes"])
        return facts | {"arrays": arrays}
    return json.loads(message["text"])


def until(socket, kind, most=50):
    for _ in range(most):
        message = receive(socket)
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} in {most} messages")


def test_the_page_and_its_words(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "vitreous" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    for link in ("style.css", "main.js", "icon.svg", "socket.js"):
        assert client.get(f"/{link}").status_code == 200
    words = client.get("/vocabulary").json()
    assert words["defaults"]["data"] == "circle"
    assert set(words["miniatures"]) == set(words["choices"]["data"]) - {"own"}
    for url in ("/../api.py", "/%2e%2e/api.py", "/..%2fapi.py", "/docs", "/openapi.json"):
        assert client.get(url).status_code == 404


def test_the_page_asks_for_nothing_outside():
    """No address of another server in anything that is served, the name space of SVG apart."""
    for path in filter(Path.is_file, api.STATIC.rglob("*")):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "example.org"},
        {"host": "127.0.0.1.example.org:7007"},
        {"host": ""},
        {"host": "[::1"},
        {"host": "127.0.0.1]"},
        {"host": "[127.0.0.1]:7007"},
        {"origin": "http://example.org"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:7007"},
    ],
    ids=str,
)
def test_foreign_pages_are_refused(client, headers):
    assert client.get("/", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(PLANE, headers=headers):
        pass


def test_its_own_page_is_not(client):
    own = {"origin": LOCAL}
    assert client.get("/vocabulary", headers=own).status_code == 200
    with client.websocket_connect(PLANE, headers=own) as socket:
        socket.send_json({"type": "scene"})
        assert receive(socket)["type"] == "scene"


def test_a_conversation(client):
    with client.websocket_connect(PLANE) as socket:
        socket.send_json({"type": "load", "query": "hidden=3,2&data=xor"})
        scene = receive(socket)
        assert scene["state"]["hidden"] == [3, 2]
        assert scene["query"] == "data=xor&hidden=3,2"
        assert scene["arrays"]["train"].shape == (250, 3)
        assert until(socket, "frame")["steps"] == 0
        socket.send_json({"type": "step"})
        assert until(socket, "flow")["steps"] == 1
        assert until(socket, "frame")["steps"] == 1
        socket.send_json({"type": "play"})
        before = until(socket, "frame")["steps"]
        for _ in range(20):
            socket.send_json({"type": "frame"})
            frame = until(socket, "frame")
        assert frame["steps"] > before
        assert frame["playing"]
        socket.send_json({"type": "set", "changes": {"lr": 0.1}})
        assert until(socket, "state")["query"] == "data=xor&hidden=3,2&lr=0.1"
        socket.send_json({"type": "pause"})
        paused = until(socket, "frame")
        socket.send_json({"type": "frame"})
        assert until(socket, "frame")["steps"] >= paused["steps"]
        socket.send_json({"type": "select", "layer": 1, "unit": 0})
        assert until(socket, "frame")["selected"]["unit"] == 0
        socket.send_json({"type": "code"})
        assert b"torch" in until(socket, "file")["arrays"]["content"].tobytes()
        socket.send_json({"type": "recipe"})
        assert until(socket, "file")["name"] == "experiment.yaml"
        socket.send_json({"type": "restart"})
        until(socket, "scene")
        assert until(socket, "frame")["steps"] == 0


def test_the_pace_is_kept(client):
    with client.websocket_connect(PLANE) as socket:
        socket.send_json({"type": "speed", "pace": 50})
        socket.send_json({"type": "play"})
        start = time.monotonic()
        while time.monotonic() - start < 1:
            socket.send_json({"type": "frame"})
            steps = until(socket, "frame")["steps"]
        assert 15 <= steps <= 70


def test_a_failed_training_says_so(client):
    with client.websocket_connect(PLANE) as socket:
        query = "data=plane&features=x1,x2,x1_squared&hidden=8&activation=relu&lr=10"
        socket.send_json({"type": "load", "query": query})
        socket.send_json({"type": "play"})
        assert until(socket, "stopped")["reason"]
        frame = until(socket, "frame")
        assert not frame["playing"]
        assert frame["failure"]


HOSTILE = [
    "",
    "{",
    "null",
    "[]",
    '"play"',
    "[" * 100_000,
    '{"type": "__init__"}',
    '{"type": ["play"]}',
    '{"type": "set"}',
    '{"type": "set", "changes": []}',
    '{"type": "set", "changes": {"lr": NaN}}',
    '{"type": "set", "changes": {"lr": 1e999}}',
    '{"type": "set", "changes": {"lr": ' + "9" * 5000 + "}}",
    '{"type": "set", "changes": {"hidden": [1000000]}}',
    '{"type": "set", "changes": {"hidden": ' + json.dumps([32] * 1000) + "}}",
    '{"type": "set", "changes": {"hidden": {"length": 3}}}',
    '{"type": "set", "changes": {"count": 1000000000}}',
    '{"type": "set", "changes": {"__class__": "x"}}',
    '{"type": "set", "changes": {"data": "own"}}',
    '{"type": "set", "changes": {"points": ' + json.dumps([[0, 0, 1]] * 20_000) + "}}",
    '{"type": "load", "query": 3}',
    '{"type": "load", "query": "hidden=9999999999999999999999"}',
    '{"type": "load", "query": "' + "lr=1&" * 1000 + '"}',
    '{"type": "speed", "pace": -1}',
    '{"type": "speed", "pace": "fast"}',
    '{"type": "select", "layer": 10, "unit": 0}',
    '{"type": "weigh", "layer": 9, "unit": 0, "source": 0, "value": 1}',
    '{"type": "weigh", "layer": 0, "unit": 0, "source": 2, "value": 1}',
    '{"type": "weigh", "layer": 0, "unit": 0, "source": true, "value": 1}',
    '{"type": "weigh", "layer": 0, "unit": 0, "source": 0, "value": 1e4}',
    '{"type": "weigh", "layer": 0, "unit": 0, "source": 0}',
    '{"type": "select", "layer": 0, "unit": -1}',
    '{"type": "select", "layer": 0, "unit": "a"}',
    '{"type": "look", "layer": 99}',
    '{"type": "look", "layer": 1, "landscape": 1000000}',
]


@pytest.mark.parametrize("message", HOSTILE, ids=lambda text: text[:50])
def test_hostile_messages_get_an_error_and_nothing_else(client, message):
    with client.websocket_connect(PLANE) as socket:
        start = time.monotonic()
        socket.send_text(message)
        error = receive(socket)
        assert error["type"] == "error"
        assert error["message"]
        assert len(json.dumps(error)) < 1000
        assert time.monotonic() - start < 3
        socket.send_json({"type": "scene"})  # and the conversation goes on
        assert receive(socket)["query"] == ""


def test_a_million_points_are_not_even_read(client):
    points = json.dumps([[0.1, 0.2, 1.0]] * 1_000_000)
    with client.websocket_connect(PLANE) as socket:
        start = time.monotonic()
        socket.send_text('{"type": "set", "changes": {"points": ' + points + "}}")
        error = receive(socket)
        assert error["where"] == "message"
        assert time.monotonic() - start < 3
        socket.send_text("é" * (Live.limit // 2 + 1))  # each is two bytes
        assert "a message of 262,146 bytes" in receive(socket)["message"]
        socket.send_bytes(b"\xff" * 1000)
        assert receive(socket)["type"] == "error"


def sessions():
    gc.collect()
    return sum(type(thing) is Session for thing in gc.get_objects())


def test_fifty_sessions():
    """As many as there are places are served; the others are told, and leave nothing behind."""
    with TestClient(create_app(sessions=4), base_url=LOCAL) as client:
        before = sessions()
        with contextlib.ExitStack() as stack:
            served = 0
            for _ in range(50):
                socket = stack.enter_context(client.websocket_connect(PLANE))
                socket.send_json({"type": "scene"})
                message = receive(socket)
                served += message["type"] == "scene"
                if message["type"] == "error":
                    assert "4 experiments" in message["message"]
            assert served == 4
            assert sessions() - before <= 4
        assert sessions() <= before
        with client.websocket_connect(PLANE) as socket:
            socket.send_json({"type": "scene"})
            assert receive(socket)["type"] == "scene"


def test_a_closed_tab_stops_its_training(client):
    threads = threading.active_count()
    before = sessions()
    with client.websocket_connect(PLANE) as socket:
        socket.send_json({"type": "play"})
        until(socket, "frame")
        assert sessions() == before + 1
    for _ in range(100):
        if client.app.state.open == 0 and sessions() <= before:
            break
        time.sleep(0.05)
    assert client.app.state.open == 0
    assert sessions() <= before
    assert threading.active_count() <= threads + 8


def test_a_taken_port_is_a_usage_error():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(UsageError, match="cannot be used") as error:
            serve(taken.getsockname()[1], open_browser=False)
        assert error.value.where == "--port"
    with pytest.raises(UsageError):
        serve(99_999, open_browser=False)


def test_a_missing_extra_is_named():
    program = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from vitreous.errors import UsageError\n"
        "try:\n    import vitreous.playground.server.api\n"
        "except UsageError as error:\n    print(error.remedy)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == 'pip install "vitreous[serve]"\n', done.stderr
