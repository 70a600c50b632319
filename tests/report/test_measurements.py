"""A task without classes has a report as well: scores in pixels, of which less is better."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from math import nan

import numpy as np
import pytest

from vitreous.metrics.confusion import ConfusionCounts
from vitreous.metrics.score import Score
from vitreous.report.content import ReportData
from vitreous.report.findings import findings, in_short, verdict
from vitreous.report.learning_curves import learning_curves, only_epoch
from vitreous.report.render import render
from vitreous.tasks.section import Matrix, Pairs, Scatter, Section, Table, Text

ERROR = Score(
    name="rmse",
    title="root mean squared error",
    value=3.2,
    bounds=(2.9, 3.6),
    better="lower",
    unit="px",
)
WITHIN = Score(name="within", title="share within 5 px", value=0.9, detail="of all answers")


@dataclass(frozen=True)
class Mean:
    """The rule that always answers the mean."""

    value: float
    name: str = "mean"
    title: str = "mean of the training part"
    detail: str = "always answers the mean"
    count: int = 50

    def score(self, name: str) -> Score | None:
        return replace(ERROR, value=self.value, bounds=None) if name == "rmse" else None


@dataclass(frozen=True)
class Measurement:
    """Scores of a regression."""

    headline: Score = ERROR
    all: tuple[Score, ...] = (ERROR, WITHIN)
    baselines: tuple[Mean, ...] = (Mean(9.0),)
    count: int = 50
    loss: float = 10.24

    def to_json(self) -> dict[str, object]:
        return dict(json.loads("{}"))


class Words(HTMLParser):
    """The text of a page, and its ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.text = re.sub("[ \n]+", " ", " ".join(self.pieces))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attributes if name == "id"]

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def test_an_error_is_laid_on_a_scale_from_zero() -> None:
    worse = replace(ERROR, value=4.0, bounds=None)
    found = verdict({"test": Measurement(), "validation": Measurement(worse, (worse,))})
    assert (found.text, found.unit, found.from_zero) == ("3.2", "px", True)
    assert found.better == "Lower is better."
    assert found.interval == "2.9\u202fpx to 3.6\u202fpx"
    assert [row.name for row in found.rows] == [
        "test part",
        "validation part",
        "mean of the training part",
    ]
    places = [row.place for row in found.rows]
    assert places == pytest.approx([32.0, 40.0, 90.0])  # the scale ends at 10 px
    assert (found.rows[0].low, found.rows[0].high) == pytest.approx((29.0, 36.0))
    assert [text for _, text in found.ticks] == ["0", "2", "4", "6", "8", "10"]


def test_a_higher_score_without_bounds_has_its_own_scale() -> None:
    noise = Score(name="psnr", title="peak signal-to-noise ratio", value=31.5, unit="dB")
    found = verdict({"test": Measurement(noise, (noise,), ())})
    assert (found.better, found.interval) == ("Higher is better.", "")
    assert found.rows[0].place == pytest.approx(100 * 31.5 / 40)


def test_what_is_not_known_has_no_place_on_the_scale() -> None:
    unknown = replace(ERROR, value=nan, bounds=None)
    found = verdict({"test": Measurement(unknown, (unknown,))})
    assert [row.kind for row in found.rows] == ["rule"]
    assert [note.kind for note in findings({"test": Measurement(unknown, (unknown,))}, [])] == [
        "warning"
    ]


@pytest.mark.parametrize(
    ("reached", "beaten"), [(9.0, True), (3.7, True), (3.5, False), (1.0, False)]
)
def test_a_rule_is_beaten_by_an_error_that_is_surely_lower(reached: float, beaten: bool) -> None:
    notes = findings({"test": Measurement(baselines=(Mean(reached), Mean(reached)))}, [])
    assert [note.kind for note in notes] == ([] if beaten else ["warning", "note"])


def test_a_terminal_says_which_way_is_better() -> None:
    assert in_short("test", Measurement()) == [
        (
            "test",
            "  3.2\u202fpx   root mean squared error (lower is better), 95 % interval"
            " 2.9\u202fpx to 3.6\u202fpx, on 50 images",
        ),
        ("", "    9\u202fpx   for scale: always answers the mean"),
    ]
    share = Measurement(WITHIN, (WITHIN,), ())
    assert in_short("test", share) == [("test", " 90.00\u202f%   share within 5 px, on 50 images")]
    alone = Measurement(WITHIN, (WITHIN,), (), count=1)
    assert in_short("test", alone) == [("test", " 90.00\u202f%   share within 5 px, on 1 image")]
    assert [row.detail for row in verdict({"test": alone}).rows] == ["1 image"]


