"""Denoising: clean pictures as targets, one noise for all measurements, pictures of any size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats.arrays import ArrayDataset, from_arrays
from vitreous.data.maps import Maps
from vitreous.data.noise import Noise
from vitreous.errors import DataError, UsageError
from vitreous.files import read_json
from vitreous.inference.model_file import load
from vitreous.inference.predictor import Predictor
from vitreous.inference.tiles import MARGIN, Tiling
from vitreous.models import create
from vitreous.report.build import write_report
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import Run, resume, train
from vitreous.tasks.denoise import Denoise

SIDE = 32


def smooth(count: int) -> np.ndarray:
    """Pictures of a few waves, in which noise is easily told from what is there."""
    random = np.random.default_rng(0)
    across = np.arange(SIDE) / SIDE
    waves = [
        np.sin(2 * np.pi * (a * across[:, None] + b * across + c))
        for a, b, c in random.uniform(-2, 2, (3 * count, 3))
    ]
    stacked = np.stack(waves).reshape(count, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.rint(128 + 80 * stacked).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = from_arrays(smooth(80), np.arange(80) % 2)
    out = tmp_path_factory.mktemp("denoise") / "run"
    return train(data, task="denoise", epochs=40, seed=1, out=out, augment="none")


def test_it_learns_on_images_of_any_kind(run: Run) -> None:
    scores = run.scores["test"]
    noisy = scores.baselines[0].score("psnr").value
    assert noisy == pytest.approx(20.2, abs=0.3)
    assert scores.psnr > noisy + 3
    assert "noise: gaussian:25" in run.folder.recipe.read_text()
    assert load(run.folder.path).task.noise == "gaussian:25"


def test_evaluation_adds_the_same_noise(run: Run) -> None:
    data = from_arrays(smooth(80), np.arange(80) % 2)
    again = evaluate(run.folder.path, data).to_json()["scores"]["test"]
    written = read_json(run.folder.scores)["scores"]["test"]
    assert again["psnr"] == pytest.approx(written["psnr"], abs=1e-6)
    assert again["ssim"] == pytest.approx(written["ssim"], abs=1e-6)


def test_the_report_shows_three_pictures_beside_each_other(run: Run) -> None:
    data = from_arrays(smooth(80), np.arange(80) % 2)
    page = write_report(run.folder.path, dataset=data).read_text(encoding="utf-8")
    assert "the noisy picture, the clean one, and the answer" in page
    assert page.count("<img") >= 10


def test_pictures_of_any_size_are_restored_whole(run: Run) -> None:
    """Nothing is resized: the answer to a part is the part of the answer, away from its edges."""
    noise = Noise.of("gaussian:25")
    picture = noise.held(np.tile(smooth(4)[:1], (1, 3, 2, 1))[0])  # 96 × 64
    answer = run.model.predict(picture)
    assert answer.pixels.shape == picture.shape
    clean = np.tile(smooth(4)[:1], (1, 3, 2, 1))[0]
    before, after = (
        float(((p.astype(float) - clean) ** 2).mean()) for p in (picture, answer.pixels)
    )
    assert after < before / 2
    saved = np.array(Image.open(io.BytesIO(answer.png())))
    np.testing.assert_array_equal(saved, answer.pixels)
    odd = run.model.predict(picture[:37, :51])
    assert odd.pixels.shape == (37, 51, 3)


def test_tiles_give_what_one_pass_gives() -> None:
    network = create("dncnn_small").eval()
    image = np.random.default_rng(0).integers(0, 256, (500, 430, 3), np.uint8)
    parts = torch.full((1, 3, 500, 430), torch.nan)
    with torch.inference_mode():
        whole = network(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
        for tile, crop in Tiling.of(network, 3, side=3 * MARGIN).tiles(image):
            parts[(..., *crop.image)] = crop(network(tile))
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


def test_what_is_outside_of_the_image_counts_nowhere() -> None:
    task = Denoise()
    draw = torch.Generator().manual_seed(0)
    outputs = torch.rand(2, 3, 20, 20, generator=draw).requires_grad_()
    clean = torch.rand(2, 3, 20, 20, generator=draw)
    inside = task.loss(outputs[..., :15], {"clean": clean[..., :15].contiguous()})
    clean[..., 15:] = torch.nan
    losses = task.loss(outputs, {"clean": clean})
    torch.testing.assert_close(losses, inside)
    (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    assert (gradient[..., 15:] == 0).all()
    assert torch.isfinite(gradient).all()
    meter, part = task.meter(), task.meter()
    meter.add(outputs, {"clean": clean})
    part.add(outputs[..., :15], {"clean": clean[..., :15]})
    np.testing.assert_allclose(meter.images, part.images)


def test_small_images_are_bordered_and_not_resized(tmp_path: Path) -> None:
    pictures = smooth(40)[:, :20, :28]
    found = train(from_arrays(pictures), task="denoise", size=32, epochs=1, out=tmp_path / "run")
    rule = found.scores["test"].baselines[0]
    assert rule.score("psnr").value == pytest.approx(20.2, abs=0.5)  # black borders would raise it


def test_pairs_are_used_as_they_are(tmp_path: Path) -> None:
    clean = smooth(40)
    noisy = np.stack([Noise.of("gaussian:50").held(each) for each in clean])
    column = Maps(np.float32(clean / 255), interpolation="linear", channels=3)
    data = ArrayDataset("pairs", noisy, {"clean": column})
    found = train(data, epochs=1, out=tmp_path / "run")
    assert found.model.task.name == "denoise"
    assert found.model.task.noise == ""
    assert found.scores["test"].baselines[0].score("psnr").value == pytest.approx(14.6, abs=0.5)
    with pytest.raises(UsageError, match="images are used as they are"):
        train(data, noise="gaussian:25", out="never")
    with pytest.raises(UsageError, match="would color the noisy pictures"):
        train(data, augment="standard", out="never")


def test_a_folder_of_pictures_that_nobody_has_sorted(place: Path) -> None:
    (place / "holiday").mkdir()
    for number, picture in enumerate(smooth(30)):
        Image.fromarray(picture).save(f"holiday/{number}.png")
    found = train("holiday", task="denoise", epochs=1)
    assert len(found.model.training["examples"]) == 3
    assert "read without classes: holiday" in found.folder.report.read_text()
    again = evaluate(found.folder.path, "holiday", split="all")
    assert again.scores["all"].count == 30
    with pytest.raises(DataError, match="in no class folder"):
        train("holiday", out="other")


def test_noise_without_a_task_that_asks_for_it_is_refused() -> None:
    with pytest.raises(UsageError, match="images are used as they are") as caught:
        train(from_arrays(smooth(20), np.arange(20) % 2), noise="gaussian:25", out="never")
    assert caught.value.where == "--noise gaussian:25"
    with pytest.raises(UsageError, match="unknown noise 'gausian'"):
        train(from_arrays(smooth(20)), task="denoise", noise="gausian:25", out="never")


def test_a_run_with_noise_that_was_cut_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitreous.runs.consumers import Checkpoints

    save = Checkpoints.save

    def cut(self: Checkpoints, state: Any, **parts: Any) -> None:
        save(self, state, **parts)
        if state.step == 3:
            raise KeyboardInterrupt

    recipe: dict[str, Any] = {"task": "denoise", "noise": "poisson:40", "epochs": 2, "seed": 3}
    recipe |= {"batch_size": 8, "checkpoint": 0.0}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", cut)
        train(from_arrays(smooth(24)), out=tmp_path / "cut", **recipe)
    again = resume(tmp_path / "cut", from_arrays(smooth(24)))
    whole = train(from_arrays(smooth(24)), out=tmp_path / "whole", **recipe)
    assert again.folder.model.read_bytes() == whole.folder.model.read_bytes()
    assert again.folder.predictions.read_bytes() == whole.folder.predictions.read_bytes()


def test_what_lies_beyond_the_border_is_the_mirrored_image() -> None:
    """So that the answer at a border is that of the same pixels within a picture."""
    network = create("dncnn_small").eval()
    contract = PixelContract(height=40, width=48, channels=3, fit="native")
    predictor = Predictor(model=network, task=Denoise(), contract=contract)
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    wide = np.pad(image, ((8, 8), (8, 8), (0, 0)), mode="reflect")
    with torch.inference_mode():
        given = network(torch.from_numpy(wide).permute(2, 0, 1)[None] / 255)[..., 8:-8, 8:-8]
    answer = predictor.answers(contract.images(image[None]))
    torch.testing.assert_close(answer, given)
    (shown,) = [predictor.predict(image).pixels]
    expected = (given[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(shown, expected)
