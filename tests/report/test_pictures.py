"""Pictures of a report are those of its cases; on drawn ones stand truth and answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vitreous.data.formats.open import open as open_data
from vitreous.errors import ModelError
from vitreous.report.pictures import GAP, loaded, pictures, side_by_side
from vitreous.tasks.section import Case, Gallery

GRAYS = np.arange(5, dtype=np.uint8) * 50


@dataclass(frozen=True)
class Level:
    """An answer that is drawn as a red of its own."""

    red: int

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        drawn = np.repeat(image[..., :1], 3, axis=2)
        drawn[..., 0] = self.red
        return drawn


class Levels:
    """A task whose truth is the number of an image's class."""

    def truth(self, targets: Any) -> Level:
        return Level(10 * int(targets["class"]))


class Model:
    """A model that answers by a function, and explains by another."""

    def __init__(self, predict: Any = None, explain: Any = None) -> None:
        self.predict, self.explain = predict, explain


def data() -> Any:
    """Five images of one gray each."""
    return open_data((GRAYS[:, None, None].repeat(40, 1).repeat(30, 2), np.arange(5)))


def gallery(*ids: str, drawn: bool = False) -> Gallery:
    return Gallery(anchor="x", title="X", cases=[Case(id=one) for one in ids], drawn=drawn)


def opened(image: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(image)) as found:
        return np.asarray(found.convert("RGB"))


def test_each_case_has_its_image_and_what_is_gone_is_left_out() -> None:
    dataset: Any = data()
    names = [dataset.id(row) for row in (3, 1)]
    task: Any = Levels()
    ((shown, found),) = pictures(dataset, [gallery(names[0], "gone", names[1])], task)
    assert [picture.case.id for picture in found] == names
    assert [opened(picture.image)[0, 0, 0] for picture in found] == [150, 50]
    assert not shown.drawn


def test_truth_stands_left_and_the_answer_right() -> None:
    dataset: Any = data()
    task: Any = Levels()
    asked = []

    def predict(source: Any) -> Any:
        asked.append(int(source[0, 0, 0]))
        return Level(200)

    one = gallery(dataset.id(4), drawn=True)
    ((shown, found),) = pictures(dataset, [one], task, Model(predict))
    assert shown.drawn
    assert asked == [200]  # about the image itself
    image = opened(found[0].image)
    assert image.shape[1] > 1.4 * image.shape[0]
    left, middle, right = image[80, 40], image[80, image.shape[1] // 2], image[80, -40]
    assert left.astype(int) == pytest.approx([40, 200, 200], abs=6)  # JPEG
    assert middle.astype(int) == pytest.approx([255, 255, 255], abs=25)
    assert right.astype(int) == pytest.approx([200, 200, 200], abs=6)


def test_evidence_stands_beside_the_image() -> None:
    dataset: Any = data()
    task: Any = Levels()
    names = [dataset.id(row) for row in (4, 0)]

    def explain(sources: list[Any]) -> list[Any]:
        red = np.zeros((40, 30, 3), np.uint8) + np.array([250, 0, 0], np.uint8)
        return [SimpleNamespace(image=source, overlay=red) for source in sources]

    one = replace(gallery("gone", *names), explained=True)
    model: Any = Model(explain=explain)
    ((shown, found),) = pictures(dataset, [one], task, model)
    assert shown.explained
    assert [picture.case.id for picture in found] == names
    image = opened(found[0].image)
    assert image[80, 40].astype(int) == pytest.approx([200, 200, 200], abs=6)
    assert image[80, -40].astype(int) == pytest.approx([250, 0, 0], abs=6)

    def refuse(sources: list[Any]) -> list[Any]:
        raise ModelError("has no gradients")

    ((shown, found),) = pictures(dataset, [one], task, Model(explain=refuse))
    assert not shown.explained
    assert opened(found[0].image).shape == (40, 30, 3)


def test_without_a_model_drawn_cases_are_plain_images() -> None:
    dataset: Any = data()
    task: Any = Levels()
    ((shown, found),) = pictures(dataset, [gallery(dataset.id(1), drawn=True)], task)
    assert not shown.drawn
    assert opened(found[0].image).shape == (40, 30, 3)


def test_a_model_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no model")
    model, notes = loaded(path)
    assert model is None
    assert "no answer is drawn" in notes[0].text


@pytest.mark.parametrize("side", [1, 50, 300])
def test_two_images_side_by_side_keep_their_pixels(side: int) -> None:
    left = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    joint = side_by_side(left, 255 - left)
    times = max(1, 192 // side)
    assert joint.shape == (side * times, 2 * side * times + GAP, 3)
    np.testing.assert_array_equal(joint[::times, : side * times : times], left)
    np.testing.assert_array_equal(joint[::times, -side * times :: times], 255 - left)
