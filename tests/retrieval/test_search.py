"""From a model, a folder and an image to the images like it, and to how good that is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.formats.open import open as open_data
from vitreous.errors import DataError, ImageError, ModelError, ModelFileError, UsageError
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.retrieval import encoder, search
from vitreous.retrieval.encoder import Encoder


def test_an_image_finds_its_copy_and_then_its_like(
    photos: Path, seeing: Bundle, tmp_path: Path
) -> None:
    query = tmp_path / "copy.png"
    query.write_bytes((photos / "red" / "3.png").read_bytes())
    found = search(seeing, photos, query, top=10)
    assert found.count == 40
    assert found.matches[0].path == "red/3.png"
    assert found.matches[0].score == pytest.approx(1, abs=1e-6)
    assert all(match.label == "red" for match in found.matches)
    assert found.votes == [("red", 10)]
    scores = [match.score for match in found.matches]
    assert scores == sorted(scores, reverse=True)


def test_an_image_of_the_data_does_not_find_itself(photos: Path, seeing: Bundle) -> None:
    query = photos / "red" / "3.png"
    found = search(seeing, photos, query, top=40)
    assert len(found.matches) == 39
    assert "red/3.png" not in [match.path for match in found.matches]
    assert "is not looked for in itself" in found.notes[-1]
    shown = search(seeing, photos, query.read_bytes(), top=1)  # of bytes nobody knows the place
    assert shown.matches[0].path == "red/3.png"


def test_scores_are_cosines_of_what_enters_the_last_layer(photos: Path, seeing: Bundle) -> None:
    """The linear classifier's features are pixels, normalized: (x / 255 − 0.5) / 0.25."""

    def features(path: str) -> np.ndarray:
        with Image.open(photos / path) as image:
            return ((np.asarray(image) / 255 - 0.5) / 0.25).ravel()

    found = search(seeing, photos, photos / "blue" / "0.png", top=40)
    a = features("blue/0.png")
    for match in found.matches[::5]:
        b = features(match.path)
        expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert match.score == pytest.approx(expected, abs=2e-3)  # features are kept in float16


def test_each_image_looks_for_the_others(photos: Path, seeing: Bundle) -> None:
    found = search(seeing, photos, photos / "red" / "3.png", top=5)
    assert found.measured == "40 images among the 39 others"
    assert found.scores is not None
    assert found.scores.map == 1
    assert found.scores.first == 1
    assert found.scores.recall == pytest.approx(5 / 19)


def test_parts_ask_training_images(photos: Path, seeing: Bundle) -> None:
    for part, numbers in (("train", range(12)), ("val", range(12, 16)), ("test", range(16, 20))):
        for name in ("red", "blue"):
            (photos / part / name).mkdir(parents=True)
            for number in numbers:
                (photos / name / f"{number}.png").rename(photos / part / name / f"{number}.png")
    for name in ("red", "blue"):
        (photos / name).rmdir()
    found = search(seeing, photos, photos / "test" / "red" / "16.png")
    assert found.measured == "8 validation images among 24 training images"
    assert found.count == 40


def test_what_it_was_trained_on_is_no_question(photos: Path, seeing: Bundle) -> None:
    """A run's own validation part asks, as its training left it aside."""
    trained = replace(seeing, training={"split": {"validation": 0.25, "test": 0.0}})
    found = search(trained, photos, photos / "red" / "3.png")
    assert "validation images among" in found.measured
    assert found.scores is not None
    assert found.scores.queries < 30


def test_loose_images_have_no_classes(photos: Path, seeing: Bundle) -> None:
    found = search(seeing, photos / "red", photos / "blue" / "1.png", top=3)
    assert found.count == 20
    assert found.votes == []
    assert found.scores is None
    assert json.loads(json.dumps(found.to_json()))["scores"] is None
    assert {match.labels for match in found.matches} == {()}
    assert any("read without classes" in note for note in found.notes)


