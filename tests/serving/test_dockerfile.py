"""The Dockerfile, as far as its lines can be checked without building it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from vitreous.cli.main import app
from vitreous.serving.application import OPEN

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
STEPS = [
    tuple(line.split(" ", 1))
    for line in re.sub(r"\\\n\s*", "", TEXT).splitlines()
    if line and not line.startswith("#")
]


def argument(name: str) -> str:
    (found,) = [text for step, text in STEPS if step == name]
    return found


def test_it_is_short_and_begins_with_an_image() -> None:
    assert len(TEXT.splitlines()) <= 25
    assert STEPS[0][0] == "FROM"
    known = {"FROM", "COPY", "RUN", "ARG", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert {step for step, _ in STEPS} <= known | {"ENTRYPOINT"}


def test_it_copies_what_there_is_and_installs_an_extra_that_there_is() -> None:
    copied = [text.split()[:-1] for step, text in STEPS if step == "COPY"]
    for name in (each for names in copied for each in names if "$" not in each):
        assert (ROOT / name).exists(), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], "pyproject.toml", *project["project"]["license-files"]}
    assert needed <= {each for names in copied for each in names}
    (extra,) = re.findall(r"/build\[(\w+)\]", TEXT)
    assert extra in project["project"]["optional-dependencies"]


def test_it_runs_as_nobody_of_importance() -> None:
    order = [step for step, _ in STEPS]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert int(argument("USER")) > 0
    assert f"--uid {argument('USER')}" in TEXT


def test_the_command_is_one_that_there_is() -> None:
    """In the form of a list: then the server itself gets the signal that ends it."""
    program, *words = json.loads(argument("ENTRYPOINT"))
    assert program == "vitreous"
    for more in ([], ["--public"], ["--batch", "32"]):
        command, bound, _ = app("serve").parse_args(
            [*words, *more], exit_on_error=False, print_error=False
        )
        assert command.__name__ == "serve"
        assert bound.arguments["host"] == "0.0.0.0"
    health = argument("HEALTHCHECK")
    assert re.search(r"127\.0\.0\.1:8000(/[\w/]+)", health)[1] in OPEN
    assert argument("EXPOSE") == "8000"
    assert argument("STOPSIGNAL") == "SIGTERM"
    program = json.loads(health[health.index("[") :])
    compile(program[2], "Dockerfile", "exec")
