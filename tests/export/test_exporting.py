"""An exported run: it answers alike, is refused otherwise, and is of use without vitreous."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vitreous as vt
from vitreous.cli.main import run as command
from vitreous.errors import DataError, ModelError, ModelFileError, UsageError
from vitreous.export import exporting
from vitreous.export.exporting import export
from vitreous.export.quantize import normalized_at_once, worth
from vitreous.files import read_json
from vitreous.runs.run import Run

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
PAGE = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("export") / "digits"
    return vt.train("digits", model="lenet5", epochs=2, out=out, precision="float32")


@pytest.fixture(scope="module")
def written(trained: Run) -> exporting.Exported:
    return export(trained.folder.path)


def test_it_agrees_with_its_run_on_real_images(trained: Run, written: exporting.Exported) -> None:
    assert written.path == trained.folder.path / "export" / "model.onnx"
    assert written.parity.images == written.parity.same == 64
    assert written.parity.difference < 1e-4
    assert read_json(written.report)["parity"]["holds"]
    exported, digits = vt.load(written.path), vt.open("digits")
    images = [digits.read(index) for index in range(40)]
    assert exported.task.temperature == trained.model.task.temperature != 1
    for one, other in zip(exported.predict(images), trained.model.predict(images), strict=True):
        assert one.label == other.label
        assert one.score == pytest.approx(other.score, abs=1e-5)
    found = vt.evaluate(written.path, "digits", split="validation").scores["validation"]
    assert found.accuracy == trained.scores["validation"].accuracy


def test_probabilities_of_the_file_are_calibrated(
    trained: Run, written: exporting.Exported
) -> None:
    """Any number of images, as bytes, without anything done to them."""
    session = runtime.InferenceSession(written.path)
    digits, contract = vt.open("digits"), trained.model.contract
    for count in (1, 2, 7):
        rows = np.stack([contract.load(digits.read(index)) for index in range(count)])
        logits, found = session.run(["logits", "probabilities"], {"pixels": rows})
        expected = trained.model.probabilities(contract.images(rows))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        warm = logits / trained.model.task.temperature
        softmax = np.exp(warm) / np.exp(warm).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, softmax, atol=1e-5)


def test_the_page_works_without_vitreous(written: exporting.Exported, tmp_path: Path) -> None:
    """The program of docs/export.md, in a process that cannot import vitreous or torch."""
    (program,) = [
        text
        for text in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "onnxruntime" in text
    ]
    assert len(program.splitlines()) <= 40
    place = tmp_path / "runs/digits/export"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(written.path.read_bytes())
    digits = vt.open("digits")
    contract = vt.load(written.path).contract
    row = contract.load(digits.read(3))
    Image.fromarray(row[..., 0]).save(tmp_path / "3.png")
    blocked = "import sys\nsys.modules['vitreous'] = sys.modules['torch'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == vt.load(written.path).predict(row).label


def test_an_answer_needs_nothing_that_wrote_the_file(
    written: exporting.Exported, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "x.png")
    program = """
