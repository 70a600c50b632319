"""A session over a WebSocket: messages in, frames out, training in between.

A page asks for each frame, so a slow page gets fewer frames instead of a queue of old ones. The
training runs in slices of a few milliseconds on a worker thread, and the event loop stays free for
messages; when the page goes away, so does its session.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

import numpy as np

from vitreous.errors import UsageError, unknown
from vitreous.fields import Between, checked
from vitreous.playground.plane.inside import Inside
from vitreous.playground.plane.page_state import State
from vitreous.playground.plane.script import to_code, to_onnx, to_recipe, to_weights
from vitreous.playground.plane.session import Session
from vitreous.playground.plane.snapshot import Frame, flow, scene, snapshot
from vitreous.playground.server.frames import pack

SLICE = 0.008  # seconds of training between two looks at the messages
WEIGHTS = -1000, 1000  # that can be set by hand
SLOWEST, FASTEST = 0.5, 1e6  # steps a second that a page may ask for


class Page(Protocol):
    """The other side: what `Live` needs of a socket."""

    async def send_bytes(self, data: bytes) -> None: ...

    async def send_json(self, data: Any) -> None: ...


def parsed(message: str | bytes) -> dict[str, Any]:
    """A message from its JSON. Raises UsageError for anything else."""
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        raise UsageError("the message is not JSON", where="message") from None
    if not isinstance(content, dict):
        raise UsageError("a message is a JSON object", where="message")
    return content


def position(name: str, value: object, last: int) -> int:
    """A whole number from 0 to `last`, or UsageError."""
    found: int = checked(name, value, Annotated[int, Between(0, last)])
    return found


Handler = Callable[["Live", dict[str, Any]], Awaitable[None]]


class Live:
    """One page's experiment.

    limit   bytes of a message
    pace    steps a second that the page asked for, or None for as many as there are
    wanted  the page waits for a frame
    """

    limit = 256 * 1024

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session = Session()
        self.playing = False
        self.pace: float | None = None
        self.wanted = False
        self.selected: tuple[int, int] | None = None
        self.inside = Inside()
        self._due = 0.0  # steps that the pace allows and that were not taken yet
        self._clock = time.monotonic()
        self._rate = 0.0  # steps a second, measured over half a second at least
        self._mark = (self._clock, 0)

    @property
    def busy(self) -> bool:
        return self.playing or self.wanted or self.inside.pending(self.session)

    async def handle(self, message: str | bytes) -> None:
        """Carry out one message. Raises UsageError for anything that is not one."""
        content = parsed(message)
        kind = content.get("type")
        if not isinstance(kind, str) or kind not in HANDLERS:
            raise unknown("message", str(kind)[:40], HANDLERS)
        await HANDLERS[kind](self, content)

    async def work(self) -> None:
        """Train for a slice, if playing, and send the frame that the page waits for."""
        if self.playing:
            await self._train()
        if self.wanted:
            self.wanted = False
            await self._frame("frame", self._seen)
        if self.inside.pending(self.session) and (self.inside.due() or not self.playing):
            picture = await asyncio.to_thread(self.inside.advance, self.session)
            if picture:
                await self._send("landscape", picture)

    async def _train(self) -> None:
        now = time.monotonic()
        elapsed, self._clock = min(now - self._clock, 0.25), now
        if self.pace is None:
            await asyncio.to_thread(self.session.advance, seconds=SLICE)
        else:
            self._due += elapsed * self.pace
            steps = int(self._due)
            self._due -= steps
            if steps:
                await asyncio.to_thread(self.session.advance, steps, seconds=4 * SLICE)
            else:
                await asyncio.sleep(0.005)
        started, steps = self._mark
        if (spent := time.monotonic() - started) >= 0.5:
            self._rate = max(self.session.steps - steps, 0) / spent
            self._mark = time.monotonic(), self.session.steps
        if self.session.failure:
            self.playing = False
            self.wanted = True
            await self.page.send_json({"type": "stopped", "reason": self.session.failure})

    async def _frame(self, kind: str, build: Callable[..., Any], *arguments: Any) -> None:
        facts, arrays = await asyncio.to_thread(build, *arguments)
        facts |= {"playing": self.playing, "rate": round(self._rate)}
        await self._send(kind, (facts, arrays))

    async def _send(self, kind: str, frame: Frame) -> None:
        facts, arrays = frame
        await self.page.send_bytes(pack({"type": kind, **facts}, arrays))

    def _seen(self) -> Frame:
        """The network as it is now, with the embedding that the page looks at."""
        facts, arrays = snapshot(self.session, self.selected)
        more, places = self.inside.embedding(self.session)
        return facts | more, arrays | places

    async def scene(self, message: dict[str, Any] | None = None) -> None:
        """Send all that belongs to a fresh start."""
        self._rate, self._mark = 0.0, (time.monotonic(), self.session.steps)
        await self._frame("scene", scene, self.session)
        self.wanted = True

    async def set(self, message: dict[str, Any]) -> None:
        """{"changes": {...}}: other settings; a scene follows if training starts again."""
        changes = message.get("changes")
        if not isinstance(changes, dict):
            raise UsageError("`changes` must hold named settings", where="set")
        await self._adopt(self.session.state.change(changes))

    async def load(self, message: dict[str, Any]) -> None:
        """{"query": "..."}: the settings of a link; those left out have their defaults."""
        query = message.get("query")
        if not isinstance(query, str):
            raise UsageError("`query` must be text", where="load")
        state = State.from_query(query)
        await asyncio.to_thread(self.session.restart, state)
        await self.scene()

    async def _adopt(self, state: State) -> None:
        if await asyncio.to_thread(self.session.change, state.to_json()):
            await self.scene()
        else:
            query = self.session.state.to_query()
            await self.page.send_json(
                {"type": "state", "state": self.session.state.to_json(), "query": query}
            )

    async def restart(self, message: dict[str, Any]) -> None:
        await asyncio.to_thread(self.session.restart)
        await self.scene()

    async def play(self, message: dict[str, Any]) -> None:
        self.playing = not self.session.failure
        self.wanted = True
        self._clock, self._due = time.monotonic(), 0.0
        self._mark = self._clock, self.session.steps

    async def pause(self, message: dict[str, Any]) -> None:
        self.playing = False
        self.wanted = True

    async def speed(self, message: dict[str, Any]) -> None:
        """{"pace": steps a second, or null for as fast as it goes}."""
        pace = message.get("pace")
        self.pace = checked("pace", pace, Annotated[float | None, Between(SLOWEST, FASTEST)])
        self._clock, self._due = time.monotonic(), 0.0

    async def step(self, message: dict[str, Any]) -> None:
        """One batch, shown whole: values forward, gradients backward, weights before and after."""
        self.playing = False
        await self._frame("flow", flow, self.session)
        self.wanted = True

    async def weigh(self, message: dict[str, Any]) -> None:
        """{"layer": 0, "unit": 3, "source": 1, "value": 0.5}: a weight set by hand; a source of
        null is the unit's bias.
        """
        layer, unit = (position(name, message.get(name), 32) for name in ("layer", "unit"))
        source = message.get("source")
        if source is not None:
            source = position("source", source, 32)
        value = checked("value", message.get("value"), Annotated[float, Between(*WEIGHTS)])
        self.session.assign(layer, unit, source, float(value))
        self.wanted = True

    async def frame(self, message: dict[str, Any]) -> None:
        self.wanted = True

    async def select(self, message: dict[str, Any]) -> None:
        """{"layer": 0, "unit": 3}: the unit whose map is wanted at full size; null for none."""
        if message.get("layer") is None:
            self.selected = None
        else:
            hidden = self.session.state.hidden
            layer = position("layer", message["layer"], max(len(hidden) - 1, 0))
            unit = position("unit", message.get("unit"), hidden[layer] - 1 if hidden else 0)
            self.selected = (layer, unit) if hidden else None
        self.wanted = True

    async def look(self, message: dict[str, Any]) -> None:
        """{"layer": 2, "landscape": true}: the layer to embed, 0 for the inputs and null for none,
        and whether the loss around the weights is wanted.
        """
        layer, landscape = message.get("layer"), message.get("landscape", False)
        if not isinstance(landscape, bool):
            raise UsageError("`landscape` must be true or false", where="look")
        if layer is not None:
            layer = position("layer", layer, len(self.session.state.hidden))
        self.inside.layer, self.inside.landscape = layer, landscape
        self.wanted = True

    async def code(self, message: dict[str, Any]) -> None:
        await self._file("network.py", lambda: to_code(self.session).encode())

    async def recipe(self, message: dict[str, Any]) -> None:
        await self._file("experiment.yaml", lambda: to_recipe(self.session).encode())

    async def weights(self, message: dict[str, Any]) -> None:
        await self._file("network.safetensors", lambda: to_weights(self.session))

    async def onnx(self, message: dict[str, Any]) -> None:
        await self._file("network.onnx", lambda: to_onnx(self.session))

    async def _file(self, name: str, build: Callable[[], bytes]) -> None:
        content = np.frombuffer(await asyncio.to_thread(build), np.uint8)
        await self.page.send_bytes(pack({"type": "file", "name": name}, {"content": content}))


HANDLERS: dict[str, Handler] = {
    "scene": Live.scene,
    "set": Live.set,
    "load": Live.load,
    "restart": Live.restart,
    "play": Live.play,
    "pause": Live.pause,
    "speed": Live.speed,
    "step": Live.step,
    "weigh": Live.weigh,
    "frame": Live.frame,
    "select": Live.select,
    "look": Live.look,
    "code": Live.code,
    "recipe": Live.recipe,
    "weights": Live.weights,
    "onnx": Live.onnx,
}
