"""Remote data, from servers on this machine that break off, refuse, change, or give no parts."""

from __future__ import annotations

import base64
import io
import os
import re
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitreous as vt
from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder
from vitreous.data.remote import download
from vitreous.data.remote.address import file_system
from vitreous.data.remote.mirror import Mirror, listed
from vitreous.errors import DataError, RunError, StorageError, UsageError
from vitreous.progress.progress import Progress, silent
from vitreous.run_folder import RunFolder
from vitreous.runs.job import prepare, take_up

WINDOW = PixelContract(height=8, width=8, channels=3)


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def tar(count: int, first: int = 0, filled: int = 0) -> bytes:
    """Samples of two classes, with so many bytes more behind each picture."""
    stream, random = io.BytesIO(), np.random.default_rng(first)
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(first, first + count):
            data = picture(number) + random.bytes(filled)
            for kind, content in (("png", data), ("cls", b"ab"[number % 2 :][:1])):
                info = tarfile.TarInfo(f"{number:04d}.{kind}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@dataclass
class Server:
    """Files in memory, and what goes wrong with them.

    faults  by path: answers that are given first, one after the other: a number of HTTP, or
            "break" after half of the bytes
    """

    files: dict[str, bytes]
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    asked: list[str] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    address: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server({})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.lstrip("/")
            state.asked.append(f"{self.command} {path}")
            waiting = state.faults.get(path if body else f"HEAD {path}", [])
            fault = waiting.pop(0) if waiting else None
            if path not in state.files or isinstance(fault, int):
                self.send_response(fault if isinstance(fault, int) else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = state.files[path]
            start, wanted = 0, self.headers.get("Range")
            if state.ranges and wanted and body:
                start, end = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())
                part = content[start : end + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
            else:
                part = content
                self.send_response(200)
            if state.lengths:
                self.send_header("Content-Length", str(len(part)))
            else:
                self.close_connection = True
            if state.etags:
                self.send_header("ETag", blake2b(content, digest_size=8).hexdigest())
            self.end_headers()
            if body:
                state.began.append(start)
                part = part[: len(part) // 2] if fault == "break" else part
                state.sent[path] += len(part)
                self.wfile.write(part)
                if fault == "break":
                    self.close_connection = True

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


class Noted(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noted]:
    """What is noted; nobody waits."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    with Noted() as noted:
        yield noted


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("ranges", [True, False])
def test_shards_of_a_server_are_those_of_a_folder(
    server: Server, said: Noted, tmp_path: Path, ranges: bool
) -> None:
    server.ranges = ranges
    for number in range(3):
        server.files[f"s/a-{number}.tar"] = tar(6, 6 * number)
        (tmp_path / f"a-{number}.tar").write_bytes(tar(6, 6 * number))
    local, remote = vt.open(tmp_path), vt.open(f"{server.address}/s/a-{{0..2}}.tar")
    assert [remote.id(n) for n in range(18)] == [local.id(n) for n in range(18)]
    assert remote.fingerprint == local.fingerprint
    np.testing.assert_array_equal(pack(remote, WINDOW).rows, pack(local, WINDOW).rows)
    assert server.sent == {name: len(content) for name, content in server.files.items()}
    again = vt.open(f"{server.address}/s/a-{{0..2}}.tar")
    pack(again, WINDOW)
    assert server.sent.total() == sum(map(len, server.files.values()))  # not a byte more
    for copy in (tmp_path / "cache" / "downloads").iterdir():
        copy.unlink()
    vt.open(f"{server.address}/s/a-{{0..2}}.tar")  # the index is enough
    assert server.sent.total() == sum(map(len, server.files.values()))
    assert not said.notes


def test_a_run_finds_its_address_again(server: Server, tmp_path: Path) -> None:
    server.files["a.tar"] = tar(40)
    place = f"{server.address}/a.tar"
    job = prepare(place, model="linear", epochs=2, progress=silent())
    folder = RunFolder.create(job.dataset.name, tmp_path / "run")
    job.write(folder)
    assert f"data: {place}" in folder.recipe.read_text()
    again = take_up(folder, None, None, silent())
    assert again.fingerprint == job.fingerprint
    np.testing.assert_array_equal(again.parts.parts, job.parts.parts)
    server.files["a.tar"] = tar(40, 1)
    with pytest.raises(RunError, match="the data are not those"):
        take_up(folder, None, None, silent())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_goes_on(server: Server, said: Noted, ranges: bool) -> None:
    """Where the server gives parts of a file, only what lacks is fetched again."""
    server.ranges = ranges
    server.files["a.tar"] = tar(8, filled=500_000)
    server.faults["a.tar"] = ["break", 500, 503]
    data = vt.open(f"{server.address}/a.tar")
    assert [data.digest(n) for n in range(8)] == [
        blake2b(content, digest_size=16).digest() for content in images(server.files["a.tar"])
    ]
    assert len(said.notes) >= 3
    assert "try 2 of 5" in said.notes[0]
    assert any("the server answered 500" in note for note in said.notes)
    assert (server.began[-1] > 0) == ranges


def images(archive: bytes) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        return [file.extractfile(m).read() for m in file if m.name.endswith("png")]


def test_several_who_want_one_file_fetch_it_once(server: Server, said: Noted) -> None:
    server.files["a.tar"] = tar(4, filled=500_000)
    system, path = file_system(f"{server.address}/a.tar")
    file = download.look(system, path, f"{server.address}/a.tar", "a.tar")
    with ThreadPoolExecutor(4) as executor:
        places = {*executor.map(lambda _: file.local(), range(4))}
    assert [place.read_bytes() for place in places] == [server.files["a.tar"]]
    assert server.sent["a.tar"] == len(server.files["a.tar"])


def test_what_was_fetched_is_kept_for_the_next_attempt(server: Server, said: Noted) -> None:
    server.files["a.tar"] = tar(8, filled=500_000)
    server.faults["a.tar"] = ["break", *[502] * 5]
    with pytest.raises(DataError, match="the server answered 502, 5 times in a row") as caught:
        vt.open(f"{server.address}/a.tar")
    assert "kept" in caught.value.remedy
    assert len(vt.open(f"{server.address}/a.tar")) == 8
    assert server.began[-1] > 0, (server.asked, server.began, said.notes)


@pytest.mark.parametrize(
    ("status", "message"), [(403, "403: it may not be read"), (404, "there is no such file")]
)
def test_refusals_are_final(server: Server, said: Noted, status: int, message: str) -> None:
    if status == 403:
        server.files["a.tar"] = tar(2)
        server.faults["a.tar"] = [403] * 9
    with pytest.raises(DataError, match=message) as caught:
        vt.open(f"{server.address}/a.tar")
    assert caught.value.where == f"{server.address}/a.tar"
    assert len([line for line in server.asked if line.startswith("GET")]) <= 1
    assert not said.notes


def test_a_server_that_is_not_there(said: Noted) -> None:
    with pytest.raises(DataError, match=r"onnect.*5 times in a row") as caught:
        vt.open("http://127.0.0.1:9/a.tar")
    assert "Check the connection" in caught.value.remedy
    assert len(said.notes) == 4


@pytest.mark.parametrize("status", [403, 500])
def test_a_first_look_that_fails(server: Server, said: Noted, status: int) -> None:
    server.files["a.tar"] = tar(2)
    server.faults = {"HEAD a.tar": [status] * 2, "a.tar": [status] * 2}
    if status == 500:
        assert len(vt.open(f"{server.address}/a.tar")) == 2
        assert "the server answered 500; try 2 of 5" in said.notes[0]
    else:
        with pytest.raises(DataError, match="403: it may not be read"):
            vt.open(f"{server.address}/a.tar")


def test_a_shard_that_was_thrown_out_is_fetched_again(server: Server, said: Noted) -> None:
    server.files["a.tar"] = tar(4)
    data = vt.open(f"{server.address}/a.tar")
    assert data.encoded(0) == picture(0)
    for copy in (cache_folder.folder() / "downloads").iterdir():
        copy.unlink()
    assert data.encoded(1) == picture(1)


def test_a_changed_file_is_another_one(server: Server, said: Noted) -> None:
    """Of the same size even: another ETag is another copy, index and pack."""
    server.files["a.tar"] = tar(4)
    first = vt.open(f"{server.address}/a.tar")
    rows = np.array(pack(first, WINDOW).rows)
    server.files["a.tar"] = tar(4, 100)
    second = vt.open(f"{server.address}/a.tar")
    assert not np.array_equal(pack(second, WINDOW).rows, rows)
    for copy in (cache_folder.folder() / "downloads").iterdir():
        copy.unlink()
    first._open.clear()
    with pytest.raises(DataError, match="has changed since it was opened"):
        first.read(0)  # it was thrown out of the cache, and is not the same any more


def test_a_file_that_changes_while_it_is_fetched_is_not_mixed(
    server: Server, said: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BLOCK", 1 << 16)
    server.files["a.tar"] = tar(8, filled=50_000)
    blocks = download._blocks

    def changing(file, start):
        for block in blocks(file, start):
            server.files["a.tar"] = tar(8, 1, filled=50_000)
            yield block

    monkeypatch.setattr(download, "_blocks", changing)
    with pytest.raises(DataError, match="has changed since it was opened"):
        vt.open(f"{server.address}/a.tar")
    assert not [*(cache_folder.folder() / "downloads").iterdir()]


def test_a_server_that_always_breaks_off_is_given_up(server: Server, said: Noted) -> None:
    """Without parts of files each try begins anew: its bytes are no progress."""
    server.ranges, server.files["a.tar"] = False, tar(8, filled=500_000)
    server.faults["a.tar"] = ["break"] * 50
    with pytest.raises(DataError, match="in a row"):
        vt.open(f"{server.address}/a.tar")


def test_what_was_begun_of_an_older_file_is_not_mixed(server: Server, said: Noted) -> None:
    rows = [f"path,label\n{name * 100_000}.png,a\n".encode() for name in "xy"]
    server.files["a.csv"] = rows[0]
    server.faults["a.csv"] = ["break", *[502] * 5]
    with pytest.raises(DataError, match="the server answered 502"):
        vt.open(f"{server.address}/a.csv")
    server.files["a.csv"] = rows[1]
    system, path = file_system(f"{server.address}/a.csv")
    mirror = Mirror(f"{server.address}/a.csv")
    mirror.take([download.look(system, path, f"{server.address}/a.csv", "a.csv")])
    assert (mirror.path / "a.csv").read_bytes() == rows[1]


def test_a_server_that_tells_only_sizes_is_said(server: Server, said: Noted) -> None:
    server.etags, server.files["a.tar"] = False, tar(2)
    vt.open(f"{server.address}/a.tar")
    assert "the server tells its size alone" in said.notes[0]


def test_of_a_server_that_tells_nothing_no_copy_is_used_again(server: Server, said: Noted) -> None:
    server.etags = server.lengths = server.ranges = False
    for first in (0, 1):
        server.files["a.tar"] = tar(2, first)
        data = vt.open(f"{server.address}/a.tar")
        assert data.encoded(0) == picture(first)
        assert data.text(0) == "ab"[first]
    assert "it is fetched each time" in said.notes[0]


def test_no_room_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["a.tar"] = tar(2)
    monkeypatch.setattr(cache_folder, "RESERVE", 1 << 60)
    with pytest.raises(StorageError, match=r"a copy needs 10.0.KiB, and less than") as caught:
        vt.open(f"{server.address}/a.tar")
    assert "VITREOUS_CACHE" in caught.value.remedy


def test_a_disk_that_fills_up_keeps_no_half_of_a_shard(
    server: Server, said: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder, "STALE", float("inf"))  # the device may be old
    server.files["a.tar"] = tar(2)
    system, path = file_system(f"{server.address}/a.tar")
    file = download.look(system, path, f"{server.address}/a.tar", "a.tar")
    half = file.copy.with_suffix(".tmp")
    half.parent.mkdir(parents=True)
    half.symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"disk is full: a copy of a.tar needs 10.0") as caught:
        vt.open(f"{server.address}/a.tar")
    assert caught.value.where == str(half.parent)
    assert "VITREOUS_CACHE" in caught.value.remedy
    assert not [*half.parent.iterdir()]
    assert not said.notes  # nobody asks the server again for that
    assert len(vt.open(f"{server.address}/a.tar")) == 2


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the server of Python's library that lists it."""
    root = tmp_path / "served"

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    root.mkdir()
    httpd = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *arguments: Quiet(*arguments, directory=str(root))
    )
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield root, f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def plant(root: Path, count: int = 6) -> Path:
    for number in range(count):
        path = root / ("größe", "b c")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return root


def test_folders_are_mirrored_and_kept(listing: tuple[Path, str]) -> None:
    root, address = listing
    plant(root / "photos")
    data = vt.open(f"{address}/photos")
    assert data.name == "photos"
    assert data.classes == ("b c", "größe")
    first = {data.id(n): data.stamp(n) for n in range(6)}
    assert {data.id(n): data.stamp(n) for n in range(6)} == first
    changed = root / "photos" / "b c" / "1.png"
    changed.write_bytes(picture(77))
    os.utime(changed, (2_000_000_000, 2_000_000_000))  # this server tells whole seconds
    (root / "photos" / "b c" / "3.png").unlink()
    (root / "photos" / "b c" / "9.png").write_bytes(picture(9))
    data = vt.open(f"{address}/photos/")
    now = {data.id(n): data.stamp(n) for n in range(len(data))}
    assert now.keys() == first.keys() - {"b c/3.png"} | {"b c/9.png"}
    assert [name for name in now.keys() & first.keys() if now[name] != first[name]] == ["b c/1.png"]


def test_a_copy_may_have_the_name_of_our_own_list(server: Server) -> None:
    server.files["files.json"] = b"{}"
    with pytest.raises(DataError, match=r"files\.json"):
        vt.open(f"{server.address}/files.json")


def test_several_who_want_one_folder_fetch_it_once(
    listing: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, address = listing
    plant(root / "photos")
    fetched: Counter[str] = Counter()

    def counted(file, *arguments, **settings):
        fetched[file.name] += 1
        time.sleep(0.5)  # the others have listed the folder by then
        download.fetch(file, *arguments, **settings)

    monkeypatch.setattr("vitreous.data.remote.mirror.fetch", counted)
    with ThreadPoolExecutor(3) as executor:
        sizes = [*executor.map(lambda _: len(vt.open(f"{address}/photos")), range(3))]
    assert sizes == [6] * 3
    assert {*fetched.values()} == {1}


def test_folders_that_lie_too_deep_are_no_silent_loss(listing: tuple[Path, str]) -> None:
    root, address = listing
    plant(root / "photos" / "1" / "2" / "3" / "4" / "5" / "6" / "7")
    with pytest.raises(DataError, match="more than 6 folders in each other: 1/2/3/4/5/6/7"):
        vt.open(f"{address}/photos")
    assert len(vt.open(f"{address}/photos/1/2/3/4/5/6/7")) == 6


def test_folders_of_shards(listing: tuple[Path, str]) -> None:
    root, address = listing
    (root / "wds" / "train").mkdir(parents=True)
    (root / "wds" / "train" / "a.tar").write_bytes(tar(4))
    (root / "wds" / "val").mkdir()
    (root / "wds" / "val" / "a.tar").write_bytes(tar(2, 4))
    (root / "wds" / "README.md").write_text("words")
    data = vt.open(f"{address}/wds")
    assert repr(data).count("train 4, validation 2") == 1
    data = vt.open(f"{address}/wds/train/*.tar")
    assert len(data) == 4


def test_manifests_and_what_they_list(listing: tuple[Path, str]) -> None:
    root, address = listing
    plant(root / "in")
    lines = [f"{path.relative_to(root)},{path.parent.name}" for path in root.rglob("*.png")]
    (root / "list.csv").write_text("\n".join(["path,label", *lines]))
    data = vt.open(f"{address}/list.csv")
    assert (len(data), data.classes, data.name) == (6, ("b c", "größe"), "list")
    assert data[0].image.shape == (12, 12, 3)
    for path in ("../secret.png", "/etc/passwd", "..\\x.png"):
        (root / "list.csv").write_text(f"path,label\n{path},a\n")
        with pytest.raises(DataError, match="lies outside of its folder"):
            vt.open(f"{address}/list.csv")


def test_zip_archives(listing: tuple[Path, str]) -> None:
    root, address = listing
    with zipfile.ZipFile(root / "photos.zip", "w") as archive:
        for path in plant(root.parent / "in").rglob("*.png"):
            archive.write(path, path.relative_to(root.parent / "in"))
    data = vt.open(f"{address}/photos.zip")
    assert (len(data), data.name) == (6, "photos")
    first = data.stamp(0)
    assert vt.open(f"{address}/photos.zip").stamp(0) == first
    with zipfile.ZipFile(root / "photos.zip", "w") as archive:
        archive.writestr("a/1.png", picture(7))
    os.utime(root / "photos.zip", (2_000_000_000, 2_000_000_000))
    assert [vt.open(f"{address}/photos.zip").id(0)] == ["a/1.png"]
    assert len(vt.open(f"{address}/photos.zip")) == 1  # what the older one held is gone
    with zipfile.ZipFile(root / "evil.zip", "w") as archive:
        archive.writestr("../../evil.png", picture(1))
    with pytest.raises(DataError, match=r"evil.png, which lies outside of its folder"):
        vt.open(f"{address}/evil.zip")
    assert not [*root.parent.rglob("evil.png")]
    (root / "cut.zip").write_bytes((root / "photos.zip").read_bytes()[:200])
    with pytest.raises(DataError, match="is no zip archive that can be read"):
        vt.open(f"{address}/cut.zip")


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_disk_that_fills_up_keeps_no_half_of_a_mirror(listing: tuple[Path, str]) -> None:
    root, address = listing
    plant(root / "photos")
    mirror = Mirror(f"{address}/photos")
    files = listed(*file_system(f"{address}/photos"), f"{address}/photos")
    file = next(file for file in files if file.name == "b c/3.png")
    half = mirror.path / "b c" / f"{file.mark().hex()}.tmp"
    half.parent.mkdir(parents=True)
    half.symlink_to("/dev/full")
    with pytest.raises(
        StorageError, match=r"disk is full: a copy of photos needs 3.00.KiB"
    ) as caught:
        vt.open(f"{address}/photos")
    assert "VITREOUS_CACHE" in caught.value.remedy
    assert not [*cache_folder.folder().rglob("*.tmp")]
    assert len(vt.open(f"{address}/photos")) == 6


def test_a_disk_that_fills_up_keeps_no_half_of_an_archive(
    listing: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, address = listing
    with zipfile.ZipFile(root / "photos.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number % 2}/{number}.png", picture(number))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full: the content of photos"):
            vt.open(f"{address}/photos.zip")
    assert not [*cache_folder.folder().rglob("*.png")]
    assert not [*cache_folder.folder().rglob("*.tmp")]
    assert len(vt.open(f"{address}/photos.zip")) == 4


def test_mirrors_make_room_for_new_ones(
    listing: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while this process may read from them."""
    root, address = listing
    for name in ("old", "new", "newer"):
        plant(root / name)
    old = vt.open(f"{address}/old")
    monkeypatch.setattr(cache_folder, "BUDGET", 0)
    vt.open(f"{address}/new")
    assert old[0].image.shape == (12, 12, 3)
    for held in cache_folder._held.values():  # as at the end of the process
        os.close(held)
    cache_folder._held.clear()
    vt.open(f"{address}/new")  # complete: nobody has to go
    mirrors = cache_folder.folder() / "mirrors"
    assert {path.name for path in mirrors.glob("*/*")} == {"old", "new"}
    vt.open(f"{address}/newer")
    assert {path.name for path in mirrors.glob("*/*")} == {"new", "newer"}
    assert len(vt.open(f"{address}/old")) == 6


def test_other_file_systems(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for number in range(2):
        memory.pipe(f"/bucket/s/train-{number}.tar", tar(4, 4 * number))
    plant(tmp_path / "photos")
    assert len(vt.open("memory://bucket/s")) == 8
    assert len(vt.open("memory://bucket/s/train-{0..1}.tar")) == 8
    assert len(vt.open("memory://bucket/s/train-*.tar")) == 8
    assert len(vt.open((tmp_path / "photos").as_uri())) == 6
    with pytest.raises(DataError, match="there is no such file"):
        vt.open("memory://bucket/other.tar")


@pytest.mark.parametrize(
    ("address", "message", "remedy"),
    [
        ("s3://bucket/a.tar", "this address needs s3fs", "pip install s3fs"),
        ("gs://bucket/a.tar", "this address needs gcsfs", "pip install gcsfs"),
        ("htp://host/a.tar", "'htp'", "Did you mean http"),
        ("zip://a::http://host/a.zip", "'zip'", "Known"),
    ],
)
def test_what_is_missing_is_named(address: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        vt.open(address)
    assert remedy in caught.value.remedy


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="a password would be written") as caught:
        vt.open("https://me:secret@host/a.tar")
    assert "secret" not in str(caught.value)
    assert "host/a.tar" in str(caught.value)


def test_http_takes_passwords_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        system, path = file_system(f"http://127.0.0.1:{server.server_port}/a.tar")
        assert system.info(path)["size"] == 2
        server.shutdown()
    assert asked == ["Basic " + base64.b64encode(b"me:secret").decode()]
