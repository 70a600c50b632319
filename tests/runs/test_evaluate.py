"""A model measured on data: classes are met by name, and each use of the test part is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.formats.open import open
from vitreous.errors import DataError, UsageError
from vitreous.inference import predictor
from vitreous.inference.model_file import load
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import evaluate
from vitreous.runs.evaluation import Evaluation
from vitreous.runs.run import Run, train

NAMES = ("1", "10", "2", "ant", "bee")  # sorted as text: 10 comes before 2


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes in train/ and test/, told apart by brightness, hard enough to be mistaken."""
    random = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("source") / "five"
    for part, count in (("train", 24), ("test", 12)):
        for number, name in enumerate(NAMES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for k in range(count):
                level = 40 * number + random.integers(-28, 28)
                pixels = random.integers(max(level, 0), level + 80, (16, 16), dtype=np.int64)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{k}.png")
    return root


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    return train(source, model="lenet5", size=28, epochs=8, out=out).folder.path


@pytest.fixture
def run(trained: Path, place: Path) -> Path:
    return Path(shutil.copytree(trained, place / "run"))


@pytest.fixture
def five(source: Path, place: Path) -> Path:
    return Path(shutil.copytree(source, place / "five"))


def recalls(found: Evaluation) -> dict[str, float]:
    rows = found.to_json()["scores"]["test"]["per_class"]
    return {row["class"]: row["recall"] for row in rows if row["support"]}


def test_evaluation_repeats_what_training_measured(run: Path, five: Path) -> None:
    summary = evaluate(run, five)
    measured = Run(RunFolder(run), load(run), {}).summary()["scores"]["test"]
    for name, value in json.loads(json.dumps(summary.to_json()["scores"]["test"])).items():
        if name != "baselines":
            assert measured[name] == value, name
    assert 0.3 < measured["accuracy"] < 1  # so that equal numbers say something
    assert summary.run == str(run)
    assert (summary.model, summary.task) == ("lenet5", "classify")
    assert repr(summary) == f"Evaluation(lenet5, test {summary.scores['test'].headline.text})"
    assert [*summary.to_json()] == ["run", "model", "task", "seconds", "scores", "notes"]


@pytest.mark.parametrize("missing", NAMES)
def test_a_class_missing_from_the_test_part_changes_nothing_for_the_others(
    run: Path, five: Path, missing: str
) -> None:
    before = recalls(evaluate(run, five))
    shutil.rmtree(five / "test" / missing)
    shutil.rmtree(five / "train" / missing)
    summary = evaluate(run, five)
    after = recalls(summary)
    assert after == {name: recall for name, recall in before.items() if name != missing}
    assert any("no examples of" in note and f"'{missing}'" in note for note in summary.notes)


def test_classes_in_another_order(run: Path, five: Path) -> None:
    dataset = open(five)
    images = np.stack([dataset.read(i) for i in range(len(dataset))])[dataset.parts == 2]
    words = [dataset.text(int(row)) for row in np.flatnonzero(dataset.parts == 2)]
    order = ("bee", "2", "1", "ant", "10")
    turned = np.array([order.index(word) for word in words])
    np.savez("turned.npz", x=images, y=turned, class_names=np.array(order))
    expected = recalls(evaluate(run, five))
    summary = evaluate(load(run), "turned.npz", split="all")
    rows = summary.to_json()["scores"]["all"]["per_class"]
    assert {row["class"]: row["recall"] for row in rows} == expected


def test_a_class_that_the_model_does_not_know_is_named_and_left_out(run: Path, five: Path) -> None:
    before = evaluate(run, five).scores["test"]
    for part in ("train", "test"):
        shutil.copytree(five / part / "ant", five / part / "wasp")
    shutil.move(five / "test" / "bee", five / "test" / "Bees")
    shutil.move(five / "train" / "bee", five / "train" / "Bees")
    summary = evaluate(run, five)
    notes = " ".join(summary.notes)
    assert "does not know the class 'wasp'" in notes
    assert "'Bees' of the data (did you mean 'bee'?)" in notes
    assert summary.scores["test"].count == before.count - 12


def test_data_of_other_classes_are_refused(run: Path, photos: Path) -> None:
    shutil.move(photos / "ant", photos / "fly")
    shutil.move(photos / "bee", photos / "gnat")
    with pytest.raises(DataError, match="none of the data's classes"):
        evaluate(run, photos, split="all")


def test_each_use_of_the_test_part_is_written_down(run: Path, five: Path) -> None:
    folder = RunFolder(run)
    assert len(folder.events("test")) == 1  # training's own
    for uses in ("once", "twice"):
        summary = evaluate(run, five)
        assert any(f"used {uses} before" in note for note in summary.notes)
    evaluate(run / "model.safetensors", five)  # the same model, by its file
    assert len(folder.events("test")) == 4
    evaluate(run, five, split="train")
    assert len(folder.events("test")) == 4


def test_another_test_part_is_a_first_use(run: Path, five: Path) -> None:
    (five / "test" / "ant" / "0.png").unlink()
    assert not any("before" in note for note in evaluate(run, five).notes)
    assert any("before" in note for note in evaluate(run, five).notes)


def test_a_part_that_is_not_there_names_those_that_are(run: Path, five: Path) -> None:
    with pytest.raises(UsageError, match="unknown part 'val'") as wrong:
        evaluate(run, five, split="val")
    assert "validation" in str(wrong.value.remedy)
    shutil.rmtree(five / "train")
    with pytest.raises(DataError, match="no train part; there is: test 60"):
        evaluate(run, five, split="train")


def test_images_that_cannot_be_read_are_not_counted(run: Path, five: Path) -> None:
    (five / "test" / "ant" / "0.png").write_bytes(b"\x89PNG broken")
    summary = evaluate(run, five)
    assert summary.scores["test"].count == 59
    assert any("test/ant/0.png" in note for note in summary.notes)


@pytest.mark.parametrize("together", [1, 7, 59])
def test_scores_do_not_depend_on_how_many_are_asked_at_once(
    run: Path, five: Path, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = evaluate(run, five).to_json()["scores"]["test"]
    monkeypatch.setattr(predictor, "PIXELS", together * 28 * 28)
    found = evaluate(run, five).to_json()["scores"]["test"]
    assert found["confusion"] == expected["confusion"]
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)


def test_channels_that_do_not_fit_are_refused_before_anything_is_read(run: Path) -> None:
    images = np.zeros((4, 16, 16, 6), np.uint8)
    with pytest.raises(DataError, match="images of 6 channels, and the model takes 1"):
        evaluate(run, (images, np.array(["ant", "bee", "ant", "bee"])), split="all")


def test_gray_and_rgb_convert(run: Path, five: Path) -> None:
    dataset = open(five)
    chosen = np.flatnonzero(dataset.parts == 2)
    gray = np.stack([dataset.read(int(i)) for i in chosen])
    names = np.array([dataset.text(int(row)) for row in chosen])
    bundle = load(run)
    one = evaluate(bundle, (gray, names), split="all").to_json()["scores"]["all"]
    three = evaluate(bundle, (gray.repeat(3, axis=3), names), split="all").to_json()["scores"][
        "all"
    ]
    assert one["confusion"] == three["confusion"]


def test_a_model_of_several_labels(labels: Path) -> None:
    run = train(labels, model="lenet5", size=28, epochs=3)
    summary = evaluate(run.folder.path, labels)
    for name in ("map", "accuracy", "loss", "count"):
        assert getattr(summary.scores["test"], name) == getattr(run.scores["test"], name)
    # Data with one label an image ask the same question of each label.
    images = np.stack([open(labels).read(i) for i in range(3)])
    one = evaluate(run.model, (images, np.array(["left", "right", "left"])), split="all")
    assert one.scores["all"].count == 3
    assert any("'middle'" in note for note in one.notes)


def test_a_model_of_one_label_is_not_asked_for_several(run: Path, labels: Path) -> None:
    images = np.zeros((4, 16, 16, 1), np.uint8)
    with pytest.raises(DataError, match="several labels, and the model gives one"):
        evaluate(run, (images, np.eye(5, dtype=int)[:4] | np.eye(5, dtype=int)[1:5]), split="all")


def test_a_share_of_other_data_says_which(photos: Path, tmp_path: Path) -> None:
    run = train(photos, model="linear", epochs=1)
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    (other / "ant" / "0.png").unlink()
    found = evaluate(run.folder.path, other)
    count = found.scores["test"].count
    (note,) = [note for note in found.notes if "images were measured" in note]
    assert note.startswith(f"{count} of 59 images were measured")
    assert "--split all" in note
    for split in ("all",):
        notes = evaluate(run.folder.path, other, split=split).notes
        assert not any("were measured" in note for note in notes)
    assert not any("were measured" in n for n in evaluate(run.folder.path, photos).notes)


def test_images_that_the_model_was_trained_on_are_counted(photos: Path, tmp_path: Path) -> None:
    run = train(photos, model="linear", epochs=1)
    learned = run.model.training["examples"]["train"]
    shutil.copy(run.folder.model, tmp_path / "alone.safetensors")
    for model in (run.folder.path, tmp_path / "alone.safetensors", run.model):
        for split, known in (("all", learned), ("train", learned), ("validation", 0), ("test", 0)):
            notes = evaluate(model, photos, split=split).notes
            warned = [note for note in notes if "was trained on" in note]
            assert len(warned) == bool(known)
            assert all(f"trained on {known} of" in note for note in warned)
