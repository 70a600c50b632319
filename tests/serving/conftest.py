"""Small networks with answers that differ, as model files, and servers in front of them."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
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


def png(seed: int = 0, size: tuple[int, int] = (32, 24)) -> bytes:
    """A picture of noise, as a file."""
    random = np.random.default_rng(seed)
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(file, "PNG")
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


class Process:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int, following: str) -> None:
        self.process, self.port, self.next = process, port, following

    @property
    def memory(self) -> float:
        """Resident, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


@pytest.fixture
def started(model: Path) -> Iterator[Callable[..., Process]]:
    """`vitreous serve` with these arguments, ended when the test does."""
    processes = []

    def start(*arguments: str, path: Path = model) -> Process:
        command = [sys.executable, "-m", "vitreous", "serve", str(path), "--port", "0", *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:(\d+)", process.stdout.readline())
        assert found, process.communicate(timeout=20)
        return Process(process, int(found[1]), process.stdout.readline())

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
