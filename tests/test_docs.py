"""The documentation is run: every example, every command, every link, every name of a file.

The Python of a page shares one namespace, and its commands one folder, in the order of the page.
What a page shows as output (a `text` block after Python, the lines after a command) must come out;
`...` stands for anything.
"""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import re
import runpy
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vitreous"
WRITTEN = sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs" / "index.md"})  # made by conf.py
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *WRITTEN]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"[\w./-]+\.(?:py|md|js|css|j2|toml)|(?:src|tests|docs|benchmarks)/[\w./-]*")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

LAID_OUT = ("README", "tutorial", "how-to")  # pages about a reader's own folders

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of its first character, from 0."""

    language: str
    text: str
    line: int


def blocks(text: str) -> list[Block]:
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start(2)))
        for match in FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def whole_documentation() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """(command, shown output) of each `$` line of a console block; a backslash goes on."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = re.sub(r"\\\n *", " ", part).splitlines()
        yield lines[0], "\n".join(lines[1:]).strip()


def check_output(shown: str, got: str, place: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    matches = doctest.OutputChecker().check_output(shown.strip() + "\n", got.strip() + "\n", flags)
    assert matches, f"{place} shows\n{shown}\nbut this comes out:\n{got}"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without a network and without data sets of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("VITREOUS_TEST_USES", "off")  # those of other pages are none of this one
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    return tmp_path


def lay_out(desk: Path) -> None:
    """The files that these pages speak of: photos/, labels.csv, heights.csv, boxes.csv, cells/,
    mnist/, cat.jpg, dog.png.
    """
    random = np.random.default_rng(0)
    rows = ["path,label"]
    for label, suffix, level in (("cat", "jpg", 150), ("dog", "png", 0)):
        (desk / "photos" / label).mkdir(parents=True)
        names = [f"photos/{label}/{number}.png" for number in range(12)]
        rows += [f"{name},{label}" for name in names]
        for name in (f"{label}.{suffix}", *names):
            pixels = random.integers(level, level + 90, (18, 18, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(desk / name)
    (desk / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    numbers = [f"{row.partition(',')[0]},{1.5 + place}" for place, row in enumerate(rows[1:])]
    (desk / "heights.csv").write_text("\n".join(["path,height_m", *numbers]), encoding="utf-8")
    boxes = [
        f"{row.partition(',')[0]},2 3 {9 + place % 6} 14" for place, row in enumerate(rows[1:])
    ]
    boxes[0] += "; 12 2 17 8"
    (desk / "boxes.csv").write_text("\n".join(["path,box", *boxes]), encoding="utf-8")
    for folder in ("images", "masks"):
        (desk / "cells" / folder).mkdir(parents=True)
    for number in range(12):
        mask = np.zeros((24, 24), np.uint8)
        mask[4 : 12 + number % 8, 6:18] = 1
        pixels = random.integers(0, 90, (24, 24), dtype=np.uint8) + 120 * mask
        Image.fromarray(mask).save(desk / "cells" / "masks" / f"{number}.png")
        Image.fromarray(pixels).save(desk / "cells" / "images" / f"{number}.png")
    (desk / "mnist").mkdir()
    for part, count in (("train", 60), ("t10k", 30)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images", images), ("labels", labels)):
            head = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes()
            name = f"{part}-{kind}-idx{array.ndim}-ubyte"
            (desk / "mnist" / name).write_bytes(head + array.tobytes())


def refuse(connection: object, address: object) -> None:
    """No example needs a network."""
    raise AssertionError(f"a connection to {address}")


@each_page
def test_examples(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vitreous.cli.main import run
    from vitreous.models import MODELS
    from vitreous.tasks import TASKS

    if page.stem in LAID_OUT:
        lay_out(desk)
    namespace: dict[str, Any] = {"__name__": page.stem}
    previous = ("", "")  # language and output of the block before
    # A page may add rows to the tables of models and tasks; they leave with it.
    with patch.dict(MODELS), patch.dict(TASKS):
        for block in blocks(page.read_text(encoding="utf-8")):
            place, output = f"{page.name}:{block.line}", ""
            if block.language == "python":
                # Empty lines before it, so that a traceback names the line of the page.
                code = compile("\n" * block.line + block.text, str(page), "exec", dont_inherit=True)
                exec(code, namespace)
                output = capsys.readouterr().out
            elif block.language in ("console", "sh"):
                for command, shown in commands(block):
                    words = shlex.split(command, comments=True)
                    if words[0] != "vitreous":
                        continue
                    if words[1] == "resume":
                        lose_power(Path(words[2]))
                    assert run(words[1:]) == 0, f"{place}: {command}\n{capsys.readouterr().err}"
                    got = capsys.readouterr().out
                    if shown:
                        check_output(shown, got, place)
            elif block.language == "text" and previous[0] == "python":
                check_output(block.text, previous[1], place)
            previous = block.language, output


def lose_power(run: Path) -> None:
    """As if the power had gone just after the last checkpoint."""
    for name in ("scores.json", "report.html", "model.safetensors"):
        (run / name).unlink()


@each_page
def test_languages_are_known(page: Path) -> None:
    """A block in another language would be shown and never run."""
    known = {"python", "console", "sh", "text", "yaml", "csv", "json", "javascript"}  # the last: in
    # tests/web/test_onnx_web.py
    assert {block.language for block in blocks(page.read_text(encoding="utf-8"))} <= known


@each_page
def test_links_and_pictures_exist(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = HEADING.findall(path.read_text(encoding="utf-8"))
            slugs = [re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings]
            assert anchor in slugs, f"{page.name} links to {target}"


@each_page
def test_named_files_exist(page: Path) -> None:
    for span in CODE.findall(prose(page)):
        name, _, function = span.partition("::")
        if not FILE.fullmatch(name):
            continue
        found = [base / name for base in (ROOT, SOURCE, page.parent) if (base / name).exists()]
        assert found, f"{page.name} names {span}"
        if function:
            assert f"def {function}(" in found[0].read_text(encoding="utf-8"), span


@each_page
def test_named_objects_exist(page: Path) -> None:
    for name in CODE.findall(prose(page)):
        if re.fullmatch(r"(vitreous|vt)(\.\w+)+(\(\))?", name):
            resolve(re.sub(r"^vt\b", "vitreous", name.removesuffix("()")))


def resolve(name: str) -> Any:
    """The module or the object of a dotted name."""
    try:
        return importlib.import_module(name)
    except ImportError:
        parent, _, last = name.rpartition(".")
        return getattr(resolve(parent), last)


def test_every_page_is_listed() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in WRITTEN:
        assert page.name == "README.md" or f"({page.name})" in index, f"{page.name} is not listed"


def test_every_picture_is_used_and_small() -> None:
    shown = whole_documentation()
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert f"pictures/{picture.name}" in shown
        assert picture.stat().st_size < 150 * 1024


def test_every_verb_is_documented() -> None:
    from vitreous.cli.main import VERBS

    text = whole_documentation()
    missing = [verb for verb, *_ in VERBS if f"vitreous {verb}" not in text]
    assert not missing


def test_the_table_of_the_recipe() -> None:
    """Fields, their order and their defaults, as the table in training.md gives them."""
    from vitreous.recipes.recipe import Recipe

    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", text, re.MULTILINE)
    fields = {
        field.name: "chosen" if field.default is None else f"`{field.default}`"
        for field in dataclasses.fields(Recipe)
    }
    fields |= {name: "" for name in OPTIONAL}
    assert dict(rows) == fields
    assert [name for name, _ in rows] == list(fields)


# Fields that do nothing unless they are set; None does not mean that something is chosen.
OPTIONAL = (
    *("time", "clip", "swa", "init", "patience", "mixup", "cutmix", "adversarial"),
    *("adversarial_steps", "model_parallel", "log", "recipe"),
)


def test_the_packages_are_those_that_there_are() -> None:
    """The tour lists the packages in the order in which they may import each other."""
    text = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[?`(\w+)`", text, re.MULTILINE)
    there = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    order = runpy.run_path(str(ROOT / "tests" / "test_order.py"))["ORDER"]
    assert listed == [name for name in order if name in there]


def test_the_order_that_is_drawn_is_that_of_the_imports() -> None:
    order = runpy.run_path(str(ROOT / "tests" / "test_order.py"))["ORDER"]
    there = {path.stem for path in SOURCE.iterdir()}
    block = next(b for b in blocks(DESIGN.read_text(encoding="utf-8")) if "version " in b.text)
    drawn = [word for line in block.text.splitlines() for word in line.split(" #")[0].split()]
    assert drawn == [name for name in order if name in there]


@pytest.mark.parametrize("function", ["runs.job.prepare", "runs.run.go_on"])
def test_code_that_is_quoted_is_that_of_the_source(function: str) -> None:
    """Line by line, in order; `...` stands for lines that are left out."""
    source = inspect.getsource(resolve(f"vitreous.{function}"))
    lines = iter([line.strip() for line in source.splitlines()])
    text = DESIGN.read_text(encoding="utf-8")
    (quoted,) = (b.text for b in blocks(text) if QUOTED[function] in b.text)
    for line in map(str.strip, quoted.splitlines()):
        assert line == "..." or line in lines, f"{function} has no line, or not there: {line}"


DESIGN = ROOT / "docs" / "design.md"
QUOTED = {"runs.job.prepare": "dataset = opened(", "runs.run.go_on": "def go_on("}
"""Functions of which design.md shows lines, and how to tell these."""


def test_the_tests_can_fail() -> None:
    sample = "```console\n$ vitreous train x \\\n    --json\nout\n$ make demo\n```\n"
    (block,) = blocks(sample)
    assert list(commands(block)) == [("vitreous train x  --json", "out"), ("make demo", "")]
    with pytest.raises(AssertionError, match="comes out"):
        check_output("accuracy ... %", "loss 3 %", "here")
    with pytest.raises(AttributeError):
        resolve("vitreous.data.formats.open.close")
