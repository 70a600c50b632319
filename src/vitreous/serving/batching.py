"""Dynamic batching: images of many requests go through the network together.

While the network works, images gather; as soon as it is free, all that are there go together. Where
it is free already, an image waits for others only while some are being decoded, and never longer
than `limits.wait`. So a single client waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from vitreous.data.images.decode import header
from vitreous.errors import OversizeError
from vitreous.inference.model_file import Bundle
from vitreous.inference.ready import Ready
from vitreous.serving.limits import Limits
from vitreous.tasks import Answer

Told = tuple[Answer, int]
Options = tuple[tuple[str, Any], ...]  # of `Bundle.decided`


@dataclass(eq=False)
class Waiting:
    """An image that waits for its answer."""

    ready: Ready
    options: Options
    answer: asyncio.Future[Told]


class Batcher:
    """The queue in front of one network.

    engine  runs the network, one batch after the other
    hear    is told the number of images of each batch
    coming  images that are being decoded
    asked   images of requests that are not answered yet
    """

    def __init__(
        self, bundle: Bundle, engine: Executor, limits: Limits, hear: Callable[[int], None]
    ) -> None:
        self.bundle, self.engine, self.limits, self.hear = bundle, engine, limits, hear
        self.coming = self.asked = 0
        self.ahead = asyncio.Semaphore(2 if bundle.keeps_size else 2 * limits.batch)
        self._waiting: deque[Waiting] = deque()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._work())

    async def answers(
        self, images: Sequence[bytes], options: Options, decoders: Executor
    ) -> list[Told | BaseException]:
        """The answer to each image of a request, or what `Bundle.predict` raises for it."""
        self.asked += len(images)
        try:
            each = (self._answer(data, options, decoders) for data in images)
            return await asyncio.gather(*each, return_exceptions=True)
        finally:
            self.asked -= len(images)

    async def _answer(self, data: bytes, options: Options, decoders: Executor) -> Told:
        loop = asyncio.get_running_loop()
        async with self.ahead:  # what is decoded and not yet answered is bounded
            self.coming += 1
            try:
                ready = await loop.run_in_executor(decoders, self._ready, data)
            finally:
                self.coming -= 1
                self._news.set()
            waiting = Waiting(ready, options, loop.create_future())
            self._waiting.append(waiting)
            return await waiting.answer

    def _ready(self, data: bytes) -> Ready:
        within(data, self.limits.pixels)
        return self.bundle.ready(data)

    async def close(self) -> None:
        """Answer those who wait, then end."""
        while self.asked:
            await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._gathered()
            if not batch:
                continue
            self.hear(len(batch))
            found = await loop.run_in_executor(self.engine, self._decided, batch)
            for one, outcome in zip(batch, found, strict=True):
                if one.answer.done():  # nobody waits for it any more
                    continue
                if isinstance(outcome, Exception):
                    one.answer.set_exception(outcome)
                else:
                    one.answer.set_result(outcome)

    async def _gathered(self) -> list[Waiting]:
        """Those that go together next."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        loop = asyncio.get_running_loop()
        end = loop.time() + self.limits.wait / 1000
        while self.coming and len(self._waiting) < self.limits.batch:
            left = end - loop.time()
            if left <= 0:
                break
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                break
        count = min(len(self._waiting), self.limits.batch)
        batch = [self._waiting.popleft() for _ in range(count)]
        return [one for one in batch if not one.answer.done()]

    def _decided(self, batch: Sequence[Waiting]) -> list[Told | Exception]:
        """An answer for each, or its error; where several fail together, each is asked alone."""
        found: dict[int, Told | Exception] = {}
        alike: dict[Options, list[int]] = {}
        for place, one in enumerate(batch):
            alike.setdefault(one.options, []).append(place)
        for options, places in alike.items():
            asked = [batch[place].ready for place in places]
            try:
                told = self.bundle.decided(asked, **dict(options))
                found |= zip(places, told, strict=True)
            except Exception as error:
                if len(places) == 1:
                    found[places[0]] = error
                    continue
                alone = [self._decided([batch[place]])[0] for place in places]
                found |= zip(places, alone, strict=True)
        return [found[place] for place in range(len(batch))]


def within(data: bytes, most: float) -> None:
    """Raises OversizeError for an image of more pixels, before one of them is decoded; ImageError
    for what is none.

    most  in millions
    """
    head = header(data)
    if head.height * head.width > most * 1e6:
        raise OversizeError(
            f"has {head.width:,} × {head.height:,} pixels; {most:g} million are allowed",
            remedy="Make the image smaller.",
        )
