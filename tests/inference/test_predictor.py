"""The predictor takes an image in every form in which people have one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import DataError
from vitreous.inference.predictor import Predictor
from vitreous.tasks.classify import Classify


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    return Predictor(
        model=vt.create("lenet5", num_classes=3, in_channels=3, size=32),
        task=Classify(classes=("ant", "bee", "cat")),
        contract=PixelContract(height=32, width=32, channels=3),
    )


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 20, 28, 3), np.uint8)


def encoded(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


FORMS = {
    "array": lambda image: image,
    "fractions": lambda image: image / 255,
    "tensor of bytes": lambda image: torch.from_numpy(image).movedim(-1, 0),
    "tensor of fractions": lambda image: torch.from_numpy(image).movedim(-1, 0) / 255,
    "Pillow": Image.fromarray,
    "bytes": encoded,
}


@pytest.mark.parametrize("form", FORMS)
def test_one_image_in_any_form(predictor, pixels, form) -> None:
    expected = predictor.predict(pixels[0])
    assert predictor.predict(FORMS[form](pixels[0])) == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [list, tuple])
def test_several_images_in_any_form(predictor, pixels, form, kind) -> None:
    expected = [predictor.predict(image) for image in pixels]
    found = predictor.predict(kind(map(FORMS[form], pixels)))
    assert [answer.text for answer in found] == [answer.text for answer in expected]


def test_a_batch_is_several_images(predictor, pixels) -> None:
    expected = predictor.predict([*pixels])
    tensor = torch.from_numpy(pixels).movedim(-1, 1)
    for batch in (pixels, pixels / 255, tensor, (tensor / 255).double()):
        assert predictor.predict(batch) == expected


def test_a_folder_stands_for_its_images(
    predictor: Predictor, pixels: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    for name, image in zip(("below/a.png", "b.png", "c.png"), pixels, strict=False):
        (tmp_path / name).write_bytes(encoded(image))
    (tmp_path / "notes.txt").write_text("no image")
    paths = [tmp_path / name for name in ("b.png", "below/a.png", "c.png")]
    assert predictor.predict(tmp_path) == predictor.predict(paths)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image in it"):
        predictor.predict(tmp_path / "empty")


def test_an_answer_shows_itself(predictor: Predictor, pixels: np.ndarray) -> None:
    answer = predictor.predict(pixels[0], top=2)
    shown = answer._repr_html_()
    assert all(name in shown for name, _ in answer.top)
    assert f"width:{answer.top[0][1]:.1%}" in shown
