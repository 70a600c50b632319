"""Structured logs: one JSON object a line on stderr, for each request and each event."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass
class Journal:
    """Writes lines. Where it is quiet, only warnings and errors."""

    quiet: bool = False
    stream: TextIO | None = None

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        """One line: time, level, event, and these facts."""
        if self.quiet and level == "info":
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        fields = {"time": now, "level": level, "event": event, **facts}
        stream = self.stream or sys.stderr
        try:
            stream.write(json.dumps(fields, default=str) + "\n")
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more: the answers matter more
            return


class JournalHandler(logging.Handler):
    """What the server below says of itself, as lines of the journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self.journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        self.journal.tell(record.getMessage(), level=record.levelname.lower(), logger=record.name)
