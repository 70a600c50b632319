"""From a run folder to its report: what is shown, and what when the data are gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run as command
from vitreous.data.formats.open import open
from vitreous.errors import RunError
from vitreous.files import read_table
from vitreous.report.build import gallery, report_data, sizes, write_report
from vitreous.run_folder import RunFolder
from vitreous.runs.run import train

QUICK: dict[str, Any] = {"model": "lenet5", "size": 28, "epochs": 2}


def test_pictures_of_mistakes_are_those_of_the_table(photos: Path) -> None:
    # Labels at random can only be guessed, so there are mistakes of each kind.
    random = np.random.default_rng(0)
    lines = [
        f"{path.relative_to(photos)},{random.choice(['x', 'y'])}" for path in photos.glob("*/*.png")
    ]
    (photos / "random.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    run = train(photos / "random.csv", **QUICK)
    data = report_data(run.folder)
    rows = {row["path"]: row for row in read_table(run.folder.predictions)}
    assert data.mistakes
    certain = [picture.probability for picture in data.mistakes]
    assert certain == sorted(certain, key=lambda value: -(value or 0))
    for picture in data.mistakes:
        row = rows[picture.id]
        assert row["part"] == "test"
        assert (picture.truth, picture.predicted) == (row["label"], row["predicted"])
        assert picture.truth != picture.predicted
        assert picture.likelihood == float(row["likelihood"])
        assert picture.probability == float(row["score"])
        assert picture.image[:4] == b"\x89PNG"
    for picture in data.right:
        assert picture.truth == picture.predicted
    wrong = [r for r in rows.values() if r["part"] == "test" and r["correct"] == "0"]
    assert len(data.mistakes) == len(wrong)


def test_what_the_network_saw_are_training_images(photos: Path) -> None:
    """They are called so, and must not be images of the other parts."""
    run = train(photos, augment="light", **QUICK)
    parts = {row["path"]: row["split"] for row in read_table(run.folder.split)}
    shown = report_data(run.folder).augmented
    assert len(shown) == 12
    assert {parts[f"../../photos/{picture.id}"] for picture in shown} == {"train"}


def test_settings_are_written_as_they_are_given(photos: Path) -> None:
    recipe = report_data(train(photos, deterministic=True, **QUICK).folder).recipe
    assert recipe["deterministic"].value == "yes"
    assert recipe["bn_recalibrate"].value == "no"
    assert not {"", "()", "[]", "None"} & {setting.value for setting in recipe.values()}


def test_pictures_of_several_labels(labels: Path) -> None:
    run = train(labels, **QUICK)
    data = report_data(run.folder)
    assert data.mistakes
    for picture in data.mistakes:
        assert picture.truth != picture.predicted
        assert picture.likelihood is not None
        assert picture.probability == pytest.approx(1 - picture.likelihood)
    assert any("," in picture.truth or picture.truth == "none" for picture in data.augmented)
    assert data.data is not None
    positives = open(labels).targets.sum(axis=0).tolist()
    parts = [data.data.counts[part] for part in ("train", "validation", "test")]
    assert [sum(counts) for counts in zip(*parts, strict=True)] == positives


def test_a_run_whose_data_are_gone_is_reported_without_pictures(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(photos, **QUICK)
    assert "<img" in run.folder.report.read_text()
    shutil.rmtree(photos)
    run.folder.report.unlink()
    assert command(["report", str(run.folder.path)]) == 0
    assert capsys.readouterr().out == "runs/photos/report.html\n"
    page = run.folder.report.read_text()
    assert "<img" not in page
    assert "The data are not here any more" in page
    found = report_data(run.folder).test
    assert found is not None
    assert found.to_json() == run.scores["test"].to_json()


def test_a_run_that_has_moved_is_reported_as_well(photos: Path) -> None:
    run = train(photos, **QUICK)
    shutil.move("runs/photos", "elsewhere")
    path = write_report("elsewhere", out="page.html")
    assert path == Path("page.html")
    assert "elsewhere" in path.read_text()
    del run


def test_a_run_that_has_not_ended_has_no_report(place: Path) -> None:
    (place / "run").mkdir()
    (place / "run" / "recipe.yaml").write_text("")
    with pytest.raises(RunError, match="has not ended") as caught:
        write_report("run")
    assert "vitreous resume run" in str(caught.value.remedy)


def test_reasons_stand_beside_what_was_chosen(photos: Path) -> None:
    data = report_data(train(photos, **QUICK).folder)
    assert "softmax over 3 outputs" in data.recipe["loss"].reason
    assert data.recipe["epochs"].value == "2"
    assert data.recipe["epochs"].reason == ""
    assert "time" not in data.recipe


def test_sizes_of_images(photos: Path) -> None:
    Image.new("RGB", (30, 20)).save(photos / "ant" / "0.png")
    (photos / "ant" / "1.png").write_bytes(b"")
    assert sorted(sizes(open(photos))) == [(24, 24, 58), (30, 20, 1)]
    assert sizes(open((np.zeros((5, 8, 9), np.uint8), np.arange(5) % 2))) == [(9, 8, 5)]
    assert sizes(None) == []
    data = report_data(train(photos, **QUICK).folder)
    assert data.data is not None
    assert sorted(data.data.sizes) == [(24, 24, 58), (30, 20, 1)]


def test_right_answers_are_spread_over_the_classes() -> None:
    answers = [
        {
            "part": "test",
            "label": name,
            "correct": str(int(number % 4 > 0)),
            "rank": "" if number % 4 else str(number // 4 + 1),
            "path": f"{name}/{number}",
        }
        for name in ("ant", "bee", "cat")
        for number in range(40)
    ]
    other = [dict(answer, part="validation") for answer in answers]
    mistakes, right = gallery(other + answers)
    assert {row["part"] for row in mistakes + right} == {"test"}
    assert [row["rank"] for row in mistakes] == sorted((r["rank"] for r in mistakes), key=int)
    assert len(mistakes) == 24
    assert {name: [r["label"] for r in right].count(name) for name in ("ant", "bee", "cat")} == {
        "ant": 4,
        "bee": 4,
        "cat": 4,
    }


def test_class_names_with_separators(place: Path) -> None:
    for name in ("a;b", "c|d"):
        (place / "odd" / name).mkdir(parents=True)
        for number in range(12):
            level = 20 * number + (128 if name == "c|d" else 0)
            Image.new("L", (12, 12), level % 256).save(place / "odd" / name / f"{number}.png")
    data = report_data(train(place / "odd", model="linear", epochs=1).folder)
    assert data.data is not None
    assert sum(map(sum, data.data.counts.values())) == 24
    assert RunFolder(Path("runs/odd")).finished
