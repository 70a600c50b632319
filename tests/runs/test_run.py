"""Whole runs on data and networks of every kind, in seconds each."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

from vitreous.errors import DataError, DivergedError, ImageError, ModelFileError, RunError
from vitreous.files import read_json, read_lines, read_table
from vitreous.inference import load, to_onnx
from vitreous.runs import loop as learning
from vitreous.runs.consumers import Checkpoints
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import Run, resume, train
from vitreous.runs.setup import TrainingSetup
from vitreous.training.history import averaged

QUICK: dict[str, Any] = {"model": "linear", "epochs": 2}


def files(run: Run) -> dict[str, bytes]:
    names = ("model.safetensors", "metrics.jsonl", "predictions.csv")
    return {name: (run.folder.path / name).read_bytes() for name in names}


# Data


def test_several_labels_from_a_csv_to_a_report(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe: dict[str, Any] = {"model": "lenet5", "size": 28, "epochs": 4, "checkpoint": 0.0}
    run = train(labels, **recipe)
    assert run.model.task.name == "label"
    assert run.scores["test"].headline.name == "map"
    assert run.scores["test"].map is not None
    assert run.scores["test"].map > 0.6
    # Thresholds were chosen on validation, travel with the file, and decide predictions.
    thresholds = run.model.task.to_json()["thresholds"]
    assert len(thresholds) == 3
    assert set(thresholds) != {0.5}
    loaded = load(run.folder.path)
    assert loaded.task.to_json() == {"thresholds": thresholds}
    rows = read_table(run.folder.predictions)
    sources: list[Any] = [labels.parent / row["path"] for row in rows]
    answers = loaded.predict(sources)
    assert [answer.text for answer in answers] == [row["predicted"] for row in rows]
    assert {row["correct"] for row in rows} == {"0", "1"}
    assert any(row["label"] == "none" for row in rows)
    again = evaluate(run.folder.path, labels).to_json()["scores"]["test"]
    assert again["map"] == run.scores["test"].map
    page = run.folder.report.read_text()
    assert page.count("<img") > 12
    # Interrupted and resumed, it ends in the same bytes.
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            train(labels, out="cut", **recipe)
    assert files(resume("cut")) == files(run)


def interrupt_at(patch: pytest.MonkeyPatch, step: int) -> None:
    original = Checkpoints.save

    def save(self: Any, position: Any, **parts: Any) -> None:
        original(self, position, **parts)
        if position.step == step:
            signal.raise_signal(signal.SIGINT)

    patch.setattr(Checkpoints, "save", save)


@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_six_channels(place: Path, suffix: str) -> None:
    """Six spectral bands: trained, measured, predicted and written as ONNX, which agrees."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    bands = partial(tifffile.imwrite, photometric="minisblack", planarconfig="contig")
    write = {"npy": np.save, "tif": bands}[suffix]
    random = np.random.default_rng(0)
    for number, name in enumerate(("left", "right")):
        (place / "spectra" / name).mkdir(parents=True)
        for k in range(24):
            image = random.integers(0, 100, (20, 22, 6), dtype=np.uint8)
            image[..., number::2] += 100
            write(place / "spectra" / name / f"{k}.{suffix}", image)
    run = train(place / "spectra", model="convnet", epochs=6)
    assert run.model.contract.channels == 6
    assert run.scores["test"].accuracy == 1
    assert evaluate(run.folder.path, place / "spectra").scores["test"].accuracy == 1
    assert load(run.folder.path).predict(image).label == "right"
    assert load(run.folder.path).predict(place / "spectra" / "left" / f"3.{suffix}").label == "left"
    assert run.folder.report.read_text().count("<img") > 6
    # Other images than those that the export was compared on.
    sources: list[Any] = sorted((place / "spectra").glob(f"*/*.{suffix}"))
    images = run.model.images(sources)
    path = to_onnx(run.model, place / "spectra.onnx")
    (logits,) = runtime.InferenceSession(path).run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = run.model.model(images)
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=0, atol=1e-4)
    assert (logits.argmax(1) == np.repeat((0, 1), 24)).all()


