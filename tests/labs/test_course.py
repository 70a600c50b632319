"""Every experiment of the textbook: its claim holds at a tiny size, and can fail."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vitreous.labs import syllabus
from vitreous.labs.chapter import Chapter, key, measure, recall
from vitreous.labs.course import COURSE, find
from vitreous.labs.experiments import DEMONSTRATIONS
from vitreous.labs.lab import Finding, Lab, held
from vitreous.labs.textbook import INDEX, make, render
from vitreous.playground.plane.page_state import State

SLOW = ("X2", "X3", "X4", "X5", "X7", "X11", "N23", "X15", "X16", "X17", "X18", "E8", "E9", "N11")
"""Hold with many steps only, which are for the slow tests."""
QUICK = [lab for lab in COURSE if lab.row not in SLOW]
MEASURED: dict[str, Chapter] = {}


def measured(lab: Lab) -> Chapter:
    if lab.row not in MEASURED:
        MEASURED[lab.row] = measure(lab, "tiny")
    return MEASURED[lab.row]


@pytest.mark.parametrize("lab", QUICK, ids=lambda lab: lab.row)
def test_the_claim_holds(lab: Lab) -> None:
    chapter = measured(lab)
    assert chapter.holds, [f"{f.name}: {f.measured}" for f in chapter.findings if not f.holds]


@pytest.mark.slow
@pytest.mark.parametrize("row", SLOW)
def test_the_claim_holds_at_the_quick_size(row: str) -> None:
    assert measure(find(row)).holds


def numbers(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key of a number within values."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for at, inner in [*items]:
        if isinstance(inner, dict | list):
            yield from numbers(inner)
        elif isinstance(inner, int | float) and not isinstance(inner, bool):
            yield value, at


@pytest.mark.parametrize("lab", [lab for lab in COURSE if lab.row != "X2"], ids=lambda lab: lab.row)
def test_a_falsified_measurement_is_not_believed(lab: Lab) -> None:
    """All numbers a thousand times too large and one more: no claim survives that."""
    values = copy.deepcopy(measured(lab).values)
    for place, at in numbers(values):
        place[at] = -1000 * place[at] + 1e6
    assert not held(list(lab.judge(values)))


def test_each_rule_can_be_broken() -> None:
    kept = {"=": 2, "±": 2.4, "×": 3, "≤": 2, "≥": 2, "<": 1, ">": 3}
    broken = {"=": 2.1, "±": 3, "×": 5, "≤": 3, "≥": 1, "<": 2, ">": 2}
    for rule in kept:
        for ours, holds in ((kept[rule], True), (broken[rule], False), (float("nan"), False)):
            finding = Finding(
                name="", ours=ours, rule=rule, bound=2, reach=2 if rule == "×" else 0.5
            )  # type: ignore[arg-type]
            assert finding.holds is holds, (rule, ours)
    unsure = Finding(name="", ours=0.6, rule="≥", bound=0.5, interval=(0.4, 0.8))
    assert not unsure.holds


def test_the_syllabus_names_what_there_is() -> None:
    """It is read without torch, so the chapters are told twice."""
    assert tuple((lab.row, lab.name, lab.title) for lab in COURSE) == syllabus.CHAPTERS
    assert [*DEMONSTRATIONS] == [*syllabus.DEMONSTRATIONS]


def test_names_are_unique_and_found_in_any_case() -> None:
    rows = [lab.row for lab in COURSE] + [lab.name for lab in COURSE]
    assert len({row.lower() for row in rows}) == len(rows)
    assert find("x14") is find("double-descent")


@pytest.mark.parametrize("lab", COURSE, ids=lambda lab: lab.row)
def test_what_is_to_be_tried_can_be(lab: Lab) -> None:
    State.from_query(lab.plays)
    assert lab.tries[0]
    assert lab.tries[1].startswith("vitreous ")
    assert "def " in lab.code
    assert '"""' not in lab.code


def test_the_book_is_one_file_and_is_not_measured_twice(tmp_path: Path) -> None:
    labs = [find("G7"), find("C5")]
    first = [fresh for _, fresh in make(labs, tmp_path, "tiny")]
    assert first == [True, True]
    chapters = [*make(labs, tmp_path, "tiny")]
    assert [fresh for _, fresh in chapters] == [False, False]
    page = (tmp_path / INDEX).read_text("utf-8")
    assert page == render([chapter for chapter, _ in chapters])
    assert "All figures" in page
    assert 'src="http' not in page
    assert [fresh for _, fresh in make(labs, tmp_path, "tiny", seed=1)] == [True, True]


def test_an_interrupted_book_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labs = [find("G7"), find("C5")]

    def interrupt(lab: Lab) -> None:
        if lab.row == "C5":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        [*make(labs, tmp_path, "tiny", begin=interrupt)]
    assert "Why cross-entropy" in (tmp_path / INDEX).read_text("utf-8")
    assert [fresh for _, fresh in make(labs, tmp_path, "tiny")] == [False, True]


def test_a_chapter_of_other_code_is_measured_anew(tmp_path: Path) -> None:
    lab = find("G7")
    path = measure(lab, "tiny").save(tmp_path)
    assert recall(lab, tmp_path, "tiny", 0) is not None
    assert recall(lab, tmp_path, "quick", 0) is None
    path.write_text(path.read_text("utf-8").replace(key(lab, "tiny", 0), "0"), "utf-8")
    assert recall(lab, tmp_path, "tiny", 0) is None
    path.write_text("{", "utf-8")
    assert recall(lab, tmp_path, "tiny", 0) is None


def test_the_course_has_an_order() -> None:
    assert all(one.row != other.row for one, other in pairwise(COURSE))