def test_an_album_in_folders_of_any_names(photos: Path, seeing: Bundle) -> None:
    """Years with months are no classes, but images all the same; what is passed over is said."""
    for year in ("2023", "2024"):
        for month, name in (("may", "red"), ("june", "blue")):
            place = photos / "album" / year / month
            place.mkdir(parents=True)
            for path in sorted((photos / name).iterdir())[:3]:
                (place / path.stem).write_bytes(path.read_bytes())
    (photos / "album/1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    found = search(seeing, photos / "album", photos / "blue" / "1.png", top=3)
    assert found.count == 12
    assert any("1 HEIC photo (.heic)" in note for note in found.notes)


def test_several_labels_an_image(seeing: Bundle) -> None:
    """Relevant is what shares a label; an image without labels asks nothing."""
    random = np.random.default_rng(0)
    targets = np.array([[1, 0, 0]] * 6 + [[1, 1, 0]] * 6 + [[0, 0, 1]] * 6 + [[0, 0, 0]], np.uint8)
    images = random.integers(0, 255, (19, 16, 16, 3), dtype=np.uint8)
    found = search(seeing, (images, targets), images[0], top=18)
    assert found.scores is not None
    assert found.scores.queries == 18
    assert found.scores.recall == 1
    assert found.scores.precision == pytest.approx((12 * 11 + 6 * 5) / (18 * 18))
    assert {match.labels for match in found.matches} >= {("0",), ("0", "1"), ("2",)}


LABELS = {
    "unlabeled": None,
    "numbers": np.linspace(0, 1, 6),
    "masks": np.random.default_rng(1).integers(0, 3, (6, 16, 16)),
}


@pytest.mark.parametrize("kind", LABELS)
def test_images_without_classes_of_their_own_are_found(seeing: Bundle, kind: str) -> None:
    """There is nothing to compare the answers by, so nothing is measured."""
    images = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    found = search(seeing, (images, LABELS[kind]), images[2], top=3)
    assert found.matches[0].index == 2
    assert found.scores is None
    assert {match.labels for match in found.matches} == {()}


def test_features_are_computed_once(
    photos: Path, seeing: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search(seeing, photos, photos / "red" / "3.png")
    assert len(list((cache / "features").glob("*.npy"))) == 1
    rows: list[int] = []
    of = Encoder.of

    def counting(self: Encoder, sources: list[Path]) -> np.ndarray:
        rows.append(len(sources))
        return of(self, sources)

    monkeypatch.setattr(Encoder, "of", counting)
    again = search(seeing, photos, photos / "red" / "3.png")
    assert again.matches == first.matches
    assert rows == [1]
    assert len(list((cache / "features").glob("*.npy"))) == 1


def test_damaged_images_are_named_and_left_out(photos: Path, seeing: Bundle) -> None:
    (photos / "red" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = search(seeing, photos, photos / "red" / "3.png", top=40)
    assert found.count == 39
    assert "red/0.png" in found.notes[0]
    assert "red/0.png" not in {match.path for match in found.matches}


def test_what_cannot_be_searched(photos: Path, seeing: Bundle, tmp_path: Path) -> None:
    query = photos / "red" / "3.png"
    with pytest.raises(UsageError, match="0 is out of range"):
        search(seeing, photos, query, top=0)
    with pytest.raises(ImageError):
        search(seeing, photos, tmp_path / "none.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        search(seeing, tmp_path / "empty", query)
    with pytest.raises(UsageError, match="no weights come with resnet18"):
        encoder("resnet18")
    with pytest.raises(ModelFileError):
        encoder(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="no one vector"):
        encoder(replace(seeing, model=create("unet_small", num_classes=2)))


def test_a_published_network_brings_its_pixels() -> None:
    seeing = encoder("efficientnet_lite0")
    assert seeing.contract.shape == (224, 224, 3)
    gray = np.full((30, 40, 3), 128, np.uint8)
    assert seeing.of([gray]).shape == (1, 1280)


def test_parts_that_were_handed_in_are_not_known_again(photos: Path, seeing: Bundle) -> None:
    fingerprint = open_data(photos).fingerprint
    for training, warned in (
        ({"split": None, "fingerprint": fingerprint}, True),
        ({"split": None, "fingerprint": "of other data"}, False),
        ({"split": {"validation": 0.2, "test": 0.1}, "fingerprint": fingerprint}, False),
        ({}, False),
    ):
        found = search(replace(seeing, training=training), photos, photos / "red" / "3.png")
        assert any("trained on a part of these images" in note for note in found.notes) == warned


def test_one_image_is_one_image(photos: Path, seeing: Bundle) -> None:
    kept = photos.parent / "few" / "red"
    kept.mkdir(parents=True)
    for name in ("1.png", "2.png"):
        (photos / "red" / name).rename(kept / name)
    other = photos.parent / "few" / "blue"
    other.mkdir()
    (photos / "blue" / "1.png").rename(other / "1.png")
    found = search(seeing, photos.parent / "few", kept / "1.png")
    assert found.measured == "3 images among the 2 others"
