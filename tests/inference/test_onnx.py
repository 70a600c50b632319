"""The ONNX file: it answers as the network does, says what it is, and is not written otherwise."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import ModelError, StorageError, UsageError
from vitreous.inference import Bundle, to_onnx
from vitreous.inference.onnx import compare, convert
from vitreous.models import create
from vitreous.tasks import Label

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    arguments = {"num_classes": 3, "in_channels": 1, "size": 28, "mean": [0.13], "std": [0.31]}
    torch.manual_seed(0)
    return Bundle(
        model=create("lenet5", **arguments).to(memory_format=torch.channels_last).train(),
        architecture="lenet5",
        arguments=arguments,
        task=Label(classes=("ant", "bee", "naïve cat"), thresholds=(0.5, 0.25, 0.75)),
        contract=PixelContract(height=28, width=28, channels=1),
    )


@pytest.fixture(scope="module")
def written(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_onnx(bundle, tmp_path_factory.mktemp("onnx") / "lenet5.onnx")


def test_a_model_file_answers_the_same(bundle: Bundle, written: Path) -> None:
    session = runtime.InferenceSession(written)
    for count in (1, 4):
        pictures = np.random.default_rng(count).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
        images = bundle.contract.images(pictures)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        probabilities = torch.from_numpy(logits).sigmoid().numpy()
        np.testing.assert_allclose(probabilities, bundle.probabilities(images), atol=1e-6)


def test_what_the_file_says(written: Path) -> None:
    proto = onnx.load(written)
    onnx.checker.check_model(proto, full_check=True)
    found = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    assert found.pop("vitreous")
    assert found == {
        "architecture": "lenet5",
        "classes": ["ant", "bee", "naïve cat"],
        "contract": {"height": 28, "width": 28, "channels": 1, "fit": "crop"},
        "task": "label",
        "decoding": {"thresholds": [0.5, 0.25, 0.75]},
        "opset": proto.opset_import[0].version,
    }
    sizes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    assert sizes == {"images": ["batch", 1, 28, 28], "logits": ["batch", 3]}


def test_it_is_the_same_everywhere(bundle: Bundle, written: Path, tmp_path: Path) -> None:
    """The same bytes again, and no folder of this machine in them."""
    again = to_onnx(bundle, tmp_path / "again.onnx").read_bytes()
    assert again == written.read_bytes()
    assert b"lenet.py" not in again
    assert bundle.model.training  # as it was found


def test_opset(tmp_path: Path) -> None:
    path = to_onnx(create("linear", size=8), tmp_path / "linear.onnx", opset=18)
    assert onnx.load(path).opset_import[0].version == 18


@pytest.mark.parametrize("kind", ["fixed", "any"])
def test_a_network_knows_its_size(kind: str, tmp_path: Path) -> None:
    model = create("linear", size=(8, 12)) if kind == "fixed" else create("convnet")
    shape = [1, 8, 12] if kind == "fixed" else [3, 32, 32]
    session = runtime.InferenceSession(to_onnx(model, tmp_path / "network.onnx"))
    assert session.get_inputs()[0].shape == ["batch", *shape]


class Shift(nn.Module):
    """A module of the user's own, in which images may do what they should not."""

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        means: Tensor = images.mean((2, 3))
        if self.kind == "value" and means.sum() > 0:
            return means
        if self.kind == "number":
            return means.reshape(2, -1)
        return means / 0 if self.kind == "infinite" else means + 1


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the size of images for Shift") as error:
        to_onnx(Shift(), tmp_path / "shift.onnx")
    assert "images=torch.rand" in str(error.value.remedy)
    path = to_onnx(Shift(), tmp_path / "shift.onnx", images=torch.rand(2, 3, 5, 4))
    assert [entry.key for entry in onnx.load(path).metadata_props] == ["vitreous", "opset"]


@pytest.mark.parametrize("kind", ["value", "number"])
def test_what_cannot_be_traced_is_not_written(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "shift.onnx"
    with pytest.raises(ModelError, match="Shift cannot be written as ONNX") as error:
        to_onnx(Shift(kind), path, images=torch.rand(1, 3, 5, 4))
    assert "must not depend on values" in str(error.value.remedy)
    assert not path.exists()


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runtime.InferenceSession.run

    def slightly_wrong(session: Any, *arguments: Any) -> list[np.ndarray]:
        return [logits + 1e-3 for logits in run(session, *arguments)]

    monkeypatch.setattr(runtime.InferenceSession, "run", slightly_wrong)
    path, images = tmp_path / "shift.onnx", torch.rand(2, 3, 5, 4)
    with pytest.raises(ModelError, match=r"differs from the network by 0\.001") as error:
        to_onnx(Shift(), path, images=images)
    assert "tolerance=0.0001" in str(error.value.remedy)
    assert not path.exists()
    assert to_onnx(Shift(), path, images=images, tolerance=0.01) == path


def test_numbers_that_are_not_finite_do_not_agree(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nan"):
        to_onnx(Shift("infinite"), tmp_path / "shift.onnx", images=torch.rand(2, 3, 5, 4))
    compare(torch.zeros(2, 3), torch.zeros(2, 3), 1e-4)


def test_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        to_onnx(Shift(), tmp_path / "none" / "shift.onnx", images=torch.rand(2, 3, 5, 4))


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_the_missing_extra_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=f"needs the package {package}") as error:
        to_onnx(create("linear"), tmp_path / "linear.onnx")
    assert error.value.remedy == 'pip install "vitreous[export]"'


def test_it_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    to_onnx(Shift(), tmp_path / "shift.onnx", images=torch.rand(2, 3, 5, 4))
    assert capfd.readouterr() == ("", "")


def test_torchvision_is_not_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch would tell of each of its operators, where it is not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torchvision" else find(name)
    )
    logging.getLogger("torch.onnx._internal.exporter._registration").addHandler(caplog.handler)
    to_onnx(Shift(), tmp_path / "shift.onnx", images=torch.rand(2, 3, 5, 4))
    assert "torchvision" not in caplog.text


def test_a_network_with_several_outputs_is_refused(tmp_path: Path) -> None:
    class Named(nn.Module):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": images.mean((2, 3))}

    with pytest.raises(ModelError, match="gives a dict"):
        to_onnx(Named(), tmp_path / "x.onnx", images=torch.rand(1, 3, 4, 4))


def test_axes_that_may_have_any_length() -> None:
    network = nn.Conv2d(1, 2, 3, padding=1)
    blob = convert(Last(network), torch.rand(1, 9, 7, 1), free=("height", "width"))
    session = runtime.InferenceSession(blob)
    assert session.get_inputs()[0].shape == ["batch", "height", "width", 1]
    for shape in ((1, 4, 20, 1), (3, 9, 7, 1), (2, 31, 2, 1)):
        images = torch.rand(shape)
        (found,) = session.run(None, {"images": images.numpy()})
        np.testing.assert_allclose(found, Last(network)(images).detach(), atol=1e-5)


class Last(nn.Module):
    """A network for images (B, H, W, C)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.network(images.permute(0, 3, 1, 2))
        return found
