"""A browser for tests of pages, and what axe-core finds wrong with one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


# One for each module: Playwright's loop stands in the way of tests that run one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def serious() -> Callable[[Any], list[str]]:
    """What axe-core finds serious or critical on a page: rule and first element."""
    axe = pytest.importorskip(
        "axe_playwright_python", reason="axe-playwright-python is not installed"
    )
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

    def found(page: Any) -> list[str]:
        page.evaluate(source)  # the page's own policy admits no script tag
        results = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        return [
            "{}: {html:.120} {failureSummary:.200}".format(row["id"], **row["nodes"][0])
            for row in results["violations"]
            if row["impact"] in ("serious", "critical")
        ]

    return found
