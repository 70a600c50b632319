"""Limits of a server: what one request, one client and all together may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vitreous.fields import Between, check

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused beyond, and with which status.

    body     MiB of a request (413)
    pixels   millions of an image, told from its header (413)
    images   of a request (413)
    queue    images of all requests that wait or are worked on (503)
    held     MiB of the bodies of all of them (503)
    client   requests of one address that wait or are worked on (429)
    timeout  seconds for the body of a request, and as many for its answer (408, 504)
    batch    images that go through the network together
    wait     milliseconds that an image waits for others, at most, while the network has nothing to
             do; it waits for nobody where no other image is on its way
    """

    body: Annotated[float, Between(0.001, 1024)] = 16
    pixels: Annotated[float, Between(0.0001, 100)] = 40
    images: Annotated[int, Between(1, 1024)] = 32
    queue: Annotated[int, Between(1, 100_000)] = 128
    held: Annotated[float, Between(0.001, 65_536)] = 256
    client: Annotated[int, Between(1, 100_000)] = 64
    timeout: Annotated[float, Between(0.01, 3600)] = 30
    batch: Annotated[int, Between(1, 512)] = 16
    wait: Annotated[float, Between(0, 1000)] = 5

    def __post_init__(self) -> None:
        check(self, lambda name: f"--{name}")
