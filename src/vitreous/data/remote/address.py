"""Addresses (URLs) of data, and the file systems behind them, through fsspec.

Nothing is asked of the network unless such an address is given as data. Which package a kind of
address needs is said where it is missing.
"""

from __future__ import annotations

import posixpath
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from vitreous.data.images.read_file import printable
from vitreous.errors import UsageError, missing, unknown

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.+)", re.IGNORECASE | re.DOTALL)
TOLD = (  # what servers and stores tell of a file, and what changes with its content
    *("ETag", "etag", "Content-MD5", "Digest", "md5Hash", "generation", "blob_id", "xet_hash"),
    *("Last-Modified", "LastModified", "last_modified", "mtime", "created", "ino"),
)


@dataclass(frozen=True)
class Scheme:
    """A row of `SCHEMES`.

    package  that has to be installed beside fsspec
    """

    package: str = ""
    extra: str = ""
    options: dict[str, Any] = field(default_factory=dict)


SCHEMES = {
    **dict.fromkeys(("http", "https"), Scheme("aiohttp", "remote")),
    "s3": Scheme("s3fs"),
    **dict.fromkeys(("gs", "gcs"), Scheme("gcsfs")),
    "hf": Scheme("huggingface_hub", "hub"),
    "file": Scheme(),
    "memory": Scheme(),
}
"""By what stands before `://`."""


def is_address(text: str) -> bool:
    return ADDRESS.fullmatch(text) is not None


def scheme_of(address: str) -> Scheme:
    """Raises UsageError for a kind of address that is not known."""
    found = ADDRESS.fullmatch(address)
    name = found[1].lower() if found else ""
    if name not in SCHEMES:
        raise unknown("kind of address", name, SCHEMES, where=printable(address))
    return SCHEMES[name]


def check_address(address: str) -> None:
    """Raises UsageError for an address that cannot be opened here: its kind, or a package; and for
    one with a password, as a run folder keeps the address of its data.
    """
    import importlib.util

    scheme = scheme_of(address)
    if urllib.parse.urlsplit(address).password is not None:
        before, _, after = address.rpartition("@")
        raise UsageError(
            "an address with a password would be written into the run folder",
            where=printable(f"{before.partition('://')[0]}://...@{after}"),
            remedy="Leave it out: stores take theirs from the environment, and http from ~/.netrc.",
        )
    for package, extra in (("fsspec", "remote"), (scheme.package, scheme.extra)):
        try:
            there = not package or importlib.util.find_spec(package) is not None
        except ValueError:  # what tests put in its place
            there = False
        if not there:
            where = printable(address)
            if extra:
                raise missing(package, extra, "this address", where=where)
            raise UsageError(
                f"this address needs {package}, which is not installed",
                where=where,
                remedy=f"pip install {package}",
            )


def file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it. Raises UsageError as `check_address`."""
    check_address(address)
    from fsspec.core import url_to_fs

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if address.lower().startswith("http"):
        from aiohttp import ClientTimeout

        # A file may take hours; a server that says nothing for a minute is gone.
        timeout = ClientTimeout(total=None, sock_connect=30, sock_read=60)
        # With proxies and passwords (~/.netrc) as they are set up for all programs.
        options["client_kwargs"] = {"timeout": timeout, "trust_env": True}
    try:
        system, path = url_to_fs(address, **options)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"cannot be opened: {error}", where=printable(address), remedy="Check the address."
        ) from error
    return system, path


def base_name(address: str) -> str:
    """The last part of an address, without what follows a question mark."""
    return posixpath.basename(address.partition("?")[0].rstrip("/")) or "data"


def suffix(address: str) -> str:
    return posixpath.splitext(base_name(address))[1].lower()


def mark_of(info: dict[str, Any]) -> bytes:
    """What a server tells of a file, and what changes with its content."""
    told = [f"{name}={info[name]}" for name in ("size", *TOLD) if info.get(name) is not None]
    return "\n".join(told).encode()


def differs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Do two looks at a file tell of a change? A listing may tell less than a look at one file."""
    return any(
        one[name] != other[name]
        for name in ("size", *TOLD)
        if one.get(name) is not None and other.get(name) is not None
    )


def tells_of_changes(info: dict[str, Any]) -> bool:
    """Does a server tell more of a file than its size?"""
    return any(info.get(name) is not None for name in TOLD)
