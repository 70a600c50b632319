"""Nothing runs that was not written here, and nothing is asked from the network."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parent.parent / "src" / "vitreous"
FILES = sorted(SOURCE.rglob("*.py"))
PICKLES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
BUILT_IN = {"eval", "exec", "compile", "__import__"}
YAML = {"load", "load_all", "full_load", "unsafe_load", "full_load_all", "unsafe_load_all"}
SHELLS = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput")}


def unsafe(source: str) -> Iterator[str]:
    """Line and kind of everything that could run what a file or a user says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            yield from (
                f"line {node.lineno}: imports {name}"
                for name in names
                if name.split(".")[0] in PICKLES
            )
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        owner, _, name = called.rpartition(".")
        options = {option.arg: ast.unparse(option.value) for option in node.keywords}
        if (
            called in BUILT_IN
            or (owner, name) in SHELLS
            or (owner == "yaml" and name in YAML and "Safe" not in options.get("Loader", ""))
            or (called == "torch.load" and options.get("weights_only") != "True")
            or (owner.startswith("np") and options.get("allow_pickle", "False") != "False")
            or options.get("shell", "False") != "False"
        ):
            yield f"line {node.lineno}: {called}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_runs_what_a_file_says(path: Path) -> None:
    assert not list(unsafe(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "def f(x):\n    return eval(x)",
        "exec(text)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
    ],
)
def test_the_rule_can_fail(source: str) -> None:
    assert list(unsafe(source))


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "re.compile(pattern)",
        "yaml.safe_load(text)",
        "yaml.load(text, Loader=yaml.CSafeLoader)",
        "torch.load(path, weights_only=True)",
        "subprocess.run(words)",
    ],
)
def test_the_rule_lets_pass_what_is_safe(source: str) -> None:
    assert not list(unsafe(source))


LOAD = """
import sys
import numpy as np
import vitreous as vt

assert vt.__file__ and "pickle" not in vt.__dict__
model = vt.load(sys.argv[1])
answers = model.predict(list(np.load(sys.argv[2])), top=2)
for one in answers:
    print(one.label, *(f"{name}={score!r}" for name, score in one.top))
"""


def test_a_model_predicts_the_same_in_a_fresh_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no word of the process that trained it, as a server's worker loads it."""
    import vitreous as vt

    monkeypatch.chdir(tmp_path)
    run = vt.train("digits", model="convnet", epochs=1, size=16)
    images = np.stack([vt.open("digits")[index].image for index in range(20)])
    np.save("images.npy", images)
    answers = vt.load(run.folder.path).predict(list(images), top=2)
    here = [
        " ".join([str(one.label), *(f"{name}={score!r}" for name, score in one.top)])
        for one in answers
    ]
    words = [sys.executable, "-I", "-c", LOAD, str(run.folder.path), "images.npy"]
    there = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert there == here
    assert len({line.split()[0] for line in here}) > 3


@pytest.mark.parametrize("place", [("93.184.215.14", 80), ("example.org", 443)])
def test_the_network_is_closed_to_tests(place: tuple[str, int]) -> None:
    with pytest.raises(AssertionError, match="a connection to"):
        socket.create_connection(place, timeout=1)
    with socket.socket() as open_here, pytest.raises(AssertionError):
        open_here.connect_ex(place)


def test_this_machine_is_open_to_tests() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
