"""`vitreous predict`: what is read, and what is passed over."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

import vitreous as vt
from vitreous.cli.main import run
from vitreous.infer.runtime_choice import RuntimeChoice, processor, record
from vitreous.infer.runtimes import RUNTIMES, Runtime

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.fixture
def model(photos: Path, capsys: pytest.CaptureFixture[str]) -> str:
    command = ["train", str(photos), "--model", "linear", "--epochs", "1", "--quiet"]
    assert run([*command, "--out", "model"]) == 0
    capsys.readouterr()
    return "model"


def new(photos: Path) -> Path:
    """Five images in a folder, each in its own way."""
    folder = photos.parent / "new"
    folder.mkdir()
    content = (photos / "ant/1.png").read_bytes()
    for name in ("1.png", "2", "3.MPO"):
        (folder / name).write_bytes(content)
    (photos.parent / "elsewhere").mkdir()
    (photos.parent / "elsewhere/5.png").write_bytes(content)
    (folder / "linked").symlink_to("../elsewhere")
    return folder


def test_a_folder_is_read_as_training_reads_it(photos, model, capsys):
    folder = new(photos)
    assert run(["predict", model, str(folder), "--quiet"]) == 0
    out, err = capsys.readouterr()
    names = [line.split()[0] for line in out.splitlines()]
    assert names == [str(folder / name) for name in ("1.png", "2", "3.MPO", "linked/5.png")]
    assert not err


def test_what_is_passed_over_is_said_and_told_by_the_exit_code(photos, model, capsys):
    folder = new(photos)
    (folder / "4.HEIC").write_bytes(HEIC)
    (folder / "notes.txt").write_text("of no use")
    assert run(["predict", model, str(folder), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert "1 of 5 images are left out: 1 HEIC photo (.heic)" in err
    assert "files that are no images, left out: 1 .txt" in err
    assert run(["predict", model, str(folder), "--quiet", "--json"]) == 1
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["path"] == str(folder)
    assert "HEIC" in error["message"]


def test_an_empty_folder_beside_a_full_one(photos, model, capsys):
    (photos.parent / "empty").mkdir()
    folders = [str(photos / "ant"), str(photos.parent / "empty")]
    assert run(["predict", model, *folders, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 20
    assert "empty: there is no image in it" in err
    assert run(["predict", model, folders[1], "--quiet"]) == 1
    assert "there is no image in it" in capsys.readouterr().err


def test_shards_and_addresses_are_no_images(photos, model, capsys):
    (photos.parent / "shards").mkdir()
    for name in ("a.tar", "b.parquet"):
        (photos.parent / "shards" / name).write_bytes(b"")
    for place, where, message, remedy in (
        ("shards", "shards/a.tar", "is a shard, a file of many images", "tar -xf"),
        ("shards/b.parquet", "shards/b.parquet", "is a shard", "evaluate` reads shards"),
        ("http://host/x.png", "http://host/x.png", "is an address", "curl -O"),
    ):
        for verb in ("predict", "explain"):
            assert run([verb, model, place, "--quiet"]) == 1
            err = capsys.readouterr().err
            assert f"{where}: {message}" in err
            assert remedy in err


def test_a_file_that_is_not_there_names_one_that_is_alike(photos, model, capsys):
    """Said of each before anything is predicted; the others are answered."""
    folder = new(photos)
    asked = [str(folder / name) for name in ("1.pgn", "zebra.jpg", "1.png")]
    assert run(["predict", model, *asked, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert f"1.pgn: there is no such file\n  Did you mean {folder / '1.png'}?" in err
    assert "zebra.jpg: there is no such file\n  Look at its name." in err


@pytest.mark.parametrize("verb", ["predict", "evaluate", "play"])
def test_a_folder_that_is_no_run(photos, verb, capsys):
    asked = [verb, str(photos), *([str(photos)] if verb != "play" else [])]
    assert run(asked) == 1
    assert "is not a run folder" in capsys.readouterr().err


def test_a_run_whose_training_has_not_ended(photos, model, capsys):
    Path(model, "model.safetensors").unlink()
    assert run(["predict", model, str(photos)]) == 1
    assert "Go on with it: `vitreous resume model`." in capsys.readouterr().err


def test_what_is_lost_in_reading_is_said(photos, model, capsys):
    """16 bits of which the upper 8 are empty: a black image, and an answer about that."""
    import cv2
    import numpy as np

    dark = photos.parent / "dark.png"
    cv2.imwrite(str(dark), np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) % 200)
    sound = str(photos / "ant/1.png")
    assert run(["predict", model, sound, str(dark), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "note: 1 image becomes one single color, though its values differ" in err
    assert str(dark) in err
    assert run(["predict", model, sound, str(dark), "--quiet", "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "one single color" in note
    assert run(["predict", model, sound, "--quiet", "--json"]) == 0
    assert "notes" not in json.loads(capsys.readouterr().out)


def test_a_runtime_that_fails_is_told(photos, model, capsys, monkeypatch):
    """Answers are those of the network, and come more slowly than was chosen."""

    def build(*told):
        raise RuntimeError("no such operator")

    asked = ["predict", model, str(photos / "ant/1.png"), "--quiet", "--json"]
    assert run(asked) == 0
    expected = json.loads(capsys.readouterr().out)
    choice = RuntimeChoice(runtime="folded", reason="", processor=processor())
    record(Path(model) / "runtime.json", choice)
    monkeypatch.setitem(RUNTIMES, "folded", Runtime("another way", build))
    assert run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    (note,) = told.pop("notes")
    assert note.startswith("another way failed: no such operator: the network itself answers")
    assert told == expected
    assert note in vt.evaluate(model, str(photos), split="all", progress=False).notes


def test_raw_is_the_network_by_itself(tmp_path, capsys):
    """Digits are enough to calibrate by: the same answer, and another certainty."""
    command = ["train", "digits", "--model", "linear", "--epochs", "2", "--quiet"]
    calm = str(tmp_path / "calm")
    assert run([*command, "--out", calm]) == 0
    capsys.readouterr()
    found = vt.load(calm)
    assert found.task.temperature != 1
    image = vt.open("digits").read(0)
    Image.fromarray(image[..., 0]).save(tmp_path / "0.png")
    told = []
    for flags in ([], ["--raw"]):
        assert run(["predict", calm, str(tmp_path / "0.png"), "--json", "--quiet", *flags]) == 0
        told.append(json.loads(capsys.readouterr().out)["predictions"][0])
    assert told[0]["label"] == told[1]["label"]
    logits = found.outputs(found.images([image]))
    assert told[1]["score"] == pytest.approx(float(logits.softmax(1).max()), rel=1e-5)
    warm = logits / found.task.temperature
    assert told[0]["score"] == pytest.approx(float(warm.softmax(1).max()), rel=1e-5)


def test_a_sheet_groups_by_answer_the_least_certain_first(photos, model, capsys):
    assert run(["predict", model, str(photos), "--quiet", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert run(["predict", model, str(photos), "--quiet", "--out", "seen.html"]) == 0
    page = Path("seen.html").read_text()
    shown = re.findall(r'<span class="id">(.*?)</span>', page)
    by_answer = sorted(answers, key=lambda each: (each["label"], each["score"]))
    assert [Path(path) for path in shown] == [Path(each["path"]) for each in by_answer]
    headings = re.findall(r"<h2 [^>]*>(\S+)", page)
    assert headings == sorted({each["label"] for each in answers})
    assert page.count("data:image/png;base64,") == len(answers)


def test_a_sheet_is_no_table(model, capsys):
    assert run(["predict", model, ".", "--csv", "--out", "seen.html"]) == 2
    assert "Leave --csv out" in capsys.readouterr().err


def test_a_pattern_that_the_shell_left_as_it_is(photos, model, capsys):
    assert run(["predict", model, f"{photos}/*/1.png", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(map(str, photos.glob("*/1.png")))
    assert run(["predict", model, f"{photos}/*/none.png", "--quiet"]) == 1
    assert "there is no such file" in capsys.readouterr().err