import sys
from vitreous.cli.main import run
assert run(["predict", sys.argv[1], "x.png", "--quiet"]) == 0
slow = {"onnx", "onnxscript", "torch._dynamo", "sympy", "scipy", "sklearn", "openvino"}
print("onnxruntime" in sys.modules, sorted(slow & set(sys.modules)))
"""
    asked = [sys.executable, "-c", program, str(written.path)]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True []"


def test_what_differs_is_not_written(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a network whose outputs are off by a little."""
    make = exporting.onnx_bytes

    def altered(bundle: Any, rows: Any) -> bytes:
        off = vt.create("lenet5", **bundle.arguments)
        off.load_state_dict(bundle.model.state_dict())
        last = [name for name, _ in off.named_parameters()][-1]
        off.get_parameter(last).data += 0.5
        return make(replace(bundle, model=off), rows)

    monkeypatch.setattr(exporting, "onnx_bytes", altered)
    with pytest.raises(ModelError, match="does not agree with its run"):
        export(trained.folder.path, out=tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_eight_bits_tell_what_they_cost(trained: Run) -> None:
    found = export(trained.folder.path, quantize="int8")
    assert found.path.name == "model.int8.onnx"
    assert found.scores is not None
    before, after = found.scores
    assert before.accuracy == trained.scores["validation"].accuracy
    assert after.accuracy >= before.accuracy - 0.01
    note = found.notes[-1]
    assert "→" in note
    assert read_json(found.report)["validation"]["before"]["interval"]
    with pytest.raises(ModelError, match="eight bits lose too much"):
        worth(before, replace(before, accuracy=before.accuracy - 0.02), 0.01)
    assert worth(before, replace(before, accuracy=before.accuracy - 0.02), 0.03)


def test_normalization_is_one_operator(written: exporting.Exported) -> None:
    model = onnx.load(written.path)
    made = normalized_at_once(onnx.load(written.path))
    before, after = (Counter(node.op_type for node in each.graph.node) for each in (model, made))
    assert before - after == {"Div": 2, "Sub": 1}
    assert after - before == {"BatchNormalization": 1}
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    expected, found = (
        runtime.InferenceSession(each.SerializeToString()).run(None, {"pixels": pixels})
        for each in (model, made)
    )
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"to": "coreml"}, "Apple's systems alone"),
        ({"to": "tflite"}, "unknown format"),
        ({"to": "openvino", "out": "model.onnx"}, "does not end in .xml"),
        ({"quantize": "bf16"}, "bf16 is no format"),
        ({"out": "model.txt"}, "does not end in .onnx"),
    ],
)
def test_what_is_not_offered(trained: Run, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        export(trained.folder.path, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classes", "clean"])
def test_images_of_any_size(kind: str, tmp_path: Path) -> None:
    """A network that keeps the size of images has a file that does, also through `vt.load`."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 24, 24, 3), dtype=np.uint8)
    usual: dict[str, Any] = {"epochs": 1, "precision": "float32", "out": tmp_path / "run"}
    if kind == "classes":
        run = vt.train((images, np.arange(30) % 2), fit="native", model="convnet", **usual)
    else:
        run = vt.train(images, task="denoise", fit="native", **usual)
    data = (images, np.arange(30) % 2) if kind == "classes" else images
    found = export(run.folder.path, data=data)
    assert found.parity.same == found.parity.images
    session, model = runtime.InferenceSession(found.path), vt.load(found.path)
    assert session.get_inputs()[0].shape == ["batch", "height", "width", 3]
    for height, width in ((24, 24), (37, 50), (64, 33), (9, 80)):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        own = run.model.outputs(run.model.contract.around(height, width).images(image[None]))
        np.testing.assert_allclose(session.run(None, {"pixels": image[None]})[0], own, atol=1e-4)
        one, other = model.predict(image), run.model.predict(image)
        if kind == "classes":
            assert (one.label, one.score) == (other.label, pytest.approx(other.score, abs=1e-5))
        else:
            assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1  # rounded to bytes
    if kind == "clean":
        with pytest.raises(ModelError, match="as a whole"):
            model.predict(np.zeros((1100, 1000, 3), np.uint8))


@pytest.mark.parametrize("quantize", ["", pytest.param("int8", marks=pytest.mark.slow)])
def test_openvino(trained: Run, written: exporting.Exported, tmp_path: Path, quantize: Any) -> None:
    pytest.importorskip("openvino")
    out = tmp_path / "model.xml"
    beside = tmp_path / written.report.name
    beside.write_bytes(written.report.read_bytes())
    found = export(trained.folder.path, to="openvino", quantize=quantize, out=out)
    assert {path.suffix for path in tmp_path.iterdir()} == {".xml", ".bin", ".json"}
    assert beside.read_bytes() == written.report.read_bytes()  # that of ONNX stays
    assert read_json(found.report)["file"] == str(out)
    assert found.parity.same >= (63 if quantize else 64)
    exported, digits = vt.load(found.path), vt.open("digits")
    images = [digits.read(index) for index in range(40)]
    assert exported.classes == trained.model.classes
    near = 0.1 if quantize else 1e-5
    for one, other in zip(exported.predict(images), trained.model.predict(images), strict=True):
        assert one.label == other.label
        assert one.score == pytest.approx(other.score, abs=near)
    with ThreadPoolExecutor(4) as pool:  # each thread has a request of its own
        scores = [*pool.map(lambda image: exported.predict(image).score, images)]
    assert scores == pytest.approx([each.score for each in exported.predict(images)], abs=1e-5)
    with pytest.raises(ModelError, match="16 × 16, and these are 18 × 16"):
        exported.outputs(torch.zeros(1, 1, 18, 16))
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ModelFileError, match="no OpenVINO file that can be run"):
        vt.load(out)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(ModelFileError, match="cannot be read") as caught:
        vt.load(out)
    assert "two files" in str(caught.value.remedy)


def test_the_missing_package_is_named(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "x.xml").write_bytes(b"")
    for work in (
        lambda: export(trained.folder.path, to="openvino"),
        lambda: vt.load(tmp_path / "x.xml"),
    ):
        with pytest.raises(UsageError, match="package openvino") as caught:
            work()
        assert "vitreous[export,openvino]" in str(caught.value.remedy)


def test_other_data_are_refused(trained: Run) -> None:
    with pytest.raises(DataError, match="cannot be opened"):
        export(trained.folder.path, data="no such place")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"<html>")
    with pytest.raises(ModelFileError, match="no ONNX file that can be run"):
        vt.load(tmp_path / "x.onnx")
    from vitreous.inference import to_onnx

    path = to_onnx(vt.create("linear", size=8), tmp_path / "plain.onnx")
    with pytest.raises(ModelFileError, match="does not say what its answers mean") as caught:
        vt.load(path)
    assert "vitreous export" in str(caught.value.remedy)


def test_pixels_between_bytes_and_saving_are_refused(
    written: exporting.Exported, tmp_path: Path
) -> None:
    model = vt.load(written.path)
    images = model.images([np.full((16, 16, 1), 7, np.uint8)])
    model.outputs(images)
    with pytest.raises(ModelError, match="pixels that are bytes"):
        model.outputs(images + 0.3 / 255)
    with pytest.raises(ModelError, match="16 × 16, and these are 18 × 16"):
        model.outputs(torch.zeros(1, 1, 18, 16))
    with pytest.raises(UsageError, match="holds tensors alone"):
        model.save(tmp_path / "model.safetensors")


def test_the_command(trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "x.onnx"
    assert command(["export", str(trained.folder.path), "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(out)
    assert found["bytes"] == out.stat().st_size
