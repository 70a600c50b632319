"""From a run folder to its report: what is shown, and what when the data are gone."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run as command
from vitreous.data.formats.open import open
from vitreous.errors import RunError
from vitreous.files import read_json, read_table, write_json
from vitreous.report.build import class_counts, report_data, sizes, write_report
from vitreous.report.content import Picture, ReportData
from vitreous.run_folder import RunFolder
from vitreous.runs.run import train


def shown(data: ReportData) -> dict[str, list[Picture]]:
    """The pictures of each gallery, by its anchor."""
    return {gallery.anchor: [*pictures] for gallery, pictures in data.galleries}


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
    mistakes = shown(data)["mistakes"]
    assert mistakes
    certain = [picture.case.answer_share for picture in mistakes]
    assert certain == sorted(certain, key=lambda value: -(value or 0))
    for picture in mistakes:
        row, case = rows[picture.case.id], picture.case
        assert row["part"] == "test"
        assert (case.truth, case.answer) == (f"is {row['label']}", row["predicted"])
        assert row["correct"] == "0"
        assert case.truth_share == float(row["likelihood"])
        assert case.answer_share == float(row["score"])
        with Image.open(BytesIO(picture.image)) as beside:  # the image, and the evidence in it
            assert beside.width > 1.9 * beside.height
    for picture in shown(data)["right"]:
        assert rows[picture.case.id]["label"] == picture.case.answer
    wrong = [r for r in rows.values() if r["part"] == "test" and r["correct"] == "0"]
    assert len(mistakes) == len(wrong)


def test_what_the_network_saw_are_training_images(photos: Path) -> None:
    """They are called so, and must not be images of the other parts."""
    run = train(photos, augment="light", **QUICK)
    parts = {row["path"]: row["split"] for row in read_table(run.folder.split)}
    pictures = report_data(run.folder).augmented
    assert len(pictures) == 12
    assert {parts[f"../../photos/{picture.case.id}"] for picture in pictures} == {"train"}


def test_settings_are_written_as_they_are_given(photos: Path) -> None:
    recipe = report_data(train(photos, deterministic=True, **QUICK).folder).recipe
    assert recipe["deterministic"].value == "yes"
    assert recipe["bn_recalibrate"].value == "no"
    assert not {"", "()", "[]", "None"} & {setting.value for setting in recipe.values()}


def test_pictures_of_several_labels(labels: Path) -> None:
    run = train(labels, **QUICK)
    data = report_data(run.folder)
    assert data.answers == "3 labels"
    assert shown(data)["mistakes"]
    for picture in shown(data)["mistakes"]:
        case = picture.case
        assert case.truth.startswith("has ")
        assert case.truth != f"has {case.answer}"
        assert case.truth_share is not None
        assert case.answer_share == pytest.approx(1 - case.truth_share)
    truths = [picture.case.truth for picture in data.augmented]
    assert any("," in truth or truth == "none" for truth in truths)
    assert data.data is not None
    positives = open(labels).targets["class"].counts()
    assert positives is not None
    parts = [data.data.counts[part].values() for part in ("train", "validation", "test")]
    assert [sum(counts) for counts in zip(*parts, strict=True)] == positives.tolist()


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


def test_counts_of_a_split_that_was_written_before_counts_were() -> None:
    exclusive = [{"path": "1", "label": "a", "split": "train"}]
    exclusive += [{"path": "2", "label": "b", "split": "val"}]
    found = {"train": {"a": 1, "b": 0}, "validation": {"a": 0, "b": 1}}
    assert class_counts(exclusive, ("a", "b")) == found
    # A label may be called as the column of class names is.
    marks = [{"path": "1", "label": "1", "b": "1", "split": "train"}]
    assert class_counts(marks, ("label", "b")) == {"train": {"label": 1, "b": 1}}
    quoted = [{"path": "1", '"label"': "1", "b": "0", "split": "val"}]
    assert class_counts(quoted, ("label", "b")) == {"validation": {"label": 1, "b": 0}}
    apart = [{"path": "1", "label": '"a;b"', "split": "test"}]
    assert class_counts(apart, ("a;b", "c")) == {"test": {"a;b": 1, "c": 0}}
    assert class_counts(exclusive, ()) == {}
    assert class_counts([{"path": "1", "age": "30", "split": "train"}], ("a",)) == {}
    assert class_counts([], ("a", "b")) == {}


def test_counts_that_a_run_has_written_are_shown(photos: Path) -> None:
    folder = train(photos, **QUICK).folder
    summary = read_json(folder.scores)
    summary["data"] = {"counts": {"train": {"ant": 7, "bee": 8}, "test": {"ant": 1, "bee": 2}}}
    write_json(folder.scores, summary)
    data = report_data(folder).data
    assert data is not None
    assert data.counts == summary["data"]["counts"]
    assert "<td>7</td>\n<td>1</td>" in write_report(folder.path).read_text()


def test_class_names_with_separators(place: Path) -> None:
    for name in ("a;b", "c|d"):
        (place / "odd" / name).mkdir(parents=True)
        for number in range(12):
            level = 20 * number + (128 if name == "c|d" else 0)
            Image.new("L", (12, 12), level % 256).save(place / "odd" / name / f"{number}.png")
    data = report_data(train(place / "odd", model="linear", epochs=1).folder)
    assert data.data is not None
    assert sum(sum(counts.values()) for counts in data.data.counts.values()) == 24
    assert RunFolder(Path("runs/odd")).finished


def test_settings_that_nothing_chose_are_folded(photos: str) -> None:
    recipe = report_data(train(photos, optimizer="momentum", momentum=0.8, **QUICK).folder).recipe
    assert recipe["fine_tune"].usual  # nobody asked for it
    assert not recipe["momentum"].usual  # asked for
    assert not recipe["lr"].usual  # chosen, for a reason
