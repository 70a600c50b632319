"""What all tests share: one thread, a cache of their own, no network, no data sets by accident."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

# Before torch is imported: threads that wait for each other make small tests slow, and results on
# one thread do not depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """Packs and features of tests never meet those of a user."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", folder)
        yield


@pytest.fixture(autouse=True)
def offline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may ask for anything beyond this machine, by number or by name, unless marked so."""
    if request.node.get_closest_marker("network"):
        return

    def guarded(original: Any, asked: Any) -> Any:
        def ask(*arguments: Any, **options: Any) -> Any:
            place = asked(*arguments)
            assert place is None or str(place).startswith(LOOPBACK), f"a connection to {place}"
            return original(*arguments, **options)

        return ask

    def of_socket(self: socket.socket, address: Any, *_: Any) -> Any:
        return address[0] if self.family in (socket.AF_INET, socket.AF_INET6) else None

    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)
        monkeypatch.setattr(socket.socket, name, guarded(original, of_socket))
    named = guarded(socket.getaddrinfo, lambda host, *_: host)
    monkeypatch.setattr(socket, "getaddrinfo", named)
