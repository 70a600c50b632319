"""The view of images over a WebSocket: a network is opened, shown images, and asked about them.

{"type": "open", "name": "lenet"}          a network; "run" is the one that was given at the start
{"type": "strip"}                          the validation images of the run
{"type": "validation", "image": 3, ...}    one of them
{"type": "example", "image": 3, ...}       a digit that was held out
{"type": "cam", "label": 2}                where the evidence for a class lies
{"type": "explain", "method": "", ...}     the evidence by any method, for any target, layer, unit
{"type": "backward"}                       the loss of the image, and its gradient in every layer
{"type": "embedding"}                      the held-out digits as the last layer is given them
{"type": "value", "layer": 0, ...}         what made one number of a map
{"type": "pixel", "x": 3, "y": 4}          what the network says at a pixel of the image
bytes: one of FILE, DRAWING, FRAMED, a number of four bytes, then an image file

Each image has a "number" that the page gives it, and its answer carries that: so a page knows which
of its images an answer is about.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import torch

from vitreous.errors import UsageError, unknown
from vitreous.formats import percent
from vitreous.playground.images.demo_networks import (
    CONTRACT,
    DIGITS,
    HELD_OUT,
    READERS,
    held_out,
    reader,
)
from vitreous.playground.images.drawings import framed
from vitreous.playground.images.inspector import Lens
from vitreous.playground.images.own_run import OwnRun, Strip
from vitreous.playground.images.photo import fitted_to_page
from vitreous.playground.plane.plane_socket import Page, parsed
from vitreous.playground.plane.snapshot import Frame
from vitreous.playground.server.frames import pack

FILE, DRAWING, FRAMED = range(3)
RUN = "run"

# A network may be open in several pages, and each hangs its hooks on it while it looks.
LOOKING = threading.Lock()

Handler = Callable[["Look", dict[str, Any]], Awaitable[None]]


class Look:
    """One page's view of a network.

    limit  bytes of a message: a photo
    run    what the playground was started with
    """

    limit = 8 * 1024 * 1024
    busy = False

    def __init__(self, page: Page, run: OwnRun | None = None) -> None:
        self.page = page
        self.run = run
        self.lens: Lens | None = None

    async def work(self) -> None:
        """There is nothing to do between messages."""

    async def handle(self, message: str | bytes) -> None:
        """Carry out one message. Raises UsageError or ImageError for one that cannot be."""
        if isinstance(message, bytes):
            await self._see(message)
            return
        content = parsed(message)
        kind = content.get("type")
        if not isinstance(kind, str) or kind not in HANDLERS:
            raise unknown("message", str(kind)[:40], HANDLERS)
        await HANDLERS[kind](self, content)

    async def open(self, message: dict[str, Any]) -> None:
        name = message.get("name")
        if name is None:
            name = RUN if self.run else next(iter(READERS))
        if not isinstance(name, str) or name not in self._names():
            raise unknown("network", str(name)[:40], self._names())
        self.lens = await asyncio.to_thread(self._opened, name)
        facts, arrays = self.lens.network()
        facts |= {"name": name, "names": self._names(), "examples": HELD_OUT}
        facts["digits"] = self.lens.reads_digits
        facts["own"] = name == RUN
        await self.page.send_bytes(pack({"type": "network", **facts}, arrays))

    async def example(self, message: dict[str, Any]) -> None:
        image = message.get("image")
        if not isinstance(image, int) or not 0 <= image < HELD_OUT:
            raise UsageError(f"examples are numbered 0 to {HELD_OUT - 1}", where="image")
        lens, number = self._open_lens(), _number(message.get("number"))

        def build() -> Frame:
            rows, targets = held_out()
            truth = {"class": torch.from_numpy(targets[image : image + 1])}
            return lens.see(rows[image], truth if lens.bundle.classes == DIGITS else None)

        await self._send("seen", build, number=number)

    async def strip(self, message: dict[str, Any]) -> None:
        def build() -> Frame:
            strip = self._run_of_lens().strip
            return (
                ({"images": [], "reason": strip}, {}) if isinstance(strip, str) else strip.frame()
            )

        await self._send("strip", build)

    async def validation(self, message: dict[str, Any]) -> None:
        lens, number = self._open_lens(), _number(message.get("number"))

        def build() -> Frame:
            run = self._run_of_lens()
            if not isinstance(run.strip, Strip):
                raise UsageError(run.strip, where="validation")
            shown, image = run.strip.image(message.get("image"))
            facts, arrays = lens.see(image, run.strip.targets(shown, run.bundle))
            truth = run.strip.truth(shown, run.bundle)
            if truth is not None and "photo" in arrays:
                arrays["truth"] = fitted_to_page(truth, arrays["photo"])
            return facts, arrays

        await self._send("seen", build, number=number)

    async def cam(self, message: dict[str, Any]) -> None:
        lens, label = self._open_lens(), message.get("label")
        await self._send("cam", lambda: lens.cam(label))  # type: ignore[arg-type]

    async def explain(self, message: dict[str, Any]) -> None:
        lens = self._open_lens()
        await self._send("explained", lambda: lens.explain(message))

    async def backward(self, message: dict[str, Any]) -> None:
        lens = self._open_lens()
        await self._send("backward", lens.backward)

    async def embedding(self, message: dict[str, Any]) -> None:
        lens = self._open_lens()
        if not lens.reads_digits:
            raise UsageError("this network reads other images than the digits", where="embedding")

        def build() -> Frame:
            rows, targets = held_out()
            facts, arrays = lens.embedding(CONTRACT.images(rows))
            return facts, arrays | {"targets": targets.astype(np.int32)}

        await self._send("embedding", build)

    async def value(self, message: dict[str, Any]) -> None:
        lens = self._open_lens()
        place = [message.get(name) for name in ("layer", "channel", "row", "column")]
        await self._send("value", lambda: lens.value(*place))  # type: ignore[arg-type]

    async def pixel(self, message: dict[str, Any]) -> None:
        lens, place = self._open_lens(), (message.get("x"), message.get("y"))
        await self._send("pixel", lambda: lens.pixel(*place))  # type: ignore[arg-type]

    async def _see(self, message: bytes) -> None:
        lens = self._open_lens()
        kind = message[0] if len(message) > 5 else -1
        if kind not in (FILE, DRAWING, FRAMED):
            raise UsageError("no image follows", where="image")
        (number,) = struct.unpack_from("<I", message, 1)
        image = message[5:]

        def look() -> Frame:
            return lens.see(framed(image, lens.shape[0]) if kind == FRAMED else image)

        await self._send("seen", look, number=number)

    async def _send(self, kind: str, build: Callable[[], Frame], **more: Any) -> None:
        def locked() -> Frame:
            with LOOKING:
                return build()

        facts, arrays = await asyncio.to_thread(locked)
        await self.page.send_bytes(pack({"type": kind, **more, **facts}, arrays))

    def _opened(self, name: str) -> Lens:
        with LOOKING:
            if name == RUN and self.run:
                data = self.run.bundle.training.get("data", "data that its file does not name")
                return Lens(self.run.bundle, self.run.title, f"Trained on {data}.")
            row, bundle = READERS[name], reader(name)
            facts = bundle.training
            right = f"{percent(facts['accuracy'])} of {facts['held_out']:,} held-out digits right"
            return Lens(
                bundle, row.label, f"{row.note.capitalize()}. Trained on {facts['data']}; {right}."
            )

    def _names(self) -> dict[str, str]:
        own = {RUN: self.run.title} if self.run else {}
        return own | {name: row.label for name, row in READERS.items()}

    def _open_lens(self) -> Lens:
        if self.lens is None:
            raise UsageError("open a network first", where="open")
        return self.lens

    def _run_of_lens(self) -> OwnRun:
        if self.run is None or self._open_lens().bundle is not self.run.bundle:
            raise UsageError("validation images are those of a run of yours", where="validation")
        return self.run


def _number(number: object) -> int:
    """The page's number of an image."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 32:
        raise UsageError("an image has a number from 0 on", where="number")
    return number


HANDLERS: dict[str, Handler] = {
    "open": Look.open,
    "strip": Look.strip,
    "validation": Look.validation,
    "example": Look.example,
    "cam": Look.cam,
    "explain": Look.explain,
    "backward": Look.backward,
    "embedding": Look.embedding,
    "value": Look.value,
    "pixel": Look.pixel,
}
