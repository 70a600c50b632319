"""Interrupts, such as Ctrl-C: what can be done again stops at once, a training step ends first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

from vitreous.run_folder import RunFolder

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop; nothing that it has learned is lost.

    where, remedy  as in VitreousError
    """

    def __init__(self, run: RunFolder):
        super().__init__("interrupted")
        self.where = str(run.path)
        self.remedy = f"Go on with it by `{run.resume_command}`."


class Interrupt:
    """Turns SIGINT and SIGTERM within the block into KeyboardInterrupt.

        with Interrupt() as interrupt:
            read()                          # stops at once
            with interrupt.deferred():
                for step in steps:          # stops when it looks at `requested`, or with the block
                    if interrupt.requested: ...

    A second signal acts at once. Outside the main thread, where Python delivers no signals, it does
    nothing.
    """

    def __init__(self) -> None:
        self.requested = self.patient = False

    def __enter__(self) -> Self:
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block the first signal is noted, and acts at the block's end."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False
        if self.requested:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if again or not self.patient:
            raise KeyboardInterrupt
