"""A TCP port of this machine, opened before the server starts, so that its errors can be told."""

from __future__ import annotations

import errno
import socket

from vitreous.errors import UsageError

WAITING = 1024  # connections that the system keeps until the server takes them


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    host  a name or an address of this machine
    port  0 takes any that is free

    Raises UsageError for a port that there is not or that is taken, and for another's address.
    """
    if not 0 <= port < 1 << 16:
        raise UsageError(f"{port} is no port", where="--port", remedy="Give one from 0 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=WAITING)
        # Connections inherit it. Else the second part of each response waits for the client's word
        # that it has the first, which comes 40 ms late; asyncio does it for no socket of ours.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        if (error.errno or 0) < 0 or error.errno == errno.EADDRNOTAVAIL:  # below 0: an unknown name
            raise UsageError(
                f"'{host}' is no address of this machine",
                where="--host",
                remedy="Give 127.0.0.1, or 0.0.0.0 for all.",
            ) from error
        raise UsageError(
            f"port {port} cannot be used ({error})",
            where="--port",
            remedy="Choose another one; 0 takes any that is free.",
        ) from error
