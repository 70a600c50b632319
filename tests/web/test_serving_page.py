"""The page of `vitreous serve` in a browser: a picture gets the answer of predict."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("uvicorn", reason="serving needs the extra [serve]")

import uvicorn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.serving.application import create_app
from vitreous.serving.http_server import GracefulServer
from vitreous.serving.journal import Journal
from vitreous.serving.port import listening
from vitreous.serving.shelf import opened
from vitreous.tasks import Classify

TOKEN = "long enough"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    arguments = {"num_classes": 3, "in_channels": 3, "size": 24}
    return Bundle(
        model=create("lenet5", **arguments).eval(),
        architecture="lenet5",
        arguments=arguments,
        task=Classify(classes=("ant", "bee", "cat")),
        contract=PixelContract(height=24, width=24, channels=3),
    ).save(tmp_path_factory.mktemp("page") / "insects.safetensors")


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """A server that asks for a token."""
    app = create_app(
        opened([model]), token=TOKEN, journal=Journal(quiet=True, stream=io.StringIO())
    )
    listener = listening("127.0.0.1", 0)
    config = uvicorn.Config(app, ws="none", log_config=None, access_log=False)
    server = GracefulServer(config, app.state.server)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


def test_a_picture_is_answered_on_a_phone_in_the_dark(
    browser: Any, address: str, model: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "a picture with a long name and no end 2026.png"
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(picture)
    (tmp_path / "notes.txt").write_text("no picture")
    wrong: list[str] = []
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme="dark", reduced_motion="reduce"
    )
    page: Any = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((address, "data:", "blob:"))
            or wrong.append(asked.url))  # fmt: skip
    page.goto(address)
    page.fill("#token", TOKEN)
    page.click("#token-form button")
    page.locator("#facts", has_text="3 classes").wait_for()
    assert page.locator("#token-form").is_hidden()
    page.check("#why")
    page.set_input_files("#file", [picture])
    page.locator("figcaption", has_text="evidence").wait_for()
    (answer,) = opened([model])[0].bundle.predict([picture])
    assert page.locator("article h2").inner_text() == answer.label
    assert f"{100 * answer.score:.1f} %" in page.locator(".bars").inner_text()
    page.set_input_files("#file", [tmp_path / "notes.txt"])
    page.locator("#error", has_text="notes.txt: is text").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    context.close()
    assert not wrong
