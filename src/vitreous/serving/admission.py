"""Admission control: a request is let in, or told at once that there is no room (429, 503).

Whoever is let in holds places for its images and bytes for its body until it is answered. So what
a server holds is bounded, whatever it is sent.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vitreous.serving.limits import MIB, Limits
from vitreous.serving.status import Refusal


@dataclass
class Entry:
    """What one request holds."""

    gate: Admission
    images: int = 0
    held: int = 0

    def take(self, *, images: int = 0, held: int = 0) -> None:
        """Hold more. Raises Refusal where there is no room for it."""
        gate, limits = self.gate, self.gate.limits
        if gate.images + images > limits.queue:
            raise Refusal(
                503,
                f"{gate.images:,} images wait already",
                where="queue",
                remedy="Ask again in a second, or start the server with a larger --queue.",
            )
        if gate.held + held > limits.held * MIB:
            raise Refusal(
                503,
                f"bodies of {gate.held / MIB:,.0f} MiB wait already",
                where="queue",
                remedy="Ask again in a second.",
            )
        self.images += images
        self.held += held
        gate.images += images
        gate.held += held


@dataclass
class Admission:
    """The places of a server.

    images, held  that are taken: images, and bytes of bodies
    closed        it is ending, and lets nobody in
    """

    limits: Limits
    images: int = 0
    held: int = 0
    closed: bool = False
    clients: Counter[str] = field(default_factory=Counter)

    def insist(self) -> None:
        """Raises Refusal where nobody is let in any more."""
        if self.closed:
            raise Refusal(
                503, "the server is ending", where="server", remedy="Ask another one, or later."
            )

    @contextlib.contextmanager
    def entered(self, client: str) -> Iterator[Entry]:
        """A request of this address, with a place for one image. Raises Refusal."""
        self.insist()
        if self.clients[client] >= self.limits.client:
            raise Refusal(
                429,
                f"{self.limits.client:,} requests of this address wait already",
                where=client,
                remedy="Wait for their answers before asking more.",
            )
        entry = Entry(self)
        entry.take(images=1)
        self.clients[client] += 1
        try:
            yield entry
        finally:
            self.images -= entry.images
            self.held -= entry.held
            self.clients[client] -= 1
            if not self.clients[client]:
                del self.clients[client]
