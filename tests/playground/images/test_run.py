"""`vitreous play RUN`: a run that was really trained, opened in the view of images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the playground's server needs the extra [serve]")
pytest.importorskip("httpx", reason="starlette's test client needs httpx")

from starlette.testclient import TestClient

import vitreous as vt
from vitreous.playground.images.image_socket import FILE
from vitreous.playground.server.api import create_app
from vitreous.playground.server.frames import unpack

LOCAL = "http://127.0.0.1:7007"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty little color photos of two kinds: warm ones and cold ones."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    generator = np.random.default_rng(0)
    for name, color in (("cold", (200, 90, 30)), ("warm", (30, 90, 200))):  # blue, green, red
        (folder / name).mkdir(parents=True)
        for number in range(20):
            noise = generator.normal(0, 40, (24, 20, 3))
            image = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return folder


@pytest.fixture(scope="module")
def run(photos: Path) -> Path:
    out = photos.parent / "run"
    vt.train(photos, model="convnet", size=16, epochs=2, batch_size=8, out=out, seed=0)
    return out


def test_a_run_is_opened_by_its_folder(run: Path, photos: Path) -> None:
    model = vt.load(run)
    picture = photos / "warm" / "3.png"
    with (
        TestClient(create_app(run), base_url=LOCAL) as client,
        client.websocket_connect("ws://127.0.0.1:7007/look") as socket,
    ):
        socket.send_json({"type": "open", "name": None})
        network, arrays = unpack(socket.receive_bytes())
        assert network["name"] == "run"
        assert network["names"]["run"] == "run"
        assert network["classes"] == ["cold", "warm"]
        assert (network["channels"], network["height"], network["width"]) == (3, 16, 16)
        assert not network["digits"]
        first = next(m for m in model.model.modules() if m.__class__.__name__ == "Conv2d")
        scale = float(first.weight.detach().abs().max())
        kernels = (arrays["filters"].transpose(0, 3, 1, 2) / 127.5 - 1) * scale
        np.testing.assert_allclose(kernels, first.weight.detach(), atol=scale / 255)

        socket.send_bytes(bytes([FILE]) + picture.read_bytes())
        seen, maps = unpack(socket.receive_bytes())
        (expected,) = model.probabilities(model.contract.images(model.contract.load(picture)[None]))
        np.testing.assert_allclose(seen["probabilities"], expected, atol=1e-5)
        assert len([name for name in maps if name.startswith("maps")]) == len(network["layers"])

        socket.send_json({"type": "embedding"})
        assert "other images" in socket.receive_json()["message"]
