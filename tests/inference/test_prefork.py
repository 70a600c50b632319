"""Servers that fork their workers, gunicorn and Celery: a worker answers as its parent does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitreous as vt

pytestmark = pytest.mark.slow

# Loaded where the module is read: with --preload before the workers are forked, else in each.
WSGI = """
import json, os
import numpy as np
import vitreous as vt

model = vt.load(os.environ["MODEL"])
model.predict(np.zeros((160, 160, 3), np.uint8))  # its threads are there when it is forked

def app(environ, start):
    found = model.predict(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([os.getpid(), found.label, found.score]).encode()]
"""
ASGI = """
import os
from pathlib import Path
from vitreous.serving.application import create_app
from vitreous.serving.shelf import opened

app = create_app(opened([Path(os.environ["MODEL"])]))
"""
TASKS = """
import os
import numpy as np
import vitreous as vt
from celery import Celery

app = Celery("predicting", broker="filesystem://", backend="file://" + os.environ["PLACE"])
queue = {"data_folder_in": os.environ["PLACE"], "data_folder_out": os.environ["PLACE"]}
app.conf.broker_transport_options = queue
model = vt.load(os.environ["MODEL"])
model.predict(np.zeros((160, 160, 3), np.uint8))

@app.task
def predict(path):
    found = model.predict(path)
    return [os.getpid(), found.label, found.score]
"""
ASK = """
import json, sys
from predicting import predict

waiting = [predict.delay(path) for path in sys.argv[1:]]
print(json.dumps([each.get(timeout=120) for each in waiting]))
"""


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    random, found = np.random.default_rng(0), []
    for _ in range(8):
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (160, 160, 3), np.uint8)).save(file, "PNG")
        found.append(file.getvalue())
    return found


@contextlib.contextmanager
def running(place: Path, model: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "MODEL": str(model), "PLACE": str(place), "OMP_NUM_THREADS": "2"}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=place, env=environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def agrees(found: list[Any], model: Path, pictures: list[bytes]) -> None:
    """With the answers of this process; several workers gave them."""
    own = [vt.load(model).predict(each) for each in pictures]
    assert [label for _, label, _ in found] == [each.label for each in own]
    assert [score for *_, score in found] == pytest.approx([each.score for each in own], abs=1e-5)


@pytest.mark.parametrize(
    ("program", "flags"),
    [
        (WSGI, []),
        (WSGI, ["--preload"]),
        (WSGI, ["--preload", "--threads", "4"]),
        (ASGI, ["-k", "uvicorn_worker.UvicornWorker"]),
        (ASGI, ["--preload", "-k", "uvicorn_worker.UvicornWorker"]),
    ],
    ids=["each loads", "preloaded", "with threads", "asgi", "asgi preloaded"],
)
def test_gunicorn(
    model: Path, pictures: list[bytes], tmp_path: Path, program: str, flags: list[str]
) -> None:
    pytest.importorskip("gunicorn")
    if program == ASGI:
        pytest.importorskip("uvicorn_worker")
    (tmp_path / "predicting.py").write_text(program)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def ask(picture: bytes) -> Any:
        request = urllib.request.Request(f"http://{address}/predict", picture)
        with urllib.request.urlopen(request, timeout=60) as reply:
            found = json.load(reply)
        if isinstance(found, list):
            return found
        (answer,) = found["predictions"]
        return [0, answer["label"], answer["score"]]

    command = ["gunicorn", "-w", "2", "-b", address, *flags, "predicting:app"]
    with running(tmp_path, model, *command) as server:
        until = time.monotonic() + 120
        while time.monotonic() < until and server.poll() is None:
            with contextlib.suppress(OSError):
                ask(pictures[0])
                break
            time.sleep(0.2)
        with ThreadPoolExecutor(4) as pool:
            found = [*pool.map(ask, pictures * 3)]
    log = (tmp_path / "log").read_text()
    agrees(found, model, pictures * 3)
    assert server.returncode == 0, log
    assert "Traceback" not in log, log


def test_celery(model: Path, pictures: list[bytes], tmp_path: Path) -> None:
    pytest.importorskip("celery")
    (tmp_path / "predicting.py").write_text(TASKS)
    (tmp_path / "ask.py").write_text(ASK)
    names = [str(tmp_path / f"{number}.png") for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Path(name).write_bytes(picture)
    worker = ["celery", "-A", "predicting", "worker", "--pool", "prefork", "-c", "2"]
    with running(tmp_path, model, *worker, "--without-gossip", "--without-mingle"):
        done = subprocess.run(
            [sys.executable, "ask.py", *names],
            cwd=tmp_path,
            env={**os.environ, "MODEL": str(model), "PLACE": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr + (tmp_path / "log").read_text()
    agrees(json.loads(done.stdout), model, pictures)
