"""Images that keep their own size are answered whole, whatever is asked of them: refusing, attacks,
explanations, several networks together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import vitreous as vt
from vitreous.inference import predictor
from vitreous.runs.robustness import robustness

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (48, 24, 24, 3), dtype=np.uint8)
LARGE = RANDOM.integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs that tell classes, and two that take noise away."""
    place = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        usual = {"epochs": 1, "seed": seed, "progress": False, "doctor": False}
        classes = (PICTURES, np.arange(48) % 2)
        vt.train(classes, fit="native", model="convnet", out=place / f"classes{seed}", **usual)
        vt.train(PICTURES, task="denoise", out=place / f"clean{seed}", **usual)
    return place


def test_refusing_answers_as_predict_does(runs: Path) -> None:
    model = vt.load(runs / "classes0")
    answer, refused = model.predict(LARGE), model.predict(LARGE, reject=True)
    assert getattr(refused, "nearest", refused) == answer


def test_an_attack_and_an_explanation_are_of_the_whole_image(runs: Path) -> None:
    model = vt.load(runs / "classes0")
    example = model.attack(LARGE, steps=1)
    assert example.attacked.shape == LARGE.shape
    assert example.before == model.predict(LARGE)
    assert model.explain(LARGE).answer == model.predict(LARGE)


@pytest.mark.parametrize("kind", ["classes", "clean"])
def test_an_ensemble_is_the_mean_of_whole_answers(runs: Path, kind: str) -> None:
    models = [vt.load(runs / f"{kind}{seed}") for seed in (0, 1)]
    both = vt.ensemble(models).predict(LARGE)
    each = [model.predict(LARGE) for model in models]
    if kind == "classes":
        mean = np.mean([dict(one.top)[both.label] for one in each])
        assert both.score == pytest.approx(mean, abs=1e-6)
    else:
        pixels = np.stack([one.pixels.astype(float) for one in each])
        inside = ((pixels > 0) & (pixels < 255)).all(axis=0)  # others are cut off later
        assert inside.mean() > 0.5
        assert np.abs(both.pixels - pixels.mean(axis=0))[inside].max() <= 1  # rounded one by one


def test_an_ensemble_refuses_what_is_answered_in_tiles(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "WHOLE", 1000)
    with pytest.raises(vt.errors.UsageError, match="answered in tiles"):
        vt.ensemble([runs / "clean0", runs / "clean1"]).predict(LARGE)


def test_without_a_change_the_score_is_that_of_evaluate(runs: Path) -> None:
    found, _ = robustness(runs / "clean0", PICTURES, eps=8, steps=1, split="all", progress=False)
    scores = vt.evaluate(runs / "clean0", PICTURES, split="all", progress=False).scores["all"]
    assert found.clean == scores.psnr


def test_a_certificate_is_of_whole_images_of_one_size(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitreous.explain import explainer

    seen = []

    def prove(model: object, images: object, *rest: object, **more: object) -> None:
        seen.append(images)

    monkeypatch.setattr(explainer, "prove", prove)
    model = vt.load(runs / "classes0")
    model.certify([LARGE, LARGE[:, ::-1], LARGE[::-1], 255 - LARGE])
    assert tuple(seen[0].shape) == (4, 3, 40, 56)
    with pytest.raises(vt.errors.UsageError, match="4 of these have 56 × 40 pixels"):
        model.certify([*[LARGE] * 4, PICTURES[0]])


def test_what_is_kept_of_an_image_is_shown_at_its_own_size(runs: Path, tmp_path: Path) -> None:
    from PIL import Image

    from vitreous.cli.explain_views import Asked, perceive

    paths = []
    for name, pixels in (("large", LARGE), ("small", PICTURES[0])):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(pixels).save(paths[-1])
    asked = Asked(model=runs / "classes0", bundle=vt.load(runs / "classes0"), paths=paths)
    large, small = perceive(asked)
    assert [large.name[-2:], small.name[-2:]] == ["-1", "-2"]
    shown = [{picture.pixels.shape[:2] for picture in plate.pictures} for plate in (large, small)]
    assert shown == [{(40, 56)}, {(24, 24)}]
