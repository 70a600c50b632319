"""Hot reload: the models of a server, each replaced when its file changes.

A file that cannot be loaded replaces nothing: the network before it goes on answering, and the log
says why.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.errors import RunError, UsageError, VitreousError, unknown
from vitreous.inference.model_file import Bundle, load
from vitreous.run_folder import RunFolder
from vitreous.serving.batching import Batcher
from vitreous.serving.limits import Limits

EVERY = 1.0  # seconds between two looks at the files
ADDRESS = re.compile("[a-z][a-z0-9+.-]+:/|hub:", re.IGNORECASE)  # a path has lost its second /
Stamp = tuple[int, int, int]


@dataclass
class Served:
    """A model that is served.

    name        by which requests ask for it
    path        of its run folder, or of its file
    stamp       of the file that was tried last; None: there was none
    generation  how often it has been loaded
    """

    name: str
    path: Path
    stamp: Stamp | None
    bundle: Bundle
    generation: int = 1

    @property
    def facts(self) -> dict[str, Any]:
        """What a client should know of it."""
        bundle = self.bundle
        return {
            "name": self.name,
            "architecture": bundle.architecture,
            "task": bundle.task.name,
            "classes": [*bundle.classes],
            "contract": bundle.contract.to_json(),
            "generation": self.generation,
            "notes": [*bundle.notes],
        }


def file_of(path: Path) -> Path:
    """The model file that a path stands for. Raises RunError and ModelFileError as `load` does."""
    return RunFolder(path).trained if path.is_dir() else path


def stamp_of(path: Path) -> Stamp | None:
    """What changes when the file does; None where there is no file."""
    try:
        found = os.stat(file_of(path))
    except (OSError, RunError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def opened(paths: Sequence[str | Path]) -> list[Served]:
    """The models at these paths, each under the name of its folder or file.

    Raises UsageError for an address, and for two of one name that cannot be told apart; as `load`
    and `warm`.
    """
    found = []
    for given in paths:
        if ADDRESS.match(str(given)):
            raise UsageError(
                "is an address, and a server loads files of its own machine alone",
                where=re.sub(":/+", "://", str(given), count=1),
                remedy="Fetch it first (from the hub by `hf download OWNER/NAME`), look at it, and "
                "name the file.",
            )
        path = Path(given)
        stamp = stamp_of(path)  # before: a file that is replaced meanwhile is loaded anew
        bundle = load(path)
        warm(bundle)
        found.append(Served(name_of(path), path, stamp, bundle))
    names = [one.name for one in found]
    for one in found:
        if names.count(one.name) > 1:
            one.name = str(one.path)
    twins = {one.name for one in found}
    if len(twins) < len(found):
        raise UsageError("one model is named twice", remedy="Name each once.")
    return found


def name_of(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


class Shelf:
    """The models of a server, each with the queue in front of it. Lives in an event loop.

    tell  is told what happens: an event, and facts about it
    """

    def __init__(
        self,
        models: Sequence[Served],
        engine: Executor,
        limits: Limits,
        hear: Callable[[str, int], None],
        tell: Callable[..., None],
    ) -> None:
        self.models = {one.name: one for one in models}
        self.engine, self.limits, self.hear, self.tell = engine, limits, hear, tell
        self.reloads = self.failures = 0
        self.queues = {one.name: self._queue(one) for one in models}

    def _queue(self, one: Served) -> Batcher:
        def hear(images: int) -> None:
            self.hear(one.name, images)

        return Batcher(one.bundle, self.engine, self.limits, hear)

    def find(self, name: str | None) -> tuple[Served, Batcher]:
        """A model by its name; None is the first. Raises UsageError for one that there is not."""
        if name is None:
            name = next(iter(self.models))
        if name not in self.models:
            raise unknown("model", name[:80], self.models, where="model")
        return self.models[name], self.queues[name]

    async def watch(self) -> None:
        """Look at the files for as long as the server lives."""
        while True:
            await asyncio.sleep(EVERY)
            for one in self.models.values():
                await self.look(one)

    async def look(self, one: Served) -> None:
        """Load a model anew if its file is another one."""
        loop = asyncio.get_running_loop()
        stamp = await asyncio.to_thread(stamp_of, one.path)
        if stamp in (None, one.stamp):  # between two files, what is loaded goes on
            return
        one.stamp = stamp
        try:
            bundle = await asyncio.to_thread(load, one.path)
            await loop.run_in_executor(self.engine, warm, bundle)
        except Exception as error:  # whatever a file does, the next one is looked at
            facts = (
                error.to_json() if isinstance(error, VitreousError) else {"message": repr(error)}
            )
            self.failures += 1
            self.tell("reload failed", level="error", model=one.name, **facts)
            return
        before = self.queues[one.name]
        one.bundle = bundle
        one.generation += 1
        self.queues[one.name] = self._queue(one)
        self.reloads += 1
        self.tell("reloaded", model=one.name, generation=one.generation)
        await before.close()

    async def close(self) -> None:
        await asyncio.gather(*(queue.close() for queue in self.queues.values()))


def warm(bundle: Bundle) -> None:
    """A first answer, to a black image: what is prepared once is prepared then. Raises
    DivergedError for a network whose answers are no numbers.
    """
    bundle.predict(np.zeros(bundle.contract.shape, np.uint8))
