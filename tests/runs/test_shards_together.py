"""Processes that train together on remote shards: fetched and packed once, one split for all."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Three shards, and how often each was sent."""
    root, sent, random = tmp_path / "served", Counter[str](), np.random.default_rng(0)
    root.mkdir()
    for shard in range(3):
        with tarfile.open(root / f"a-{shard}.tar", "w") as archive:
            for number in range(30):
                pixels = random.integers(0, 90, (12, 12, 3)) + 120 * (number % 2)
                picture = io.BytesIO()
                Image.fromarray(pixels.astype(np.uint8)).save(picture, "PNG")
                label = b"ab"[number % 2 :][:1]
                for kind, content in (("png", picture.getvalue()), ("cls", label)):
                    member = tarfile.TarInfo(f"{number:03d}.{kind}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))

    class Counting(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            sent[self.path] += 1
            super().do_GET()

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=str(root)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", sent
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.mark.slow
def test_two_processes_share_shards_pack_and_split(
    served: tuple[str, Counter[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, sent = served
    found = {}
    for processes in (1, 2):
        monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / f"cache {processes}"))
        sent.clear()
        out = tmp_path / f"run {processes}"
        command = [sys.executable, "-m", "vitreous", "train", f"{address}/a-{{0..2}}.tar"]
        command += ["--model=linear", "--epochs=2", f"--processes={processes}", f"--out={out}"]
        subprocess.run(command, check=True, capture_output=True)
        assert sent == {f"/a-{number}.tar": 1 for number in range(3)}
        (packed,) = (tmp_path / f"cache {processes}" / "packs").glob("*.rows")
        found[processes] = [packed.name, packed.read_bytes(), (out / "split.csv").read_bytes()]
    assert found[1] == found[2]
