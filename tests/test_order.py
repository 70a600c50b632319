"""A package imports only from those above it, and nothing hides behind a name that says nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ORDER = """
    errors atomic shapes counts data augment backprop blocks models baselines trace losses metrics
    tasks training export experiment retrieval explain robust doctor labs serve playground cli
""".split()
SOURCE = Path(__file__).parent.parent / "src" / "vitreous"
FILES = sorted(SOURCE.rglob("*.py"))
NAMELESS = {"utils", "util", "helpers", "helper", "common", "core", "misc"}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and first part below `vitreous` of every import in a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = (
                [f"vitreous.{alias.name}" for alias in node.names]
                if node.module == "vitreous"
                else [node.module or ""]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "vitreous" and len(parts) > 1 and parts[1] in ORDER:
                yield node.lineno, parts[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_only_from_above(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own.startswith("__"):  # the public face re-exports from everywhere, lazily
        return
    assert own in ORDER, f"{own} has no place in the order of packages"
    below = [
        f"line {line}: {name}"
        for line, name in imported(path)
        if ORDER.index(name) > ORDER.index(own)
    ]
    assert not below, f"{path.relative_to(SOURCE)} imports from below: {below}"


def test_names_say_something() -> None:
    nameless = [path for path in FILES if NAMELESS & {*path.parts, path.stem}]
    assert not nameless


def test_the_rule_can_fail(tmp_path: Path) -> None:
    upward = tmp_path / "sample.py"
    upward.write_text(
        "def f():\n    from vitreous.cli import main\n    import vitreous.data.open\n"
    )
    assert list(imported(upward)) == [(2, "cli"), (3, "data")]
