"""HTTP status of errors: what a server refuses, with what happened, where, and what helps."""

from __future__ import annotations

from vitreous.errors import ImageError, OversizeError, VitreousError

KINDS = {
    400: "request",
    401: "unauthorized",
    403: "forbidden",
    404: "unknown",
    405: "method",
    408: "slow",
    413: "large",
    415: "image",
    422: "usage",
    429: "many",
    499: "gone",
    500: "fault",
    503: "busy",
    504: "late",
}
"""The `kind` of the JSON error by status."""
RETRY = 1  # seconds after which one may ask again


class Refusal(VitreousError):
    """A request that is not answered.

    status  of HTTP
    """

    def __init__(
        self, status: int, message: str, *, where: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status

    @property
    def kind(self) -> str:
        return KINDS.get(self.status, "request")

    @property
    def headers(self) -> dict[str, str]:
        """What belongs to this status beside the message."""
        if self.status in (429, 503):
            return {"retry-after": str(RETRY)}
        return {"www-authenticate": "Bearer"} if self.status == 401 else {}


def status_of(error: VitreousError) -> int:
    """Of the answer to a request that ends with this error."""
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, OversizeError):
        return 413
    return 415 if isinstance(error, ImageError) else 422


def shortage(error: Exception) -> Refusal | None:
    """What is told of a failure for want of memory; None of any other."""
    if isinstance(error, MemoryError) or "not enough memory" in str(error):
        return Refusal(503, "the memory is not enough", where="server", remedy="Ask for less.")
    return None
