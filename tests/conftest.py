"""What all tests share: one thread, a cache of their own, no network, no data sets by accident."""

from __future__ import annotations

import csv
import fcntl
import io
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# Before torch is imported: threads that wait for each other make small tests slow, and results on
# one thread do not depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LOOPBACK = ("127.", "::1", "localhost")

# Public data sets may lie beside the checkout, packed, with a script that lays one out in a folder.
PACKED = Path(__file__).parent.parent / ".." / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    count = "how many requests the slow fuzzing of the server sends"
    parser.addoption("--requests", type=int, default=20_000, help=count)


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


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def real_set(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """The folder of a public data set, as its users have it, which $VITREOUS_DATA then holds.

    A set is taken from $VITREOUS_DATA, or else laid out once, in pytest's cache, from what lies
    beside the checkout. Where there is neither, the test is skipped.

    folder  as the set's users call it
    packed  its name beside the checkout, where that is another one
    """

    def find(folder: str, packed: str | None = None) -> Path:
        own = Path(os.environ.get("VITREOUS_DATA") or "nowhere")
        if not (own / folder).is_dir():
            script = PACKED / "unpack.py"
            if not script.is_file():
                pytest.skip(f"no {folder}/ in $VITREOUS_DATA, no ../shared/data by the checkout")
            assert pytestconfig.cache is not None
            own = pytestconfig.cache.mkdir("sets")
            with (own / ".lock").open("w") as lock:  # one of several test processes lays it out
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (own / folder).is_dir():
                    # A layout that was cut off is never found under the set's own name.
                    with tempfile.TemporaryDirectory(dir=own) as half:
                        command = [sys.executable, str(script), half, packed or folder]
                        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                        (Path(half) / folder).rename(own / folder)
        monkeypatch.setenv("VITREOUS_DATA", str(own))
        return own / folder

    return find


@pytest.fixture
def photos(place: Path) -> Path:
    """Three classes of 20 pictures, each brightest in a channel of its own."""
    random = np.random.default_rng(0)
    for channel, name in enumerate(("ant", "bee", "cat")):
        folder = place / "photos" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 120, (24, 24, 3), dtype=np.uint8)
            pixels[..., channel] += 90
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return place / "photos"


@pytest.fixture
def labels(place: Path) -> Path:
    """A CSV file of 150 pictures with bars, each a label: left, middle, right, or none."""
    random = np.random.default_rng(1)
    names = ("left", "middle", "right")
    (place / "bars").mkdir()
    rows = [("path", *names)]
    for number in range(150):
        pixels = random.integers(0, 60, (24, 24, 1), dtype=np.uint8)
        marks = random.random(3) < 0.4
        for label in np.flatnonzero(marks):
            pixels[4:20, 8 * label + 2 : 8 * label + 6] += 120
        Image.fromarray(pixels[..., 0]).save(place / "bars" / f"{number}.png")
        if number % 10 == 0:  # some labels are wrong, so that there are mistakes to show
            marks = ~marks
        rows.append((f"{number}.png", *marks.astype(int).tolist()))
    with (place / "bars" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return place / "bars" / "labels.csv"


AWKWARD_SIZES = ((1, 1), (1, 40), (37, 2), (24, 24), (23, 25), (91, 37), (200, 150), (375, 500))


def pictures() -> Iterator[tuple[str, bytes]]:
    """Pictures of every size, kind of pixels, format and orientation, each once."""
    random = np.random.default_rng(0)
    for number in range(200):
        width, height = AWKWARD_SIZES[number % len(AWKWARD_SIZES)]
        coarse = random.integers(0, 256, (height // 9 + 1, width // 9 + 1, 4), dtype=np.uint8)
        picture = Image.fromarray(coarse, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
        mode, kind, options = AWKWARD_KINDS[number % len(AWKWARD_KINDS)]
        if mode == "P+":
            picture = picture.convert("RGB").quantize(16)
            options = {"transparency": 3}
        elif mode == "I;16":
            deep = np.asarray(picture.convert("L"), np.uint16) * 257
            picture = Image.fromarray(deep)
        elif mode == "EXIF":
            exif = Image.Exif()
            exif[0x0112] = number // len(AWKWARD_KINDS) % 8 + 1
            picture, options = picture.convert("RGB"), {"exif": exif, **options}
        else:
            picture = picture.convert(mode)
        file = io.BytesIO()
        picture.save(file, kind, **options)
        yield f"{number}.{kind.lower()}", file.getvalue()


AWKWARD_KINDS: list[tuple[str, str, dict[str, object]]] = [
    ("RGB", "PNG", {}),
    ("RGBA", "PNG", {}),
    ("LA", "PNG", {}),
    ("L", "PNG", {}),
    ("1", "PNG", {}),
    ("P", "PNG", {}),
    ("P+", "PNG", {}),
    ("I;16", "PNG", {}),
    ("RGB", "JPEG", {"quality": 60}),
    ("L", "JPEG", {"quality": 60}),
    ("CMYK", "JPEG", {}),
    ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    ("EXIF", "JPEG", {}),
    ("EXIF", "PNG", {}),
    ("EXIF", "WEBP", {"lossless": True}),
    ("RGBA", "WEBP", {}),
    ("P", "GIF", {}),
    ("RGB", "BMP", {}),
    ("RGB", "TIFF", {}),
    ("CMYK", "TIFF", {}),
    ("L", "PPM", {}),
]


@pytest.fixture(scope="session")
def awkward() -> list[tuple[str, bytes]]:
    """200 files, each with its name: see `pictures`."""
    return [*pictures()]


@pytest.fixture
def together(tmp_path: Path) -> Callable[..., list[Any]]:
    """Calls `work(ranks, *given)` in so many processes that train together, which are forked from
    one that has imported torch; gives what it returns in each.
    """

    def call(work: Callable[..., Any], size: int, *given: Any) -> list[Any]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["vitreous.runs.run", "torch.distributed"])
        place = tempfile.mkdtemp(dir=tmp_path)
        results = context.SimpleQueue()
        processes = [
            context.Process(target=one_of_them, args=(work, rank, size, place, results, given))
            for rank in range(size)
        ]
        for process in processes:
            process.start()
        found = dict(results.get() for _ in processes)
        for process in processes:
            process.join()
        wrong = [value for value in found.values() if isinstance(value, _Failed)]
        assert not wrong, "\n".join(map(str, wrong))
        return [found[rank] for rank in range(size)]

    return call


class _Failed(str):
    """The traceback of a process."""


def one_of_them(
    work: Callable[..., Any], rank: int, size: int, place: str, results: Any, given: Any
) -> None:
    number, count = str(rank), str(size)
    os.environ |= {"RANK": number, "WORLD_SIZE": count, "LOCAL_RANK": number}
    os.environ |= {"LOCAL_WORLD_SIZE": count, "VITREOUS_LAUNCHED": place, "VITREOUS_CACHE": place}
    import torch

    from vitreous.distributed import joined

    try:
        with joined() as ranks:
            torch.set_num_threads(1)
            results.put((rank, work(ranks, *given)))
            ranks.wait()  # whoever leaves early is missed by those who still count on it
    except BaseException:
        results.put((rank, _Failed(traceback.format_exc())))
