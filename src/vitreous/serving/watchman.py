"""Authentication and logging: what every request passes before and after its route.

The host and the origin must be the server's own (see `guard`), the token right. Whatever happens
further in, the client gets an answer in JSON, the counters a count and the log a line.
"""

from __future__ import annotations

import hmac
import time
import traceback
import uuid
from collections.abc import Collection

from h11 import LocalProtocolError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitreous.serving.guard import allowed, dressed
from vitreous.serving.journal import Journal
from vitreous.serving.prometheus import Metrics
from vitreous.serving.replies import refused
from vitreous.serving.status import Refusal, shortage

ROUTES = ("/predict", "/explain", "/models", "/metrics", "/health/live", "/health/ready", "/")


class Watchman:
    """ASGI middleware.

    token     that requests must bring; "": none
    free      paths that need none
    anywhere  as in `guard.allowed`
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        free: Collection[str],
        anywhere: bool,
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self.app, self.token, self.free, self.anywhere = app, token, free, anywhere
        self.metrics, self.journal = metrics, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, name = time.perf_counter(), 0, uuid.uuid4().hex[:12]
        scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = (b"x-request-id", name.encode())
                message = {**message, "headers": [*message.get("headers", []), extra]}
            await send(message)

        reply = dressed(noted)
        try:
            refusal = self._refusal(scope)
            if refusal:
                await refused(refusal)(scope, receive, reply)
            else:
                await self.app(scope, receive, reply)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:
            if refused_below(error):
                status = 400
                return
            self.journal.tell(
                "failed", level="error", request=name, trace=traceback.format_exc(limit=-8)
            )
            if not status:
                fault = shortage(error) or Refusal(
                    500,
                    f"the server failed ({type(error).__name__})",
                    where="server",
                    remedy=f"Its log tells why, under {name}.",
                )
                await refused(fault)(scope, receive, reply)
        finally:
            seconds = time.perf_counter() - start
            route = scope["path"] if scope["path"] in ROUTES else "other"
            self.metrics.answered(route, status, seconds)
            client = scope.get("client")
            self.journal.tell(
                "request",
                level="info" if status < 500 else "warning",
                request=name,
                client=client[0] if client else None,
                method=scope["method"],
                path=scope["path"][:200],
                status=status,
                images=scope["state"].get("images", 0),
                ms=round(seconds * 1000, 2),
            )

    def _refusal(self, scope: Scope) -> Refusal | None:
        """Why the request is not let in."""
        if not allowed(scope, anywhere=self.anywhere):
            return Refusal(
                403,
                "the request comes from another page, or for another host",
                where="host, origin",
                remedy="Ask the server by its own address.",
            )
        if not self.token or scope["path"] in self.free:
            return None
        given = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, token = given.partition(b" ")
        if kind.lower() == b"bearer" and hmac.compare_digest(token.strip(), self.token.encode()):
            return None
        return Refusal(
            401,
            "the token is wrong" if given else "a token is missing",
            where="authorization",
            remedy="Send the header `Authorization: Bearer TOKEN`.",
        )


def refused_below(error: Exception) -> bool:
    """Was the body no HTTP, so that h11 has answered 400 and closed before the route did?

    Other errors of h11, such as a body of another length than its header says, are our own faults.
    """
    return isinstance(error, LocalProtocolError) and "state=MUST_CLOSE" in str(error)
