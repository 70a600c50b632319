"""Every kind of message that a user can meet, as it reads: a golden file, compared whole.

A change of a message shows here as a difference, to be read before it is kept. Where it is meant:

    REWRITE=1 python -m pytest tests/golden/test_errors.py
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run

GOLDEN = Path(__file__).with_name("errors.txt")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
QUICK = "--model linear --size 16 --epochs 1 --quiet"

Make = Callable[[Path], object]


def image(path: Path, color: int = 0, size: tuple[int, int] = (16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(color).integers(0, 150, (*size, 3), dtype=np.uint8)
    pixels[..., color % 3] += 100
    Image.fromarray(pixels).save(path)


def folders(*names: str, count: int = 4) -> Make:
    """Folders of images, all different."""

    def make(place: Path) -> None:
        for number, name in enumerate(names):
            for k in range(count):
                image(place / name / f"{k}.png", 3 * k + number % 3)

    return make


def table(text: str | bytes, name: str = "labels.csv") -> Make:
    """Eight images, 0.png to 7.png, and a table beside them."""

    def make(place: Path) -> None:
        for k in range(8):
            image(place / f"{k}.png", k)
        (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def rows(head: str, *cells: str) -> str:
    """One row for each image, with these cells in turn."""
    lines = (f"{k}.png,{cells[k % len(cells)]}" for k in range(8))
    return "\n".join([head, *lines]) + "\n"


def files(**contents: bytes) -> Make:
    def make(place: Path) -> None:
        for name, content in contents.items():
            path = place / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return make


def both(*makes: Make) -> Make:
    def make(place: Path) -> None:
        for one in makes:
            one(place)

    return make


def arrays(**values: np.ndarray) -> Make:
    return lambda place: np.savez(place / "set.npz", **values)


def changed_run(change: Callable[[Path], object]) -> Make:
    """The folder of a run that has ended, changed."""

    def make(place: Path) -> None:
        shutil.copytree(place.parent / "run", place / "run")
        change(place / "run")

    return make


def cut(name: str, keep: int) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:keep])


def written(name: str, text: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text(text)


def without(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).unlink()


def nothing(place: Path) -> None: ...


GRAY = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
PHOTO = np.random.default_rng(0).integers(0, 256, (12, 3, 20, 24), np.uint8)
TWO = np.arange(12) % 2
CLASSES = folders("ant", "bee")
SOUND = rows("path,label", "ant", "bee")

# What is there, and what is asked; the commands run where it lies.
CASES: dict[str, tuple[Make, str]] = {
    # Folders
    "no such data": (nothing, "check nowhere"),
    "an empty folder": (lambda place: (place / "d").mkdir(), "check d"),
    "images without folders": (folders("d"), "check d"),
    "one class": (folders("d/ant"), "check d"),
    "parts in another language": (
        folders("d/entrenamiento/ant", "d/entrenamiento/bee", "d/prueba/ant", "d/prueba/bee"),
        "check d",
    ),
    "train beside classes": (folders("d/ant", "d/bee", "d/train/cat", "d/train/dog"), "check d"),
    "a level too high": (folders("d/data/images/ant", "d/data/images/bee"), "check d"),
    "classes without training images": (
        folders("d/train/ant", "d/train/bee", "d/test/ant", "d/test/cat", "d/test/bee"),
        "check d",
    ),
    "YOLO": (
        both(
            folders("d/images"),
            files(**{f"d__labels__{k}_dot_txt": b"0 .5 .5 1 1\n" for k in (0, 1, 2, 3)}),
        ),
        "check d",
    ),
    "photos of another kind": (
        both(folders("d/ant", "d/bee"), files(**{f"d__ant__{k}_dot_HEIC": HEIC for k in range(9)})),
        "check d",
    ),
    "a damaged image": (
        both(
            folders("d/ant", "d/bee"),
            files(d__ant__x_dot_png=b"\x89PNG\r\n\x1a\n", d__bee__y_dot_jpg=b""),
        ),
        "check d",
    ),
    "classes called alike": (folders("d/Ant", "d/ant", "d/unlabeled"), "check d"),
    # Tables
    "no column path": (table("file,label\n0.png,a\n"), "check labels.csv"),
    "no header": (table("0.png,ant\n1.png,bee\n"), "check labels.csv"),
    "an empty label": (table(rows("path,label", "ant", "")), "check labels.csv"),
    "a missing file": (table(SOUND + "9.png,ant\n"), "check labels.csv"),
    "all files missing": (table("path,label\nx/1.png,a\nx/2.png,b\n"), "check labels.csv"),
    "Windows-1252": (table(rows("path,label", "Müller", "b").encode("cp1252")), "check labels.csv"),
    "UTF-16": (table(SOUND.encode("utf-16")), "check labels.csv"),
    "a workbook": (table(b"PK\x03\x04" + bytes(40) + b"xl/workbook.xml"), "check labels.csv"),
    "decimal commas": (table(rows("path,age", '"1,5"', '"2,5"')), "check labels.csv"),
    "no number": (table(rows("path,age", "1.5", "old")), "check labels.csv"),
    "numbers for nothing": (table(rows("path,age", "1.5", "2.5", "-999")), "check labels.csv"),
    "two separators": (table(rows("path,label", "a;b", "a|c")), "check labels.csv"),
    "several labels in one": (
        table(rows("path,label", "ant", "bee", '"ant,bee"')),
        "check labels.csv",
    ),
    "an unknown part": (table(rows("path,label,split", "ant,entrenamiento")), "check labels.csv"),
    "parts left out": (table(rows("path,label,data set", "a,train", "b,test")), "check labels.csv"),
    "groups left out": (table(rows("path,label,PatientID", "a,1", "b,1")), "check labels.csv"),
    "paths alone": (table("path\n" + "".join(f"{k}.png\n" for k in range(8))), "check labels.csv"),
    "boxes as fractions": (table(rows("path,box", "0.1 0.2 0.5 0.9")), "check labels.csv"),
    "boxes of corner and size": (table(rows("path,box", "9 9 4 4")), "check labels.csv"),
    "boxes beyond the edge": (table(rows("path,box", "2 2 40 40 ant")), "check labels.csv"),
    "no text": (table(b"\x00\x01\x02\x03" * 20), "check labels.csv"),
    # Arrays
    "channels first": (arrays(images=PHOTO, labels=TWO), "check set.npz"),
    "more images than labels": (arrays(images=GRAY, labels=TWO[:5]), "check set.npz"),
    "labels below zero": (arrays(images=GRAY, labels=TWO - 1), "check set.npz"),
    "labels from 1": (arrays(images=GRAY, labels=TWO + 1), "check set.npz"),
    "an archive of something else": (arrays(a=GRAY, b=TWO), "check set.npz"),
    "a cut archive": (
        both(arrays(images=GRAY, labels=TWO), lambda place: cut("set.npz", 300)(place)),
        "check set.npz",
    ),
    # Settings
    "a number out of range": (CLASSES, "train . --epochs 0"),
    "an unknown network": (CLASSES, "train . --model resnet81"),
    "an unknown classic method": (CLASSES, "train . --model svm-hgo"),
    "the same features twice": (CLASSES, "train . --model svm-hog+hog"),
    "steps of what learns at once": (CLASSES, "train . --model svm-hog --lr 0.1"),
    "no such method to be held against": (CLASSES, "train . --against svm-hgo"),
    "no number of folds": (CLASSES, "cv . --folds many"),
    "more folds than a class has images": (CLASSES, "cv . --folds 5 --model knn --quiet"),
    "a setting that no search varies": (CLASSES, "tune . --search lrr --quiet"),
    "an unknown task": (CLASSES, "train . --task detection"),
    "a task for other data": (CLASSES, "train . --task regress"),
    "an unknown loss": (CLASSES, "train . --loss mse"),
    "no length of time": (CLASSES, "train . --time soon"),
    "parts of more than all": (CLASSES, "train . --validation 0.6 --test 0.6"),
    "two averages": (CLASSES, f"train . {QUICK} --ema 0.9 --swa 0.25"),
    "momentum of another optimizer": (CLASSES, f"train . {QUICK} --momentum 0.99"),
    "milestones of another schedule": (CLASSES, f"train . {QUICK} --milestones 0.3"),
    "nothing frozen": (CLASSES, f"train . {QUICK} --fine-tune 3"),
    "patience without validation": (CLASSES, f"train . {QUICK} --patience 3 --validation 0"),
    "an epoch kept without validation": (CLASSES, f"train . {QUICK} --keep loss --validation 0"),
    "a network without dropout": (CLASSES, f"train . {QUICK} --dropout 0.5"),
    "no weights come along": (CLASSES, f"train . {QUICK} --pretrained yes"),
    "weights without a hash": (CLASSES, f"train . {QUICK} --pretrained https://x.org/w.pth"),
    "no such weights": (CLASSES, f"train . {QUICK} --pretrained w.pth"),
    "weights that are none": (
        both(CLASSES, files(w_dot_pth=b"no weights")),
        f"train . {QUICK} --pretrained w.pth",
    ),
    "a size that the network cannot take": (
        CLASSES,
        "train . --model alexnet --size 20 --epochs 1",
    ),
    "a network for masks": (CLASSES, "train . --model unet_small --epochs 1"),
    "no towers": (CLASSES, f"train . {QUICK} --model-parallel 2"),
    "no accelerator": (CLASSES, f"train . {QUICK} --device mps"),
    "a file of settings that is none": (
        both(CLASSES, lambda place: (place / "r.yaml").write_text("- 3\n")),
        "train . --config r.yaml",
    ),
    "a run folder that is there": (CLASSES, f"train . {QUICK} --out ant"),
    "one argument too many": (CLASSES, "check . again"),
    "no run": (nothing, "resume nowhere"),
    "no run folder": (CLASSES, "resume ant"),
    "a run that has ended": (changed_run(nothing), "resume run"),
    "data that are gone": (changed_run(without("report.html")), "resume run"),
    "a recipe that is none": (changed_run(written("recipe.yaml", "[]")), "report run"),
    "scores that are none": (changed_run(written("scores.json", "{")), "report run"),
    "a split that is cut": (changed_run(cut("split.csv", 60)), "report run"),
    "no model": (CLASSES, "predict ant ant/0.png"),
    "a cut model file": (changed_run(cut("model.safetensors", 900)), "predict run run/report.html"),
    "a model file that is a picture": (CLASSES, "predict ant/0.png ant/1.png"),
    "no images": (changed_run(nothing), "predict run"),
    "no such image": (changed_run(nothing), "predict run x.png"),
    "no image": (changed_run(written("x.png", "text")), "predict run run/x.png"),
    "another kind of photo": (
        changed_run(lambda run: (run / "x.heic").write_bytes(HEIC)),
        "predict run run/x.heic",
    ),
    "a folder without images": (
        changed_run(lambda run: (run / "empty").mkdir()),
        "predict run run/empty",
    ),
    "no such attack": (changed_run(nothing), "robust run --attack pdg"),
    "an attack by a fraction": (changed_run(nothing), "robust run --eps 0.03"),
    "an attack beyond white": (changed_run(nothing), "robust run --eps 256"),
    "an attack backwards": (changed_run(nothing), "robust run --steps=-3"),
    "a norm of no attack": (changed_run(nothing), "robust run --attack deepfool --norm 1"),
    "a rejection by nothing": (changed_run(nothing), "robust run --reject energi"),
    "adversarial without levels": (CLASSES, f"train . {QUICK} --adversarial 0.03"),
    "steps of no attack": (CLASSES, f"train . {QUICK} --adversarial-steps 3"),
    "two forms of answer": (changed_run(nothing), "predict run run/x.png --json --csv"),
    "none of the classes": (
        both(folders("d/cat", "d/dog"), changed_run(nothing)),
        "evaluate run d",
    ),
    "a page of a plain check": (CLASSES, "check . --out page"),
    "models without data": (changed_run(nothing), "evaluate run run"),
    "nothing to compare with": (changed_run(nothing), "compare run"),
    "a run that is no run": (changed_run(nothing), "compare run runn"),
    "a model from an address": (nothing, "serve https://host/model.safetensors"),
    "a server for all": (changed_run(nothing), "serve run --host 0.0.0.0"),
    "a token that is guessed": (changed_run(nothing), "serve run --token secret"),
    "a port that there is not": (changed_run(nothing), "serve run --port 99999"),
    "a run without a server": (changed_run(nothing), "play run --export site"),
    "a page of somebody else": (
        files(site__index_dot_html=b"<h1>My school</h1>"),
        "play --export site",
    ),
    "no weights to search by": (CLASSES, "search resnet18 . ant/0.png"),
    "a contact sheet of another kind": (CLASSES, "search resnet18 . ant/0.png --out sheet.txt"),
    "a part that is no layer": (nothing, "inspect resnet81"),
    "a place where nothing can be written": (CLASSES, "split . --out /proc/nowhere/split.csv"),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run that has ended, whose data are gone."""
    place = tmp_path_factory.mktemp("errors")
    before = Path.cwd()
    folders("data/ant", "data/bee", count=12)(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", str(place / "cache"))
        os.chdir(place)
        assert run(f"train data --out run {QUICK}".split()) == 0
        shutil.rmtree(place / "data")
        yield place
        os.chdir(before)


def told(name: str, shared: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What the command says, as a person reads it, with its exit code."""
    make, command = CASES[name]
    place = shared / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    make(place)
    os.chdir(place)
    capfd.readouterr()
    code = run(command.split())
    out, err = capfd.readouterr()
    lines = [line for line in (out + err).splitlines() if not is_of_this_machine(line)]
    text = "\n".join(lines).replace(str(place), "HERE").replace(str(shared), "ABOVE")
    return f"{text}\nexit code {code}"


def is_of_this_machine(line: str) -> bool:
    """How much memory there is, how many bytes zlib makes of a PNG, how long it takes."""
    return "of memory" in line or re.search(r"  \d+( in)? [\d.]+ s$|^drawing ", line) is not None


def test_every_message_reads_as_it_is_written_down(
    shared: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "VITREOUS_DATA"):
        monkeypatch.delenv(name, raising=False)
    found = "".join(
        f"### {name}\n$ vitreous {CASES[name][1]}\n{told(name, shared, capfd)}\n\n"
        for name in CASES
    )
    if os.environ.get("REWRITE"):
        GOLDEN.write_text(found, encoding="utf-8")
    expected = GOLDEN.read_text(encoding="utf-8")
    differences = [
        *difflib.unified_diff(
            expected.splitlines(),
            found.splitlines(),
            "as written down",
            "as it is now",
            "",
            "",
            4,
            "",
        )
    ]
    if differences:
        hint = "If this is meant: REWRITE=1 python -m pytest tests/golden/test_errors.py"
        pytest.fail("\n".join([*differences, "", hint]), pytrace=False)


def test_errors_say_where_or_what_and_a_remedy() -> None:
    """No traceback, no exception's bare name, and a way on in nearly all."""
    sections = GOLDEN.read_text(encoding="utf-8").split("### ")[1:]
    assert [section.partition("\n")[0] for section in sections] == list(CASES)
    for section in sections:
        assert "Traceback" not in section
        assert not section.rstrip().endswith("exit code 130")
    failed = [section for section in sections if "error: " in section]
    assert len(failed) > 60
    helped = [section for section in failed if "\n  " in section.partition("error: ")[2]]
    assert len(helped) >= 0.95 * len(failed)
