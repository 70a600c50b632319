"""The notebooks run from top to bottom, and lie in the repository without their outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return found


def run(source: str, namespace: dict[str, Any]) -> Any:
    """Run a cell; returns the value of the expression that it ends with, as Jupyter shows it."""
    tree = ast.parse(source)
    last = tree.body[-1]
    shown = ast.Expression(tree.body.pop().value) if isinstance(last, ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)
    return None if shown is None else eval(compile(shown, "cell", "eval"), namespace)


@each_notebook
def test_nothing_is_left_of_a_run(path: Path) -> None:
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@each_notebook
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("IPython")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_TEST_USES", "off")
    namespace: dict[str, Any] = {}
    for cell in cells(path):
        if cell["cell_type"] == "code":
            value = run("".join(cell["source"]), namespace)
            if hasattr(value, "_repr_html_"):
                assert value._repr_html_()
    EXPECTED[path.stem](namespace)


def model_is_good(names: dict[str, Any]) -> None:
    assert names["run"].scores["test"].accuracy > 0.8
    assert names["answer"].label == "3"


def gradient_was_seen(names: dict[str, Any]) -> None:
    assert all(names["maps"].gradients[stage].norm() > 0 for stage in ("conv1", "layer4"))


def gradients_agree(names: dict[str, Any]) -> None:
    assert names["finite"] == pytest.approx(float(names["x"].gradient))
    assert names["losses"][-1] < names["losses"][0] / 3


EXPECTED = {
    "folder_to_model": model_is_good,
    "see_through": gradient_was_seen,
    "backprop_by_hand": gradients_agree,
}


@pytest.mark.slow
@each_notebook
def test_jupyter_runs_it(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    book = nbformat.read(path, as_version=4)
    client.NotebookClient(book, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
