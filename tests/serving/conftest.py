"""Small networks with answers that differ, as model files, and servers in front of them."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("fastapi", reason="serving needs the extra [serve]")
pytest.importorskip("uvicorn", reason="serving needs the extra [serve]")
pytest.importorskip("python_multipart", reason="serving needs the extra [serve]")
pytest.importorskip("httpx", reason="starlette's test client needs httpx")

from starlette.testclient import TestClient

from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.serving import http_server
from vitreous.serving.application import create_app
from vitreous.serving.journal import Journal
from vitreous.serving.limits import Limits
from vitreous.serving.shelf import opened
from vitreous.tasks import Classify

LOCAL = "http://127.0.0.1:8000"


def classifier(seed: int = 0, channels: int = 3) -> Bundle:
    torch.manual_seed(seed)
    arguments = {"num_classes": 3, "in_channels": channels, "size": (24, 32)}
    return Bundle(
        model=create("lenet5", **arguments).eval(),
        architecture="lenet5",
        arguments=arguments,
        task=Classify(classes=("ant", "bee", "cat")),
        contract=PixelContract(height=24, width=32, channels=channels),
    )


def png(seed: int = 0, size: tuple[int, int] = (32, 24), kind: str = "PNG") -> bytes:
    """A picture of noise, as a file."""
    random = np.random.default_rng(seed)
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier().save(tmp_path_factory.mktemp("served") / "insects.safetensors")


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(model: Path) -> Iterator[Serve]:
    """A client of a server with these limits, inside of this process."""
    with contextlib.ExitStack() as stack:

        def start(*paths: Path, token: str = "", anywhere: bool = False, **limits: float):
            app = create_app(
                opened(paths or [model]),
                limits=Limits(**limits),
                token=token,
                anywhere=anywhere,
                journal=Journal(stream=io.StringIO()),
            )
            return stack.enter_context(TestClient(app, base_url=LOCAL))

        yield start


class Inside:
    """Starts servers in threads of this process, on sockets of their own."""

    def __init__(self, serve: Serve) -> None:
        self.serve, self.running = serve, []
        self.journal: Journal

    def __call__(self, **limits: float) -> int:
        import uvicorn

        app = self.serve(**limits).app
        self.journal = app.state.server.journal
        listener = http_server.listening("127.0.0.1", 0)
        config = uvicorn.Config(
            app, http=http_server.PatientProtocol, ws="none", log_config=None, access_log=False,
            lifespan="off", h11_max_incomplete_event_size=http_server.BYTES,
        )  # fmt: skip
        server = http_server.GracefulServer(config, app.state.server)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        self.running.append((server, thread, listener))
        return int(listener.getsockname()[1])


@pytest.fixture
def inside(serve: Serve) -> Iterator[Inside]:
    """A server whose settings a test may change."""
    servers = Inside(serve)
    yield servers
    for server, thread, listener in servers.running:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Process:
    """A server in a process of its own."""

    def __init__(
        self, process: subprocess.Popen[str], port: int, following: str, errors: Path
    ) -> None:
        self.process, self.port, self.next, self.errors = process, port, following, errors

    @property
    def log(self) -> str:
        return self.errors.read_text()

    @property
    def memory(self) -> float:
        """Resident, in MiB."""
        return self._mebibytes("VmRSS")

    @property
    def peak(self) -> float:
        """The most that was resident, in MiB."""
        return self._mebibytes("VmHWM")

    def _mebibytes(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


@pytest.fixture
def started(model: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """`vitreous serve` with these arguments, ended when the test does."""
    processes = []

    def start(*arguments: str, path: Path = model) -> Process:
        command = [sys.executable, "-m", "vitreous", "serve", str(path), "--port", "0", *arguments]
        errors = tmp_path / f"{len(processes)}.log"
        with errors.open("w") as file:  # a pipe that nobody reads would stop the server
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
        processes.append(process)
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:(\d+)", process.stdout.readline())
        assert found, errors.read_text()
        return Process(process, int(found[1]), process.stdout.readline(), errors)

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


@pytest.fixture(name="png")
def png_of() -> Callable[..., bytes]:
    return png


@pytest.fixture(name="classifier")
def classifier_of() -> Callable[..., Bundle]:
    return classifier
