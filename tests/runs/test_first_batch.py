"""The first batch as it is shown: what training sees, and targets where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitreous as vt
from vitreous.cli.main import run
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.runs import phases
from vitreous.runs.first_batch import FirstBatch, first_batch

RECIPE = Recipe(model="linear", epochs=1, augment="strong", pretrained="no")


def shown(data: Any, recipe: Recipe, count: int = 8) -> FirstBatch:
    return first_batch(data, recipe, count, Progress())


def test_it_is_what_training_sees(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    whole = phases.augmented_batches

    def spied(setup: Any) -> Any:
        batches = whole(setup)
        seen.append(next(iter(batches.epoch(0))))
        return batches

    found = shown(str(photos), RECIPE)
    monkeypatch.setattr(phases, "augmented_batches", spied)
    run = vt.train(str(photos), RECIPE, out="run", progress=False)
    (batch,) = seen
    for place, sight in enumerate(found.sights):
        image = (batch.images[place].permute(1, 2, 0) * 255).round().byte().numpy()
        np.testing.assert_array_equal(sight.after, image)
        assert not np.array_equal(sight.before, sight.after)
    parts = {line.split(",")[0].rpartition("/")[2] for line in run.folder.split.read_text().split()}
    assert {sight.path.rpartition("/")[2] for sight in found.sights} <= parts


def test_a_mask_lies_on_its_thing_before_and_after(tmp_path: Path) -> None:
    """White squares, masked: what is drawn over them differs from what is drawn beside them."""
    chance = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(12):
        x, y = chance.integers(0, 32, 2)
        picture = np.zeros((48, 48), np.uint8)
        picture[y : y + 16, x : x + 16] = 255
        Image.fromarray(picture).save(tmp_path / f"images/{number}.png")
        Image.fromarray(picture // 255).save(tmp_path / f"masks/{number}.png")
    recipe = Recipe(task="segment", model="unet_small", augment="turn", epochs=1, size=48)
    for sight in shown(str(tmp_path), recipe, 6).sights:
        for picture in (sight.before, sight.after):
            bright = picture.max(axis=2) > 128
            tinted = np.ptp(picture.astype(int), axis=2) > 20
            assert bright.any()
            assert (tinted == bright).mean() > 0.9


@pytest.mark.parametrize(
    ("flags", "said"),
    [(["--count", "0"], "Give 1 or more"), (["--out", "batch.png"], "ends in .html")],
)
def test_bad_requests(
    photos: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", str(photos), *flags]) == 2
    assert said in capsys.readouterr().err


def test_the_page(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["show", str(photos), "--model", "linear", "--count", "5", "--quiet"]
    assert run([*command, "--out", "seen.html"]) == 0
    assert capsys.readouterr().out == "seen.html\n"
    assert Path("seen.html").read_text().count("<figure>") == 5