def test_the_mean_of_the_weights_is_what_is_measured(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With statistics of batch norm that are its own; and the same after an interruption."""
    recipe: dict[str, Any] = {"model": "convnet", "epochs": 3, "swa": 0.5, "checkpoint": 0}
    taken = []
    original = TrainingSetup.recalibrate
    monkeypatch.setattr(
        TrainingSetup, "recalibrate", lambda self: taken.append(1) or original(self)
    )
    run = train("digits", **recipe)
    history = read_lines(run.folder.metrics)
    assert [row["averaged"] > 0 for row in history] == [False, True, True]
    assert len(taken) == averaged(history) == 1
    with monkeypatch.context() as patch:
        interrupt_at(patch, 50)
        with pytest.raises(KeyboardInterrupt):
            train("digits", out="cut", **recipe)
    assert files(resume("cut")) == files(run)


def test_a_class_with_one_image_trains_on_it(photos: Path) -> None:
    for path in sorted((photos / "bee").iterdir())[1:]:
        path.unlink()
    run = train(photos, **QUICK)
    parts = {row["split"] for row in read_table(run.folder.split) if row["label"] == "bee"}
    assert parts == {"train"}
    assert any("unequal" in note for note in read_json(run.folder.scores)["notes"])
    assert "no example of bee" in run.folder.report.read_text()


def test_two_images_are_the_least(place: Path) -> None:
    """No validation, no test: a run all the same, and it says so."""
    for name, level in (("dark", 10), ("light", 240)):
        (place / "two" / name).mkdir(parents=True)
        Image.new("L", (16, 16), level).save(place / "two" / name / "0.png")
    run = train(place / "two", **QUICK)
    assert run.scores == {}
    assert run.model.predict(place / "two" / "light" / "0.png").label in ("dark", "light")
    notes = " ".join(read_json(run.folder.scores)["notes"])
    assert "nothing is held out" in notes
    assert run.folder.report.is_file()


def test_damaged_images_are_left_out_named_and_counted(photos: Path) -> None:
    (photos / "ant" / "3.png").write_bytes(b"")
    (photos / "cat" / "7.png").write_bytes(b"<html><body>404")
    run = train(photos, **QUICK)
    assert {row["id"] for row in read_table(run.folder.quarantine)} == {"ant/3.png", "cat/7.png"}
    examples = run.model.training["examples"]
    assert sum(examples.values()) == 58
    page = run.folder.report.read_text()
    assert "cat/7.png" in page
    assert "HTML" in page


def test_damaged_images_are_an_error_if_asked(photos: Path) -> None:
    (photos / "cat" / "7.png").write_bytes(b"<html><body>404")
    with pytest.raises(ImageError, match="HTML") as caught:
        train(photos, bad_images="raise", **QUICK)
    assert caught.value.where is not None
    assert "cat/7.png" in caught.value.where
    assert "--bad-images skip" in str(caught.value.remedy)


def test_files_missing_from_a_table(photos: Path) -> None:
    rows = [("path", "label")]
    rows += [(f"{path.parent.name}/{path.name}", path.parent.name) for path in photos.glob("*/*")]
    rows.append(("cat/gone.png", "cat"))
    with (photos / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(DataError, match="missing"):
        train(photos / "labels.csv", bad_images="raise", **QUICK)
    run = train(photos / "labels.csv", **QUICK)
    assert any("gone.png" in note for note in read_json(run.folder.scores)["notes"])


def test_a_table_with_a_row_without_label(photos: Path) -> None:
    (photos / "labels.csv").write_text("path,label\nant/0.png,ant\nbee/0.png,\n")
    with pytest.raises(DataError, match=r"row 3 .* has no label"):
        train(photos / "labels.csv", **QUICK)


def test_all_images_of_the_other_classes_are_damaged(photos: Path) -> None:
    """What was to be told apart is only found out while decoding."""
    for path in [*(photos / "ant").iterdir(), *(photos / "bee").iterdir()]:
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="training images are of the class 'cat'") as caught:
        train(photos, **QUICK)
    assert "40 of 60 images cannot be read" in caught.value.message


def test_copies_are_counted_and_told(photos: Path) -> None:
    for part in ("train", "val"):
        shutil.copytree(photos, photos.parent / "parts" / part)
        for path in sorted((photos.parent / "parts" / part).rglob("*.png")):
            if (part == "val") != (int(path.stem) % 4 == 0):
                path.unlink()
    parts = photos.parent / "parts"
    shutil.copy(parts / "train" / "ant" / "1.png", parts / "val" / "ant" / "leak.png")
    shutil.copy(parts / "train" / "bee" / "1.png", parts / "train" / "bee" / "copy.png")
    run = train(parts, **QUICK)
    kinds = {(row["kind"], row["id"], row["other"]) for row in read_table(run.folder.copies)}
    assert kinds == {
        ("leak", "train/ant/1.png", "val/ant/leak.png"),
        ("duplicate", "train/bee/1.png", "train/bee/copy.png"),
    }
    assert any("in more than one part" in note for note in read_json(run.folder.scores)["notes"])
    page = run.folder.report.read_text()
    assert "val/ant/leak.png" in page
    assert "train/bee/copy.png" in page


def test_data_in_memory_are_resumed_with_the_same_data(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    targets = np.arange(90) % 3
    images = (random.integers(0, 120, (90, 16, 16)) + 60 * targets[:, None, None]).astype(np.uint8)
    recipe: dict[str, Any] = {"model": "lenet5", "epochs": 3, "checkpoint": 0.0}
    whole = train((images, targets), out="whole", **recipe)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            train((images, targets), out="cut", **recipe)
    with pytest.raises(RunError, match="data in memory"):
        resume("cut")
    with pytest.raises(RunError, match="files or labels have changed"):
        resume("cut", (images, (targets + 1) % 3))
    with pytest.raises(RunError, match="images have changed"):
        resume("cut", (255 - images, targets))
    assert files(resume("cut", (images, targets))) == files(whole)


# Networks


class Own(nn.Module):
    """Takes images of one size only."""

    def __init__(self, pixels: int = 3 * 24 * 24) -> None:
        super().__init__()
        self.hidden = nn.Linear(pixels, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.out(self.hidden(images.flatten(1)).relu())


def own(seed: int = 0) -> Own:
    torch.manual_seed(seed)
    return Own()


def test_a_network_of_ones_own(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe: dict[str, Any] = {"epochs": 8, "checkpoint": 0.0}
    run = train(photos, model=own(), out="whole", **recipe)
    assert run.scores["test"].accuracy > 0.8
    with pytest.raises(ModelFileError, match="not one of vitreous' own") as caught:
        load("whole")
    assert "module=" in str(caught.value.remedy)
    loaded = load("whole", module=own(1))
    image = photos / "bee" / "0.png"
    assert loaded.predict(image) == run.model.predict(image)
    assert evaluate(loaded, photos).scores["test"].accuracy == run.scores["test"].accuracy
    with pytest.raises(ModelFileError, match=r"hidden\.weight"):
        load("whole", module=Own(5))
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            train(photos, model=own(), out="cut", **recipe)
    with pytest.raises(RunError, match="network of your own"):
        resume("cut")
    assert files(resume("cut", model=own())) == files(run)


@pytest.mark.parametrize("freeze", ["none", "backbone"])
def test_the_last_layer_of_ones_own_network(photos: Path, freeze: str) -> None:
    before = {name: tensor.clone() for name, tensor in own().state_dict().items()}
    run = train(photos, model=own(), freeze=freeze, epochs=2)
    state = run.model.model.state_dict()
    same = {name for name in state if torch.equal(state[name], before[name])}
    assert same == ({"hidden.weight", "hidden.bias"} if freeze == "backbone" else set())


class Squares(Dataset[tuple[torch.Tensor, int]]):
    """A torch data set of tensors (C, H, W) in [0, 1]."""

    classes = ("dark", "light")

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        generator = torch.Generator().manual_seed(index)
        return torch.rand(3, 12, 12, generator=generator) / 2 + 0.4 * (index % 2), index % 2


def test_any_torch_data_set_with_any_network() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    run = train(Squares(), model=network, epochs=20, lr=0.05)
    assert run.folder.path == Path("runs/squares")
    assert run.scores["test"].accuracy == 1
    assert run.model.predict(np.full((12, 12, 3), 240, np.uint8)).label == "light"
    with pytest.raises(RunError, match="has ended"):
        resume(run.folder.path, Squares(), model=network)
    assert evaluate(run.model, Squares()).scores["test"].accuracy == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_batch_norm_gets_the_statistics_of_all_training_images(photos: Path, seed: int) -> None:
    recipe: dict[str, Any] = {"model": "convnet", "epochs": 2, "seed": seed}
    plain = train(photos, out="plain", **recipe).model.model
    exact = train(photos, out="exact", bn_recalibrate=True, **recipe).model.model
    for (name, one), other in zip(
        plain.state_dict().items(), exact.state_dict().values(), strict=True
    ):
        # Running statistics change, and nothing that was learned.
        assert torch.equal(one, other) != name.endswith(("running_mean", "running_var")), name


@pytest.mark.parametrize("model", ["convnet", "resnet20", "mlp"])
def test_a_last_batch_of_one_is_no_trouble(photos: Path, model: str) -> None:
    examples = train(photos, **QUICK).model.training["examples"]["train"]
    run = train(photos, model=model, epochs=1, batch_size=examples - 1, size=24)
    assert read_lines(run.folder.metrics)[0]["step"] == 1


def test_a_test_part_alone_is_never_trained_on(photos: Path, place: Path) -> None:
    (place / "parts").mkdir()
    shutil.move(photos, place / "parts" / "test")
    with pytest.raises(DataError, match="no image to train on"):
        train(place / "parts", **QUICK)
    assert not Path("runs").exists()


# Ends


def test_a_loss_that_is_no_number_keeps_the_last_good_weights(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = learning.fit

    def spoiled(network: nn.Module, *arguments: Any, **options: Any) -> Any:
        for step in original(network, *arguments, **options):
            yield step
            if step.number == 4:
                with torch.no_grad():
                    next(network.parameters()).fill_(torch.nan)

    monkeypatch.setattr(learning, "fit", spoiled)
    with pytest.raises(DivergedError, match="no longer a number") as caught:
        train(photos, model="lenet5", epochs=9, batch_size=16)
    assert "--lr" in str(caught.value.remedy)
    assert "runs/photos/model.safetensors" in str(caught.value.remedy)
    history = read_lines(Path("runs/photos/metrics.jsonl"))
    summary = evaluate("runs/photos", photos, split="validation")
    assert summary.scores["validation"].accuracy == history[0]["validation_accuracy"]
    journal = Path("runs/photos/journal.jsonl").read_text()
    events = [json.loads(line)["event"] for line in journal.splitlines()]
    assert events == ["start", "diverged"]


def test_a_run_that_was_measured_but_not_reported_only_gets_its_report(photos: Path) -> None:
    run = train(photos, **QUICK)
    run.folder.report.unlink()
    shutil.rmtree(run.folder.checkpoints)
    before = files(run)
    again = resume(run.folder.path)
    assert again.folder.report.is_file()
    assert files(again) == before
    assert again.scores.keys() == {"validation", "test"}
    assert len(run.folder.events("test")) == 1


@pytest.mark.parametrize("left", [["recipe.yaml"], ["recipe.yaml", "environment.json"]])
def test_a_run_killed_before_it_had_begun_is_resumed(photos: Path, left: list[str]) -> None:
    whole = train(photos, out="whole", **QUICK)
    Path("cut").mkdir()
    for name in left:
        shutil.copy(whole.folder.path / name, "cut")
    run = resume("cut")
    assert files(run) == files(whole)
    assert (run.folder.split.read_bytes()) == whole.folder.split.read_bytes()


def test_an_image_that_was_painted_over_is_noticed(photos: Path) -> None:
    run = train(photos, **QUICK)
    run.folder.report.unlink()
    moved = photos.rename("elsewhere")
    resume(run.folder.path, moved)  # where the data lie does not matter
    run.folder.report.unlink()
    Image.new("RGB", (24, 24)).save(moved / "cat" / "0.png")
    with pytest.raises(RunError, match="images have changed"):
        resume(run.folder.path, moved)


def test_only_one_process_works_in_a_run(photos: Path) -> None:
    run = train(photos, out="my run", **QUICK)
    run.folder.report.unlink()
    with run.folder.locked(), pytest.raises(RunError, match="another process is at work"):
        resume("my run")
    assert resume("my run").folder.report.is_file()


def test_commands_quote_a_path_with_spaces(photos: Path) -> None:
    train(photos, out="my run", **QUICK)
    with pytest.raises(RunError) as caught:
        train(photos, out="my run", **QUICK)
    assert "`vitreous resume 'my run'`" in str(caught.value.remedy)


def test_a_report_of_data_in_memory(photos: Path) -> None:
    random = np.random.default_rng(0)
    data = random.integers(0, 256, (60, 12, 12), dtype=np.uint8), np.arange(60) % 2
    run = train(data, **QUICK)
    pictures = run.folder.report.read_text().count("<img")
    assert pictures
    assert run.report().read_text().count("<img") == 0
    assert run.report(data).read_text().count("<img") == pictures


def test_a_run_tells_its_story(photos: Path) -> None:
    run = train(photos, model="linear", epochs=2)
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.summary()["kept"] == {"epoch": run.model.training["best_epoch"], "of": 2}
    assert repr(run).startswith("Run('runs/photos', linear, validation ")
    assert "classify: 3 classes" in repr(run.model)
    assert len(repr(run.model)) < 120
    assert run._repr_html_().startswith("<iframe")


def test_the_same_seed_gives_the_same_bytes(photos: Path) -> None:
    recipe: dict[str, Any] = {"model": "lenet5", "size": 28, "epochs": 2, "augment": "strong"}
    first, second = (files(train(photos, out=name, **recipe)) for name in "ab")
    assert first == second
    assert files(train(photos, out="c", seed=1, **recipe)) != first
    assert files(train(photos, out="d", deterministic=True, threads=3, **recipe)) == first
