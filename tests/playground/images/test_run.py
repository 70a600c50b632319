"""`vitreous play RUN`: a run that was really trained, opened in the view of images."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the playground's server needs the extra [serve]")
pytest.importorskip("httpx", reason="starlette's test client needs httpx")

from starlette.testclient import TestClient

import vitreous as vt
from vitreous.files import read_table
from vitreous.playground.images.image_socket import FILE
from vitreous.playground.images.own_run import OwnRun, Strip
from vitreous.playground.server.api import create_app
from vitreous.playground.server.frames import unpack
from vitreous.run_folder import RunFolder

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

        socket.send_bytes(bytes([FILE, 3, 0, 0, 0]) + picture.read_bytes())
        seen, maps = unpack(socket.receive_bytes())
        (expected,) = model.probabilities(model.contract.images(model.contract.load(picture)[None]))
        np.testing.assert_allclose(seen["probabilities"], expected, atol=1e-5)
        assert len([name for name in maps if name.startswith("maps")]) == len(network["layers"])

        assert seen["number"] == 3

        socket.send_json({"type": "strip"})
        strip, pictures = unpack(socket.receive_bytes())
        told = read_table(RunFolder(run).predictions)
        wrong = [row for row in told if row["part"] == "validation" and row["correct"] == "0"]
        first = [one for one in strip["images"] if one["kind"] == "mistakes"]
        assert len(first) == len(wrong)
        assert strip["images"][: len(first)] == first
        assert pictures["pictures"].shape == (len(strip["images"]), 88, 88, 3)
        assert {one["name"] for one in strip["images"]} <= {
            row["path"] for row in told if row["part"] == "validation"
        }
        for one in strip["images"]:
            socket.send_json({"type": "validation", "image": one["number"], "number": 5})
            opened, _ = unpack(socket.receive_bytes())
            assert opened["number"] == 5
            best = int(np.argmax(opened["probabilities"]))
            assert network["classes"][best] == one["answer"]
        for wrong_number in (-1, 1000, "0", None):
            socket.send_json({"type": "validation", "image": wrong_number, "number": 5})
            assert "no validation image" in socket.receive_json()["message"]

        socket.send_json({"type": "embedding"})
        assert "other images" in socket.receive_json()["message"]


def test_a_run_without_its_images_says_so(run: Path, photos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "run"
    shutil.copytree(run, elsewhere)
    written = (elsewhere / "recipe.yaml").read_text(encoding="utf-8")
    (elsewhere / "recipe.yaml").write_text(written.replace(str(photos), str(tmp_path / "gone")))
    for path, reason in ((elsewhere, "cannot be shown"), (run / "model.safetensors", "run folder")):
        with (
            TestClient(create_app(path), base_url=LOCAL) as client,
            client.websocket_connect("ws://127.0.0.1:7007/look") as socket,
        ):
            socket.send_json({"type": "open", "name": None})
            assert unpack(socket.receive_bytes())[0]["own"]
            socket.send_json({"type": "strip"})
            strip, _ = unpack(socket.receive_bytes())
            assert strip["images"] == []
            assert reason in strip["reason"]


def test_the_truth_is_drawn_where_it_lies(tmp_path: Path) -> None:
    """Masks: the strip begins with the weakest, and what is true comes with the answer."""
    for number in range(16):
        random = np.random.default_rng(number)
        image = random.integers(0, 90, (24, 30, 3), np.uint8)
        mask = np.zeros((24, 30), np.uint8)
        top, left = random.integers(0, 14, 2)
        mask[top : top + 10, left : left + 12] = 1
        image[mask == 1] += 120
        for kind, pixels in (("images", image), ("masks", mask)):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data" / kind / f"{number}.png"), pixels)
    trained = vt.train(tmp_path / "data", epochs=1, size=24, out=tmp_path / "run", seed=0)
    own = OwnRun.open(tmp_path / "run")
    strip = own.strip
    assert isinstance(strip, Strip)
    rows = [r for r in read_table(trained.folder.predictions) if r["part"] == "validation"]
    assert strip.shown[0].case.id == next(r["path"] for r in rows if r["rank"] == "1")
    shown, source = strip.image(0)
    drawn = strip.truth(shown, own.bundle)
    assert drawn is not None
    example = strip.dataset[shown.row]
    expected = own.bundle.task.truth(example.targets).draw(example.image)
    np.testing.assert_array_equal(drawn, expected)
    assert own.bundle.predict(source).text
