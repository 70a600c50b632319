"""The site of the documentation is built, and none of its links is broken."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"

pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run([*command, str(DOCS), str(place)], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return place


def test_every_page_is_in_the_side_bar(site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")
    for page in DOCS.glob("*.md"):
        if page.stem not in ("README", "index"):
            assert f'href="{page.stem}.html"' in index


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="https?:', text), page
        assert not re.findall(r'<link[^>]*stylesheet[^>]* href="https?:', text), page


def test_the_reference_has_every_verb_and_every_name(site: Path) -> None:
    import vitreous
    from vitreous.cli.main import VERBS

    verbs = (site / "reference" / "command-line.html").read_text("utf-8")
    assert all(f'<section id="{verb}">' in verbs for verb, *_ in VERBS)
    names = (site / "reference" / "python.html").read_text("utf-8")
    for name in vitreous.__all__:
        assert name.startswith("__") or f"vitreous.{name}<a" in names


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    settings = runpy.run_path(str(DOCS / "conf.py"))
    (tmp_path / "conf.py").write_text(
        f"extensions = {settings['extensions']}\nroot_doc = 'index'\nnitpicky = True\n"
    )
    (tmp_path / "index.md").write_text("# A page\n\n[nowhere](nowhere.md)\n")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    done = subprocess.run([*command, str(tmp_path), str(tmp_path / "out")], capture_output=True)
    assert done.returncode
