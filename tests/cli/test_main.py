"""The command line: results on stdout, errors with a remedy, exit codes that scripts can use."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import VERBS, run

QUICK = ["--model", "linear", "--epochs", "2", "--quiet"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, as working folder and for caches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def photos(place: Path) -> Path:
    """Two classes of 24 small pictures, bright and dark."""
    random = np.random.default_rng(0)
    for name, level in (("bright", 160), ("dark", 0)):
        folder = place / "photos" / name
        folder.mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(level, level + 90, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return place / "photos"


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(arguments)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert not out
    return code, err


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_help_loads_no_torch() -> None:
    code = """
import sys
from vitreous.cli.main import run
run(["--help"])
print(sorted({"torch", "numpy", "cv2", "matplotlib", "sklearn"} & set(sys.modules)))
"""
    out = python(code)
    assert out.strip().endswith("[]")
    places = [out.index(f"│ {verb} ") for verb, _, _ in VERBS]
    assert places == sorted(places)  # as one works, not by the alphabet


def test_import_loads_next_to_nothing() -> None:
    code = "import sys, vitreous; print(len([m for m in sys.modules if m.startswith('vitreous')]))"
    assert python(code).strip() == "2"  # and its version


@pytest.mark.parametrize("verb", [verb for verb, _, _ in VERBS])
def test_every_verb_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"vitreous {verb}" in out
    assert "env var" not in out
    assert "[default: False]" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian", "digits"], "train"),
        (["train", "digits", "--epoch", "3"], "--epochs"),
        (["train", "digits", "--epochs", "three"], "--epochs"),
        (["train", "digits", "--epochs", "0"], "out of range"),
        (["train", "digits", "--precision", "float8"], "bfloat16"),
        (["train", "digits", "--model", "resnet81"], "resnet18"),
        (["train", "digits", "--optimizer", "adamww"], "adamw"),
        (["train", "digits", "--schedule", "cosin"], "cosine"),
        (["train", "digits", "--augment", "storng"], "strong"),
        (["train", "digits", "--time", "soon"], "1h30m"),
        (["train", "digit"], "digits"),
        (["train", "digits", "--config", "nowhere.yaml"], "no such file"),
        (["train", "digits", "--task", "segment"], "one label"),
        (["predict", "model.safetensors"], "no images"),
        (["predict", "a", "b.png", "--top", "0"], "--top"),
        (["evaluate"], "evaluate"),
        (["models", "resnet81"], "resnet18"),
        (["train", "digits", "letters"], "'letters' is one argument too many"),
        (["resume"], "RUN"),
        (["check", "digitz"], "digits"),
        (["split", "digits", "--valdation", "0.2"], "--validation"),
        (["split", "digits", "--group", "("], "no regular expression"),
        (["split", "digits", "--group", "person"], "such as image/0"),
        (["report", "runs/x", "--opn"], "--open"),
        (["inspect", "resnet81"], "resnet18"),
        (["inspect", "resnet18", "--size", "0"], "--size"),
        (["inspect", "resnet18", "--out", "page.svg"], ".html"),
        (["check", "digits", "--test", "2"], "--test"),
        (["evaluate", "resnet18", "digits"], "vitreous train DATA --model resnet18"),
        (["predict", "resnet18", "x.png"], "vitreous train DATA --model resnet18"),
        (["graph", "lenet"], "lenet5"),
        (["graph", "q"], "more."),
        (["graph", "x+"], "(x + y) * z"),
        (["graph", "x*y", "x=1"], "y has no value"),
        (["play", "--port", "99999"], "--port"),
        (["lab", "panting"], "painting"),
        (["evaluate", "runs/x", "digits", "--split", "tset"], "test"),
        (["predict", "a", "b.png", "--tops", "2"], "--top"),
        (["search", "resnet81", "digits", "x.png"], "resnet18"),
        (["search", "efficientnet_lite0", "digits", "x.png", "--out", "x.txt"], ".html"),
    ],
)
def test_a_wrong_word_is_named_with_the_right_one(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = error(capsys, *arguments)
    assert code == 2
    assert said in err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resume", "runs/none"], "vitreous train DATA"),
        (["report", "runs/none"], "does not exist"),
        (["evaluate", "none.safetensors", "digits"], "none.safetensors"),
        (["inspect", "none.safetensors"], "none.safetensors"),
        (["play", "none.safetensors"], "none.safetensors"),
        (["predict", "none.safetensors", "x.png"], "run folder"),
    ],
)
def test_what_is_not_there_is_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = error(capsys, *arguments)
    assert code == 1
    assert said in err


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "digits", "--model", "resnet81", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["error"]
    assert found["kind"] == "usage"
    assert "resnet18" in found["remedy"]
    assert found.keys() == {"kind", "message", "where", "remedy"}


def test_an_unknown_flag_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "digits", "--epoch", "3", "--json"]) == 2
    assert "--epochs" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_from_images_to_predictions(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: train, evaluate, predict, report, each with what it prints."""
    assert (
        run(["train", str(photos), "--model", "linear", "--epochs", "20", "--quiet", "--json"]) == 0
    )
    trained = json.loads(capsys.readouterr().out)
    assert trained["run"] == "runs/photos"
    assert trained["model"] == "linear"
    low, high = trained["scores"]["test"]["interval"]
    assert low <= trained["scores"]["test"]["accuracy"] <= high
    assert trained["scores"]["validation"]["accuracy"] == 1

    assert run(["evaluate", "runs/photos", str(photos), "--json", "--quiet"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    same = ("accuracy", "loss", "count", "confusion")
    for name in same:
        assert evaluated["scores"]["test"][name] == trained["scores"]["test"][name]
    assert "used once" in evaluated["notes"][0]

    image = str(photos / "dark" / "0.png")
    assert run(["predict", "runs/photos", image, "--top", "1", "--json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert prediction["path"] == image
    assert prediction["label"] == "dark"
    assert prediction["top"] == [{"label": "dark", "score": prediction["score"]}]

    assert run(["predict", "runs/photos", str(photos / "bright"), "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "path,label,score"
    assert len(lines) == 25
    assert all(",bright," in line for line in lines[1:])

    Path("runs/photos/report.html").unlink()
    assert run(["report", "runs/photos"]) == 0
    assert capsys.readouterr().out.strip() == "runs/photos/report.html"
    assert "photos" in Path("runs/photos/report.html").read_text()

    assert run(["train", str(photos), *QUICK, "--out", "runs/photos"]) == 1
    assert "never overwritten" in capsys.readouterr().err


def test_an_unreadable_image_does_not_stop_the_others(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(photos), *QUICK]) == 0
    capsys.readouterr()
    bad = photos / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    images = [str(photos / "dark" / "1.png"), str(bad), str(photos / "dark" / "2.png")]
    assert run(["predict", "runs/photos", *images]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "broken.png" in err


def test_config_environment_and_flags_share_one_vocabulary(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.yaml").write_text("epochs: 1\nmodel: linear\nbatch-size: 4\nseed: 5\n")
    monkeypatch.setenv("VITREOUS_TRAIN_BATCH_SIZE", "6")
    command = ["train", str(photos), "--config", "mine.yaml", "--quiet", "--seed", "7"]
    assert run(command) == 0
    recipe = Path("runs/photos/recipe.yaml").read_text()
    for line in ("model: linear", "batch_size: 6", "seed: 7", "epochs: 1"):
        assert f"  {line}\n" in recipe


def test_an_unknown_key_in_a_config_is_named(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.yaml").write_text("epoch: 1\n")
    assert run(["train", str(photos), "--config", "mine.yaml", "--quiet"]) == 2
    assert "epoch" in capsys.readouterr().err


def test_an_empty_folder_says_what_is_expected(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "empty").mkdir()
    code, err = error(capsys, "train", "empty")
    assert code == 1
    assert "Expected one folder a class" in err


def test_one_class_only_is_nothing_to_learn(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (photos / "dark").iterdir():
        path.unlink()
    (photos / "dark").rmdir()
    code, err = error(capsys, "train", str(photos), *QUICK)
    assert code == 1
    assert "bright" in err


def test_a_loss_that_is_no_number_stops_with_advice(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", "lenet5", "--optimizer", "sgd", "--lr", "1000", "--epochs", "20", "--quiet"]
    code, err = error(capsys, "train", str(photos), *flags)
    assert code == 1
    assert "--lr" in err


def test_check_finds_nothing_wrong_or_says_what(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(photos), "--json", "--quiet"]) == 0
    json.loads(capsys.readouterr().out)
    for path in (photos / "dark").iterdir():
        path.write_bytes(b"<html>")
    assert run(["check", str(photos), "--quiet"]) == 1
    assert "HTML" in capsys.readouterr().out


def test_the_table_of_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "resnet*", "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["models"]
    found = {row["name"]: row["parameters"] for row in rows}
    assert found["resnet18"] == 11_689_512
    assert run(["models", "lenet"]) == 0
    assert "61,706" in capsys.readouterr().out


def test_a_split_into_no_folder(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = error(capsys, "split", str(photos), "--out", "none/parts.csv")
    assert code == 1
    assert "Make the folder first" in err


@pytest.mark.parametrize("where", ["digits", "shards", "address"])
def test_a_split_that_no_manifest_can_name(
    where: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would list paths that are none, or those of copies that may go at any time."""
    data = {"digits": "digits", "shards": "a.tar", "address": photos.resolve().as_uri()}[where]
    if where == "shards":
        with tarfile.open("a.tar", "w") as archive:
            archive.add(photos / "dark" / "0.png", "0.png")
    code, err = error(capsys, "split", data, "--out", "parts.csv")
    assert code == 2
    assert ("copies in the cache" if where == "address" else "are no files of their own") in err
    assert f"`vitreous train {data}` divides them" in err
    assert not Path("parts.csv").exists()


def test_the_split_is_a_manifest_that_trains(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(photos), "--out", "parts.csv", "--group", r"/(\d)"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in told[:5]] == ["train", "validation", "test", "overlap", "groups"]
    assert (told[3][1], told[4][1:3]) == ("0", ["10", "0"])
    assert run(["train", "parts.csv", *QUICK, "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["run"] == "runs/parts"
    assert trained["scores"].keys() == {"validation", "test"}


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (PermissionError(13, "Permission denied", "photos/a.jpg"), "photos/a.jpg: Permission den"),
        (OSError("the device went away"), "the device went away"),
        (MemoryError(), "smaller"),
    ],
)
def test_what_the_system_refuses_is_told_without_a_traceback(
    raised: Exception,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("vitreous.data.check.check.check", refuse)
    code, err = error(capsys, "check", "digits", "--quiet")
    assert code == 1
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs: [1\nmodel: linear\n", "line 2"),
        ('epochs: 1\n"model: linear\n', "line 2"),
        ("\tepochs: 1\n", "line 1"),
        ("- epochs\n- 2\n", "name: value"),
        ("epochs\n", "name: value"),
    ],
)
def test_a_damaged_config_is_told_with_its_line(
    text: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "flags.yaml").write_text(text)
    code, err = error(capsys, "train", "digits", "--config", "flags.yaml")
    assert code == 2
    assert "flags.yaml" in err
    assert said in err


def test_an_empty_config_says_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "flags.yaml").write_text("# nothing yet\n")
    assert run(["models", "linear", "--config", "flags.yaml"]) == 0
    assert "linear" in capsys.readouterr().out


def test_json_may_be_asked_for_in_the_config_or_the_environment(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "flags.yaml").write_text("json: true\n")
    assert run(["models", "resnet81", "--config", "flags.yaml"]) == 2
    assert "resnet81" in json.loads(capsys.readouterr().out)["error"]["message"]
    monkeypatch.setenv("VITREOUS_MODELS_JSON", "true")
    assert run(["models", "resnet81"]) == 2
    assert "resnet81" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_json_after_two_dashes_is_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--", "--json"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "'--json'" in err


@pytest.mark.parametrize("word", ["photos", "photo", "runs/phots", "runs/fotos/"])
def test_a_run_that_is_not_there_is_offered_the_nearest(
    word: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("photos", "digits"):
        (place / "runs" / name).mkdir(parents=True)
        (place / "runs" / name / "recipe.yaml").write_text("model: linear\n")
    for command in (["evaluate", word, "digits"], ["predict", word, "x.png"]):
        code, err = error(capsys, *command)
        assert code == 1
        assert "Did you mean runs/photos?" in err


def test_one_notation_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "a", "b.png", "--json", "--csv"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "--json, --csv"


@pytest.mark.parametrize("verb", ["play", "report"])
def test_the_browser_is_opened_by_one_flag(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert "--open" in out
    assert "--no-open" in out
    assert "by default" in out


@pytest.mark.parametrize(
    "verb", ["train", "resume", "check", "split", "report", "evaluate", "predict"]
)
def test_verbs_that_take_their_time_can_be_quiet(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "--help"]) == 0
    assert "--quiet" in capsys.readouterr().out


def test_split_and_predict_say_what_they_are_at(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(photos)]) == 0
    assert "reading images" in capsys.readouterr().err
    assert run(["split", str(photos), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["train", str(photos), *QUICK]) == 0
    images = str(photos / "dark")
    capsys.readouterr()
    assert run(["predict", "runs/photos", images]) == 0
    assert "predicting" in capsys.readouterr().err
    assert run(["predict", "runs/photos", images, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["report", "runs/photos", "--quiet", "--no-open"]) == 0
    assert capsys.readouterr().err == ""


def test_check_takes_shares(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", "digits", "--quiet", "--json", "--validation", "0.4", "--test", "0.1"]
    run(command)
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert parts["validation"] > 3 * parts["test"]


def test_a_run_goes_on_with_data_that_have_moved(
    photos: Path, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    (place / "runs" / "photos").mkdir(parents=True)
    (place / "runs" / "photos" / "recipe.yaml").touch()
    photos.rename(place / "moved")

    def go_on(run: Path, data: object, **_: object) -> None:
        asked.append((run, data))
        raise KeyboardInterrupt

    monkeypatch.setattr("vitreous.runs.run.resume", go_on)
    assert run(["resume", "runs/photos", "--data", "moved"]) == 130
    assert run(["resume", "runs/photos"]) == 130
    assert asked == [(Path("runs/photos"), "moved"), (Path("runs/photos"), None)]
