"""Checks of Host and Origin: only pages that a server itself has served may talk to it.

A server on 127.0.0.1 can still be reached by any web page that the user has open, and, through a
name that is made to point at 127.0.0.1, even read. So the Host must be local, and the Origin, which
browsers send and pages cannot forge, must be the server's own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Guard:
    """ASGI middleware: 403 for foreign hosts and origins, careful headers for everyone else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not allowed(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                refusal = PlainTextResponse("This server answers its own page only.", 403)
                await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, dressed(send))


def allowed(scope: Scope, *, anywhere: bool = False) -> bool:
    """Is the host this computer, and the origin, if any, the same host and port?

    anywhere  the server is meant to be reached by other names than those of this computer
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:  # brackets without an address
        return False
    if name not in LOCAL and not anywhere:
        return False
    origin = headers.get(b"origin")
    own = {f"http://{host}", *([f"https://{host}"] if anywhere else [])}  # a proxy may speak TLS
    return origin is None or origin in own


def dressed(send: Send) -> Send:
    """The same channel, which adds `HEADERS` to every response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return send_with_headers
