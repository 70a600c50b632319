"""Reports in a browser: no sideways scrolling, no complaint, no request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.drawing.thumbnail import thumbnail
from vitreous.metrics import classification, majority
from vitreous.report.content import DataSummary, Picture, ReportData, Setting
from vitreous.report.render import render
from vitreous.tasks import class_sections
from vitreous.tasks.section import Case, Gallery, Note, Scatter, Section

LONG = "Dichlorodiphenyltrichloroethane_specimen_without_any_space_2026"


def report(num_classes: int) -> ReportData:
    generator = np.random.default_rng(0)
    classes = tuple(f"{LONG if k == 0 else 'class'} {k}" for k in range(num_classes))
    truth = generator.integers(0, num_classes, 500)
    table = 0.6 * generator.dirichlet(np.ones(num_classes), 500) + 0.4 * np.eye(num_classes)[truth]
    scores = classification(table, truth, classes, baselines=[majority(truth, truth, num_classes)])
    pixels = generator.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    case = Case(
        id=f"val/{LONG}/{LONG}.jpg",
        answer=classes[1],
        answer_share=0.99,
        truth=f"is {classes[0]}",
        truth_share=0.01,
        note=LONG,
    )
    picture = Picture(image=thumbnail(pixels), case=case)
    wide = Picture(image=thumbnail(np.tile(pixels, (1, 2, 1))), case=replace(case, answer=""))
    galleries = [
        Gallery(anchor="mistakes", title=LONG, cases=[], kind="mistakes"),
        Gallery(anchor="right", title="Right answers", cases=[], kind="right"),
        Gallery(anchor="cases", title="Some cases", cases=[]),
        Gallery(anchor="drawn", title="Some drawings", cases=[], drawn=True),
    ]
    truths = generator.normal(50, 20, 500)
    scatter = Scatter(LONG, truths.tolist(), (truths + generator.normal(0, 4, 500)).tolist(), "px")
    curves = [
        {"epoch": k, "train_loss": 2 / k, "validation_loss": 2.1 / k, "lr": 0.1,
         "validation_accuracy": 1 - 1 / k}
        for k in range(1, 31)
    ]  # fmt: skip
    return ReportData(
        title=LONG,
        model=LONG,
        answers=LONG,
        parameters=11_689_512,
        macs=1_800_000_000,
        validation=scores,
        test=scores,
        curves=curves,
        best_epoch=30,
        meaning=[LONG],
        sections=[
            *class_sections.sections(scores),
            Section("scatter", "Truth and answer", [scatter, scatter], layout="beside"),
        ],
        galleries=[(one, [wide if one.drawn else picture] * 5) for one in galleries],
        augmented=[picture] * 5,
        data=DataSummary(
            name=f"/home/somebody/{LONG}/{LONG}",
            examples={"train": 10_000},
            counts={"train": dict(zip(classes, np.bincount(truth).tolist(), strict=True))},
            bad=[(f"{LONG}/{LONG}.jpg", "truncated")],
            fingerprint="0123456789abcdef" * 4,
        ),
        recipe={"weight_decay": Setting(LONG, f"because of {LONG}")},
        environment={"processor": LONG},
        timings={"training": 100.0, "features of the backbone": 1.0},
        notes=[Note(f"Mind {LONG}/{LONG}.", "warning")],
        command=f"vitreous train {LONG} --out {LONG}",
    )


@pytest.mark.parametrize("num_classes", [2, 10, 100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280, 1600])
def test_the_page_fits_is_quiet_and_asks_for_nothing(
    browser: Any, tmp_path: Path, num_classes: int, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(report(num_classes)), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())

    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    # Whatever sticks out of the page must be inside something that scrolls.
    outside = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.right > innerWidth + 1 && !element.closest('.scroll, svg, .hidden');
        }).map(element => element.outerHTML.slice(0, 120))"""
    )
    unloaded = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()
    assert overflow <= 0
    assert outside == []
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert unloaded == 0
    bright = sum(int(part) for part in background[4:-1].split(",")) > 384
    assert bright == (scheme == "light")


def test_it_prints_with_folded_rows_open(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(report(100)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    hidden = page.evaluate(
        "[...document.querySelectorAll('details table')].filter(t => !t.offsetHeight).length"
    )
    sheet = page.pdf(format="A4")
    page.close()
    assert hidden == 0
    assert sheet.startswith(b"%PDF")


def test_the_keyboard_reaches_every_section(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(report(10)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#verdict"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#notes"
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing_serious(
    browser: Any, serious: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(report(10)), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    found = serious(page)
    page.close()
    assert found == []
