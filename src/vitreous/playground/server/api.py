"""The playground's server: one page, one socket for each experiment, on this computer only.

Limits: a message of 256 KiB, an uploaded image of 8 MiB, 16 sockets at a time. What breaks a limit
or is not understood is answered with what is wrong, and nothing else happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import torch

from vitreous.errors import UsageError, VitreousError
from vitreous.playground.images.image_socket import Look
from vitreous.playground.images.own_run import OwnRun
from vitreous.playground.plane.plane_socket import Live
from vitreous.playground.plane.vocabulary import vocabulary
from vitreous.serving.port import listening

try:
    import uvicorn
    import websockets  # noqa: F401  (what uvicorn speaks WebSocket with)
    from fastapi import FastAPI, WebSocket, WebSocketDisconnect
    from fastapi.staticfiles import StaticFiles

    from vitreous.serving.guard import Guard
except ImportError as error:
    raise UsageError(
        f"the playground needs the package {error.name}", remedy='pip install "vitreous[serve]"'
    ) from error

STATIC = Path(__file__).parent.parent / "static"
MAX_SESSIONS = 16
WAITING = 2  # messages that may wait for their turn; then the sender has to

Message = str | bytes | VitreousError


def create_app(run: str | Path | None = None, *, sessions: int = MAX_SESSIONS) -> FastAPI:
    """The application.

    run       a run folder or a model file to open in the view of images
    sessions  how many sockets may be open at a time

    Raises ModelFileError if the run cannot be opened, and DivergedError if its answers are no
    numbers.
    """
    app = FastAPI(title="vitreous playground", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard)
    app.state.open = 0
    own = None if run is None else OwnRun.open(run)
    if own is not None:
        height, width, channels = own.bundle.contract.shape
        own.bundle.outputs(torch.zeros(1, channels, height, width))

    @app.get("/vocabulary")
    def words() -> dict[str, Any]:
        return vocabulary()

    @app.websocket("/plane")
    async def plane(socket: WebSocket) -> None:
        async with admitted(app, socket, sessions) as entered:
            if entered:
                await converse(socket, Live(socket))

    @app.websocket("/look")
    async def look(socket: WebSocket) -> None:
        async with admitted(app, socket, sessions) as entered:
            if entered:
                await converse(socket, Look(socket, own))

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


@contextlib.asynccontextmanager
async def admitted(app: FastAPI, socket: WebSocket, sessions: int) -> AsyncIterator[bool]:
    """Accept a socket, or tell it that there are too many; yields whether it may go on."""
    await socket.accept()
    if app.state.open >= sessions:
        full = UsageError(
            f"{sessions} experiments are open already", remedy="Close another tab and reload."
        )
        await socket.send_json(described(full))
        await socket.close(1013)
        yield False
        return
    app.state.open += 1
    try:
        yield True
    finally:
        app.state.open -= 1


class Room(Protocol):
    """What happens behind a socket: an experiment in the plane, or a network that looks."""

    limit: int  # bytes of a message

    @property
    def busy(self) -> bool:
        """Is there work to do without a message?"""

    async def work(self) -> None:
        """Do a little of it."""

    async def handle(self, message: str | bytes) -> None:
        """Carry out one message; raises VitreousError for one that cannot be."""


async def converse(socket: WebSocket, room: Room) -> None:
    """Messages and work by turns, until the page goes away."""
    inbox: asyncio.Queue[Message | None] = asyncio.Queue(WAITING)
    reader = asyncio.create_task(read(socket, inbox, room.limit))
    try:
        while True:
            if room.busy and inbox.empty():
                await room.work()
                continue
            message = await inbox.get()
            if message is None:
                return
            try:
                if isinstance(message, VitreousError):
                    raise message
                await room.handle(message)
            except VitreousError as error:
                await socket.send_json(described(error))
    except (WebSocketDisconnect, ConnectionError):
        return
    finally:
        reader.cancel()


async def read(socket: WebSocket, inbox: asyncio.Queue[Message | None], limit: int) -> None:
    """Put what arrives into the inbox, errors in place of what is too long; at the end, None."""
    while True:
        event = await socket.receive()
        if event["type"] == "websocket.disconnect":
            await inbox.put(None)
            return
        message = event.get("text") or event.get("bytes") or ""
        size = len(message.encode() if isinstance(message, str) else message)
        if size > limit:
            message = UsageError(
                f"a message of {size:,} bytes",
                where="message",
                remedy=f"Send at most {limit:,}.",
            )
        await inbox.put(message)


def described(error: VitreousError) -> dict[str, Any]:
    """An error as the page shows it."""
    return {"type": "error", **error.to_json()}


def serve(port: int = 7007, run: str | Path | None = None, *, open_browser: bool = True) -> None:
    """Serve the playground on 127.0.0.1 until it is interrupted.

    port          0 takes any that is free
    run           a run folder or a model file to open in the view of images
    open_browser  show the page

    Raises UsageError if the port is taken or an optional package is missing, and whatever opening
    the run raises.
    """
    app = create_app(run)
    listener = listening("127.0.0.1", port)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(f"playground at {url} (Ctrl-C ends it)", file=sys.stderr)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, (url,)).start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=Look.limit,
        ws_max_queue=WAITING,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small networks: a second thread would cost more than it gives
    try:
        with listener:
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        torch.set_num_threads(threads)
