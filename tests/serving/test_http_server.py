"""The server as a process: it ends with grace, and slow clients do not hold it up."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from h11 import LocalProtocolError

from vitreous.errors import UsageError
from vitreous.serving import http_server
from vitreous.serving.port import listening
from vitreous.serving.watchman import Watchman

Start = Callable[..., Any]


def test_requests_in_progress_are_answered_at_the_end(started: Start, png: Any) -> None:
    server = started()
    body = png()
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body[:50])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError):  # it takes no more
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        sock.sendall(body[50:])
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.status == 200
        assert json.loads(response.read())["predictions"]
    assert server.process.wait(20) == 0
    assert server.next.startswith("next: curl -F image=@IMAGE")
    log = [json.loads(line) for line in server.log.splitlines()]
    assert log[-1]["event"] == "ended"
    (request,) = [line for line in log if line["event"] == "request"]
    assert request["status"] == 200
    assert request["images"] == 1
    assert {"time", "level", "request", "client", "method", "path", "ms"} <= request.keys()


def ended(sock: socket.socket, seconds: float) -> bool:
    """Does the other side hang up in this time?"""
    sock.settimeout(seconds)
    try:
        return sock.recv(1000) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_who_sends_no_headers_is_hung_up_on(inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server.PatientProtocol, "seconds", 0.3)
    port = inside()
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert ended(silent, 3)
    with socket.create_connection(("127.0.0.1", port)) as trickling:
        start = time.monotonic()
        try:
            while time.monotonic() < start + 3:
                trickling.sendall(b"X")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() < start + 2
    with socket.create_connection(("127.0.0.1", port)) as after:  # the next request is awaited too
        after.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        response = http.client.HTTPResponse(after)
        response.begin()
        assert json.loads(response.read()) == {"status": "alive"}
        after.sendall(b"GET /hea")
        assert ended(after, 3)


def test_no_more_connections_than_it_can_hold(inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server.PatientProtocol, "most", 3)
    port = inside()
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    time.sleep(0.1)
    with socket.create_connection(("127.0.0.1", port)) as further:
        assert ended(further, 2)
    for sock in held:
        sock.close()
    time.sleep(0.1)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/health/live")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    ("words", "status", "failed"),
    [
        ("can't handle event type Response when role=SERVER and state=MUST_CLOSE", 400, False),
        ("Too much data for declared Content-Length", 200, True),
    ],
)
def test_a_body_that_is_no_http_is_no_failure_of_the_server(
    serve: Any, words: str, status: int, failed: bool
) -> None:
    """It is refused below the routes and the connection is closed, while one of these answers."""
    server = serve().app.state.server

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def closed(message: Any) -> None:
        raise LocalProtocolError(words)

    watchman = Watchman(
        answering, token="", free=(), anywhere=True, metrics=server.metrics, journal=server.journal
    )
    scope = {"type": "http", "method": "GET", "path": "/health/live", "headers": []}
    asyncio.run(watchman(scope, None, closed))
    log = server.journal.stream.getvalue()
    assert f'"status": {status}' in log
    assert ('"failed"' in log) == failed


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_no_response_waits_for_a_late_acknowledgment(host: str) -> None:
    """Without, the second part of each response on a kept connection came 40 ms late."""
    try:
        listener = listening(host, 0)
    except UsageError:
        pytest.skip(f"{host} is no address of this machine")
    with (
        listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as one,
    ):
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
