"""The HTTP server: uvicorn, with slow clients let go, and requests in progress answered at the end.

A client that has not sent its headers in time is hung up on, whatever it does meanwhile; so no
connection is held by doing nothing. SIGTERM ends the server: it takes no more requests, answers
those that it has, and exits with 0.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vitreous.errors import UsageError
from vitreous.serving.application import Server, create_app
from vitreous.serving.guard import LOCAL
from vitreous.serving.journal import Journal, JournalHandler
from vitreous.serving.limits import Limits
from vitreous.serving.port import listening
from vitreous.serving.shelf import Served

HEADERS = 10.0  # seconds for the headers of a request
BYTES = 1 << 15  # of headers
IDLE = 10  # seconds that a connection may be without a request
CONNECTIONS = 512  # at a time


class PatientProtocol(H11Protocol):
    """HTTP/1.1, where headers that are not there in time end the connection."""

    seconds = HEADERS
    most = CONNECTIONS
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._expect()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before and self.deadline is not None:  # the headers are there
            self.deadline.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        self.deadline = self.loop.call_later(self.seconds, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class GracefulServer(uvicorn.Server):
    """A server that says that it ends before it does."""

    def __init__(self, config: uvicorn.Config, behind: Server) -> None:
        super().__init__(config)
        self.behind = behind

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.behind.drain()
        if sig == signal.SIGTERM and not self.should_exit:
            self.should_exit = True  # asked for, and no failure: the exit code is 0
            return
        super().handle_exit(sig, frame)


def check_address(host: str, token: str, public: bool) -> None:
    """Raises UsageError where others could reach the server, and nothing is asked of them."""
    if host not in LOCAL and not token and not public:
        raise UsageError(
            f"{host} can be reached from other machines, and no token is asked for",
            where="--host",
            remedy="Give --token or VITREOUS_SERVE_TOKEN; or --public, where all may ask.",
        )


def run(
    models: Sequence[Served],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    limits: Limits | None = None,
    quiet: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises UsageError where the port cannot be used.
    """
    limits, journal = limits or Limits(), Journal(quiet=quiet)
    listener = listening(host, port)
    app = create_app(
        models, limits=limits, token=token, anywhere=host not in LOCAL, journal=journal
    )
    address = address_of(listener)
    print(f"serving {', '.join(one.name for one in models)} at {address} (Ctrl-C ends it)")
    print(f"next: curl -F image=@IMAGE {address}/predict", flush=True)
    handle_logs(journal)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=BYTES,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(2 * limits.timeout) + 1,
    )
    with listener:
        GracefulServer(config, app.state.server).run(sockets=[listener])
    journal.tell("ended")


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def handle_logs(journal: Journal) -> None:
    """What uvicorn, asyncio and the reader of forms warn of goes into the journal."""
    for name in ("uvicorn", "asyncio", "python_multipart"):
        logger = logging.getLogger(name)
        logger.handlers = [JournalHandler(journal)]
        logger.propagate = False
