"""Request bodies: multipart, base64 in JSON, or the bytes of an image as they are.

What an image is, its own bytes tell; a content type only tells how several are put together.
Nothing is fetched: an address in place of an image is refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from vitreous.serving.admission import Entry
from vitreous.serving.limits import MIB, Limits
from vitreous.serving.status import Refusal

CHUNK = 1 << 16
NAME = 200  # characters of a file's name that are kept
HOW = (
    "Send the file itself, a form with files (multipart/form-data), or JSON: "
    '{"images": [{"name": "cat.jpg", "data": "<base64>"}]}.'
)


@dataclass(frozen=True)
class Sent:
    """One image of a request: its name, and its bytes."""

    name: str
    data: bytes


class Form(MultiPartParser):
    spool_max_size = 1 << 31  # the body has been limited already: nothing is written to disk


async def received(request: Request, limits: Limits, entry: Entry) -> bytes:
    """The body. Raises Refusal for one that is too long (413) or comes compressed (415)."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(
            415, "the body is compressed", where="content-encoding", remedy="Send it as it is."
        )
    most = int(limits.body * MIB)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _long(most)
    parts: list[bytes] = []
    async for part in request.stream():
        entry.take(held=len(part))
        parts.append(part)
        if entry.held > most:
            raise _long(most)
    return b"".join(parts)


def _long(most: int) -> Refusal:
    return Refusal(
        413,
        f"the body has more than {most / MIB:.3g} MiB",
        where="body",
        remedy="Send fewer or smaller images.",
    )


async def images_in(body: bytes, headers: Headers, limits: Limits) -> list[Sent]:
    """The images of a body. Raises Refusal where there are none, or more than allowed."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        found = await _of_form(body, headers, limits)
    elif kind == "application/json" or body.startswith(b"{"):  # as curl -d sends it
        found = await asyncio.to_thread(_of_json, body)
    else:
        found = [Sent("image", body)]
    if not found or not all(each.data for each in found):
        raise Refusal(422, "there is no image in the body", where="body", remedy=HOW)
    if len(found) > limits.images:
        raise Refusal(
            413,
            f"{len(found):,} images in one request",
            where="body",
            remedy=f"Send at most {limits.images:,} at once.",
        )
    return found


async def _of_form(body: bytes, headers: Headers, limits: Limits) -> list[Sent]:
    async def pieces() -> AsyncIterator[bytes]:
        for first in range(0, len(body), CHUNK):
            yield body[first : first + CHUNK]
            await asyncio.sleep(0)  # others have their turn

    try:
        parser = Form(headers, pieces(), max_files=limits.images + 1, max_fields=8)  # type: ignore[arg-type]
        form = await parser.parse()
    except MultiPartException as error:
        many = "Too many files" in str(error)
        raise Refusal(413 if many else 422, str(error), where="body", remedy=HOW) from None
    except (KeyError, ValueError, AssertionError) as error:
        raise Refusal(
            422, f"is no form: {type(error).__name__}", where="body", remedy=HOW
        ) from None
    found = []
    for field, value in form.multi_items():
        if not isinstance(value, UploadFile):
            raise Refusal(
                422,
                "holds text, and no file",
                where=field[:NAME],
                remedy=f"{HOW} Settings go behind the address: ?top=3.",
            )
        found.append(Sent((value.filename or field)[:NAME], await value.read()))
        await value.close()
    return found


def _of_json(body: bytes) -> list[Sent]:
    try:
        fields: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(422, "is no JSON", where="body", remedy=HOW) from None
    if not isinstance(fields, dict) or len(fields) != 1 or not fields.keys() & {"image", "images"}:
        raise Refusal(422, "has no 'image' and no 'images'", where="body", remedy=HOW)
    ((_, given),) = fields.items()
    given = given if isinstance(given, list) else [given]
    return [_decoded(each, f"image {place}") for place, each in enumerate(given, 1)]


def _decoded(given: Any, name: str) -> Sent:
    if isinstance(given, dict) and given.keys() <= {"name", "data"}:
        called = given.get("name", name)
        name = called[:NAME] if isinstance(called, str) else name
        given = given.get("data")
    if not isinstance(given, str):
        raise Refusal(422, "is no text in base64", where=name, remedy=HOW)
    if given[:8].lower().startswith(("http:", "https:", "file:", "ftp:")):
        raise Refusal(
            422, "is an address, and nothing is fetched", where=name, remedy="Send the image."
        )
    if given.startswith("data:"):
        given = given.partition(",")[2]
    try:
        return Sent(name, base64.b64decode("".join(given.split()), validate=True))
    except (binascii.Error, ValueError):
        raise Refusal(422, "is no base64", where=name, remedy=HOW) from None