def curves(epochs: int) -> list[dict[str, float]]:
    return [
        {"epoch": k, "lr": 0.1, "train_loss": 2 / k, "validation_loss": 2.2 / k,
         "validation_rmse": 9 / k, "validation_within": 1 - 1 / k, "validation_something_new": 1,
         "validation_score": -9 / k}
        for k in range(1, epochs + 1)
    ]  # fmt: skip


def test_each_score_that_was_followed_has_its_curve() -> None:
    charts = learning_curves(curves(5), [Measurement()], 4)
    titles = [chart.split("<figcaption>")[1].split("<")[0] for chart in charts]
    assert titles == [
        "Loss",
        "Root mean squared error (px)",
        "Share within 5 px",
        "Something new",
        "Learning rate",
    ]
    assert "validation goes from 0\u202f% to 80\u202f%" in charts[2]
    assert "validation goes from 9 to 1.8" in charts[1]
    assert all("kept: epoch 4" in chart for chart in charts[:4])
    assert only_epoch(curves(2)[1], [Measurement()]) == {
        "Training loss": "1",
        "Validation loss": "1.1",
        "Validation root mean squared error (px)": "4.5",
        "Validation share within 5 px": "50.0\u202f%",
        "Validation something new": "1",
    }


def report(**changes: object) -> ReportData:
    data = ReportData(title="ages", model="resnet18", test=Measurement(), curves=curves(3))
    return replace(data, **changes)  # type: ignore[arg-type]


def test_the_page_of_a_regression() -> None:
    truth = np.linspace(0, 80, 50).tolist()
    page = Words(
        render(
            report(
                meaning=["Half of the answers are within 2 px."],
                sections=[
                    Section("scatter", "Truth and answer", [Scatter("Ages", truth, truth, "px")]),
                    Section("facts", "Facts", [Text("A paragraph."), Pairs([("bias", "0.1 px")])]),
                ],
            )
        )
    )
    for words in (
        "Test root mean squared error",
        "Lower is better.",
        "Half of the answers are within 2 px.",
        "Share within 5 px 90.0\u202f% of all answers",
        "mean of the training part",
        "A paragraph.",
        "bias 0.1 px",
    ):
        assert words in page.text, words
    assert "class" not in page.text.split("Skip to the content")[1].lower()
    assert {"verdict", "learning", "scatter", "facts"} <= set(page.ids)
    assert page.text.index("Truth and answer") < page.text.index("Facts")


def test_cells_of_a_table_are_written_by_their_kind() -> None:
    columns = (
        ("Name", "name"), ("Pixels", "count"), ("IoU", "share"), ("Error", "number"),
        ("Interval", "range"), ("Remark", "text"),
    )  # fmt: skip
    rows = [
        ("sky", 1_234_567, 0.5, 12.345, (0.4, 0.6), "fine"),
        ("sea", 0, None, None, None, None),
    ]
    table = Table("As they come", columns, rows)
    page = Words(render(report(sections=[Section("parts", "Parts", [table])])))
    assert "sky 1,234,567 50.0\u202f% 12.3 40.0\u202f% to 60.0\u202f% fine" in page.text
    assert "sea 0 – – – –" in page.text


@pytest.mark.parametrize(("count", "folded"), [(25, 0), (26, 1), (1_100, 1)])
def test_long_tables_are_folded(count: int, folded: int) -> None:
    table = Table(
        "Largest first", [("Name", "name")], [(f"n{k}",) for k in range(count)], "largest"
    )
    text = render(report(sections=[Section("parts", "Parts", [table])]))
    assert text.count("<details>") == folded
    assert text.count('<th scope="row">n') == count
    if folded:
        assert f"The 25 largest of {count:,}" in text
        assert f"The other {count - 25:,}" in text
        assert text.index(">n24<") < text.index("<details>") < text.index(">n25<")


def test_a_matrix_of_pixels_says_what_it_counts() -> None:
    counts = np.array([[9_000_000, 1_500_000], [3, 120_000]])
    matrix = Matrix(("sky", "sea"), ConfusionCounts.of_matrix(counts), "pixel")
    page = Words(render(report(sections=[Section("confusion", "Confusion", [matrix])]))).text
    assert "Of 10,620,003 pixels, 1,500,003 were taken for another class." in page
    assert "sky 9\u202fM 1.5\u202fM sea 3 120\u202fk" in page
    assert "1.5\u202fM times, 14.3\u202f% of sky" in page
    none = Matrix(("sky", "sea"), ConfusionCounts.of_matrix(np.diag([2, 1])), "pixel")
    page = Words(render(report(sections=[Section("confusion", "Confusion", [none])]))).text
    assert "No pixel was taken for another class." in page
