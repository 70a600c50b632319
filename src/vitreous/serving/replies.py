"""Replies: JSON answers, and errors as JSON with their HTTP status, whatever raised them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vitreous.errors import VitreousError, unknown
from vitreous.files import json_text
from vitreous.serving.status import Refusal, status_of

Handler = Callable[[Request, Exception], Any]


def handlers(app: FastAPI) -> dict[Any, Handler]:
    """Who answers which exception."""
    return {
        VitreousError: _refused,
        RequestValidationError: _invalid,
        HTTPException: _unknown(app),
    }


def answered(found: dict[str, Any], status: int = 200) -> Response:
    return Response(json_text(found), status, media_type="application/json")


def refused(error: VitreousError) -> Response:
    """An error as JSON, as `--json` prints it, with its status."""
    response = answered({"error": error.to_json()}, status_of(error))
    response.headers.update(error.headers if isinstance(error, Refusal) else {})
    return response


def known_settings(request: Request) -> None:
    """Raises UsageError for a setting behind the address that would not be heard."""
    known = signature(request.scope["endpoint"]).parameters.keys() - {"request"}
    for name in request.query_params:
        if name not in known:
            raise unknown("setting", name[:80], known, where="?")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, VitreousError)
    return refused(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = "?" + ".".join(map(str, first["loc"][1:]))
    given = str(first.get("input"))[:80]
    remedy = f"{first['msg']}."
    return refused(Refusal(422, f"'{given}' is not allowed", where=place, remedy=remedy))


def _unknown(app: FastAPI) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path, status = request.url.path[:80], error.status_code
        known = {getattr(route, "path", "") for route in app.routes} - {"", "/"}
        if status == 404 and path in known:  # the page's files lie below any other way to ask
            status = 405
        if status == 404:
            nearest = unknown("path", path, known)
            return refused(Refusal(404, nearest.message, where=path, remedy=nearest.remedy))
        if status == 405:
            allowed = "POST images to it." if path in ("/predict", "/explain") else "GET it."
            message = f"{request.method} is not possible here"
            return refused(Refusal(405, message, where=path, remedy=allowed))
        return refused(Refusal(status, str(error.detail), where=path))

    return handle
