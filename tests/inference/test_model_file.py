"""The model file: what was saved comes back to the last bit, and nothing false is believed."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import ImageError, ModelFileError, RunError, UsageError
from vitreous.inference.header import Header
from vitreous.inference.model_file import Bundle, load
from vitreous.models import create
from vitreous.tasks import Classify

CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def bundle() -> Bundle:
    torch.manual_seed(0)
    arguments = {
        "num_classes": 3,
        "in_channels": 1,
        "size": 28,
        "mean": [0.13],
        "std": [0.31],
    }
    return Bundle(
        model=create("lenet5", **arguments).eval(),
        architecture="lenet5",
        arguments=arguments,
        task=Classify(classes=CLASSES),
        contract=PixelContract(height=28, width=28, channels=1),
        training={"data": "insects"},
    )


@pytest.fixture
def images() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (28 + k, 31, 1), dtype=np.uint8) for k in range(5)]


def rewrite(path: Path, change: Any) -> None:
    """Change the JSON header of a model file in place; the tensors stay."""
    blob = path.read_bytes()
    (length,) = struct.unpack("<Q", blob[:8])
    whole = json.loads(blob[8 : 8 + length])
    header = json.loads(whole["__metadata__"]["vitreous"])
    change(header)
    whole["__metadata__"]["vitreous"] = json.dumps(header)
    text = json.dumps(whole).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob[8 + length :])


def test_a_loaded_model_is_the_saved_one(
    bundle: Bundle, images: list[np.ndarray], tmp_path: Path
) -> None:
    path = bundle.save(tmp_path / "model.safetensors")
    loaded = load(path)
    assert load(tmp_path).classes == CLASSES  # the folder of a run
    for field in ("architecture", "arguments", "classes", "contract", "training"):
        assert getattr(loaded, field) == getattr(bundle, field)
    assert loaded.task.name == bundle.task.name
    for name, tensor in bundle.model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], tensor, rtol=0, atol=0)
    before = bundle.outputs(bundle.images(images))
    assert torch.equal(loaded.outputs(loaded.images(images)), before)
    assert not loaded.model.training


def test_the_same_model_gives_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    first, second = (bundle.save(tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_normalization_travels_with_the_file(bundle: Bundle, tmp_path: Path) -> None:
    loaded = load(bundle.save(tmp_path / "m"))
    assert loaded.model.normalize.mean.item() == pytest.approx(0.13)


def test_predictions_are_names(bundle: Bundle, images: list[np.ndarray]) -> None:
    found = bundle.predict(images, top=2)
    assert [prediction.label in CLASSES for prediction in found] == [True] * 5
    probabilities = bundle.outputs(bundle.images(images)).softmax(1)
    for prediction, row in zip(found, probabilities, strict=True):
        assert prediction.label == CLASSES[row.argmax()]
        assert prediction.score == pytest.approx(row.max())
        assert len(prediction.top) == 2
    assert bundle.predict(images[0], top=2) == found[0]


def test_an_unreadable_image_is_named(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"<html>")
    with pytest.raises(ImageError) as caught:
        bundle.predict(tmp_path / "x.jpg")
    assert caught.value.where == str(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(format=99), "format 99"),
        (lambda h: h.update(architecture="resnet81"), "unknown model 'resnet81'"),
        (lambda h: h.update(architecture="os.system"), "unknown model"),
        (lambda h: h.update(classes=[]), "classes"),
        (lambda h: h.update(classes=[1, 2, 3]), "classes"),
        (lambda h: h.update(classes="abc"), "'classes'"),
        (lambda h: h.update(sha256=None), "'sha256'"),
        (lambda h: h.update(probe="none"), "'probe'"),
        (lambda h: h.update(probe=[0.5] * 2000), "'probe'"),
        (lambda h: h.update(probe=[0.5, 0.5, 0.5]), "answers otherwise"),
        (lambda h: h.update(probe=[]), "answers otherwise"),
        (lambda h: h.update(task="exec"), "unknown task"),
        (lambda h: h.update(precision="int1"), "unknown precision"),
        (lambda h: h.update(task="label", decoding={"thresholds": [2.0, 0, 0]}), "thresholds"),
        (lambda h: h.update(decoding={"thresholds": [0.5] * 3}), "decoding"),
        (lambda h: h.update(decoding=[]), "'decoding'"),
        (lambda h: h["contract"].update(height=10**9), "pixel contract"),
        (lambda h: h["contract"].update(extra=1), "pixel contract"),
        (lambda h: h["arguments"].update(num_classes=10**9), "1000000000"),
        (lambda h: h["arguments"].update(num_classes=4), r"\(4,"),
        (lambda h: h["arguments"].update(pretrained="http://example.com/x"), "elsewhere"),
        (lambda h: h["arguments"].update(bogus=1), "bogus"),
        (lambda h: h["arguments"].update(widths=[10**9]), "'widths'"),
        (lambda h: h["arguments"].update(mean=[0.5] * 10**5), "'mean'"),
        (lambda h: h["arguments"].update(size=[10**6, 10**6]), "'size'"),
        (lambda h: h["arguments"].update(size={"height": 28}), "'size'"),
        (lambda h: h.update(architecture="resnet18", arguments={"depths": [10**6] * 4}), "depths"),
        (lambda h: h.update(architecture="efficientnet_b0", arguments={"depth": 1e6}), "'depth'"),
        (lambda h: h.update(architecture="vit_ti16", arguments={"patch": 0}), "no network"),
        (lambda h: h["arguments"].update(mean=[0.5, float("nan")]), "'mean'"),
        (lambda h: h["training"].update(split=3), "'split'"),
        (lambda h: h["training"].update(split={"test": float("nan")}), "'split'"),
        (lambda h: h["training"].update(split={"test": True}), "'split'"),
        (lambda h: h["training"].update(split={"seed": 1}), "'split'"),
        (lambda h: h["training"].update(split={"test": 1.5}), "'split'"),
        (lambda h: h["training"].update(split={"validation": 0.5, "test": 0.5}), "'split'"),
        (lambda h: h["training"].update(best_epoch="last"), "'best_epoch'"),
        (lambda h: h["training"].update(data=["x"]), "'data'"),
        (lambda h: h.update(sha256="0" * 64), "checksum"),
        (lambda h: h.pop("training"), "'training'"),
    ],
)
def test_a_header_that_lies_is_refused(
    bundle: Bundle, tmp_path: Path, change: Any, message: str
) -> None:
    path = bundle.save(tmp_path / "model.safetensors")
    rewrite(path, change)
    with pytest.raises((ModelFileError, UsageError), match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_cut_file_is_refused_at_any_length(bundle: Bundle, tmp_path: Path) -> None:
    blob = bundle.save(tmp_path / "whole").read_bytes()
    path = tmp_path / "cut"
    for length in [0, 1, 7, 8, 9, 100, 1000, len(blob) // 2, len(blob) - 1]:
        path.write_bytes(blob[:length])
        with pytest.raises(ModelFileError) as caught:
            load(path)
        assert caught.value.where == str(path)


def test_a_flipped_bit_is_noticed(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.save(tmp_path / "model.safetensors")
    blob = bytearray(path.read_bytes())
    blob[-5] ^= 1
    path.write_bytes(blob)
    with pytest.raises(ModelFileError, match="checksum"):
        load(path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    # The path in the text names a pickle, too: the message alone counts.
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert caught.value.message == "is a pickle, no model file"
    torch.save({"weight": torch.ones(2)}, path)
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert caught.value.message == "is a zip archive, no model file"
    assert not Path("exploded").exists()


def test_numbers_that_are_not_finite_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    with torch.no_grad():
        next(bundle.model.parameters()).view(-1)[0] = torch.nan
    with pytest.raises(ModelFileError, match="not finite"):
        load(bundle.save(tmp_path / "m"))


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        load(tmp_path / "model.safetensors")
    assert "run folder" in str(caught.value.remedy)
    with pytest.raises(RunError, match="is not a run folder"):
        load(tmp_path)


def test_weights_of_other_tools_are_told_apart(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelFileError, match="no vitreous header"):
        load(tmp_path / "w.safetensors")


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images.flatten(1))


def test_a_network_of_ones_own_is_passed_in(tmp_path: Path) -> None:
    own = Own().eval()
    bundle = Bundle(
        model=own,
        architecture=None,
        arguments={},
        task=Classify(classes=("a", "b")),
        contract=PixelContract(height=2, width=2, channels=1),
    )
    path = bundle.save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="not one of vitreous' own"):
        load(path)
    again = load(path, module=Own())
    torch.testing.assert_close(again.model.layer.weight, own.layer.weight, rtol=0, atol=0)
    with pytest.raises(ModelFileError, match="is missing"):
        load(path, module=nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))


def test_a_header_is_read_without_the_weights(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.save(tmp_path / "model.safetensors")
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    path.write_bytes(whole[: 8 + length])
    assert Header.of(path).task.classes == CLASSES
    path.write_bytes(whole[: 7 + length])
    with pytest.raises(ModelFileError, match="cut"):
        Header.of(path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        Header.of(tmp_path / "missing")


def test_a_file_of_the_first_format_is_read(bundle: Bundle, tmp_path: Path) -> None:
    """It had no decoding; thresholds of labels stood in its place."""
    path = bundle.save(tmp_path / "model.safetensors")

    def older(header: dict[str, Any]) -> None:
        del header["decoding"]
        header |= {"format": 1, "task": "label", "thresholds": [0.5, 0.25, 0.75]}

    rewrite(path, older)
    assert load(path).task.to_json() == {"thresholds": [0.5, 0.25, 0.75]}
