"""A report is one file that holds everything, shows everything and trusts nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vitreous.drawing.thumbnail import thumbnail
from vitreous.errors import UsageError
from vitreous.formats import duration, moment, quantity, times
from vitreous.metrics import classification, majority, multilabel
from vitreous.metrics.calibration import reliability
from vitreous.metrics.trivial import frequency, nearest_neighbors, neighbor_class
from vitreous.report.content import DataSummary, Picture, ReportData, Setting
from vitreous.report.findings import findings, verdict
from vitreous.report.reliability import reliability_chart
from vitreous.report.render import render
from vitreous.tasks import class_sections
from vitreous.tasks.section import Case, Gallery, Kind, Note, Section, Table, Text

EVIL = '<script>alert("x")</script>&\'" onload=x'
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag == "a":
            self.targets.append(found["href"] or "")
        if tag == "img":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub("[ \n]+", " ", "".join(self.text))


def picture(side: int = 28) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return thumbnail(pixels)


def curves(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": k,
            "step": 10 * k,
            "lr": 0.1 / k,
            "train_loss": 2 / k,
            "validation_loss": 2 / k + 0.1,
            "validation_accuracy": 1 - 1 / (k + 1),
        }
        for k in range(1, epochs + 1)
    ]


def report(num_classes: int = 3, epochs: int = 5, count: int = 200) -> ReportData:
    """A run with everything in it."""
    generator = np.random.default_rng(num_classes)
    classes = tuple(f"class {k}" for k in range(num_classes))
    truth = generator.integers(0, num_classes, count)
    table = generator.dirichlet(np.ones(num_classes), count)
    table = 0.5 * table + 0.5 * np.eye(num_classes)[truth]
    pixels = generator.integers(0, 255, (count, 4, 4, 1), dtype=np.uint8)
    rules = [
        majority(truth, truth, num_classes),
        neighbor_class(nearest_neighbors(pixels, pixels[::-1]), truth, truth, num_classes),
    ]
    scores = classification(table, truth, classes, baselines=rules)
    sizes = dict(zip(classes, np.bincount(truth, minlength=num_classes).tolist(), strict=True))
    case = Case(id="a/1.png", answer="class 1", answer_share=0.9, truth="is class 0")
    shown = Picture(image=picture(), case=case)
    likely = replace(shown, case=replace(case, truth_share=0.05))
    mistakes = Gallery(
        anchor="mistakes",
        title="Most confident mistakes",
        short="Mistakes",
        intro="Look here.",
        cases=[case],
        kind="mistakes",
    )
    right = Gallery(anchor="right", title="Right answers", cases=[case], kind="right")
    return ReportData(
        title="pets",
        model="lenet5",
        answers=f"{num_classes} classes",
        input="3 × 28 × 28",
        parameters=61_706,
        macs=416_520,
        validation=scores,
        test=scores,
        meaning=class_sections.meaning(scores),
        sections=[*class_sections.sections(scores)],
        curves=curves(epochs),
        best_epoch=max(epochs - 1, 1),
        galleries=[(mistakes, [shown, likely]), (right, [shown])],
        augmented=[Picture(image=picture(100), case=Case(id="b", truth="class 2"))],
        data=DataSummary(
            name="photos",
            examples={"train": 500, "validation": 100, "test": count},
            counts={"train": sizes, "validation": sizes, "test": sizes},
            sizes=[(28, 28, 300), (300, 200, 4), *((k, k, 1) for k in range(1, 9))],
            channels=3,
            bad=[("broken.jpg", "truncated")],
            duplicates=[("p.png", "q.png")],
            leaks=[("train/x.png", "test/x.png")],
            fingerprint="0123abcd",
        ),
        recipe={"lr": Setting("0.1", "found by experience"), "epochs": Setting("5")},
        environment={"torch": "2.13.0"},
        timings={"decoding": 2.0, "training": 61.0},
        notes=[Note("Mind this.", "warning"), Note("Try that.", "advice")],
        test_uses=1,
        command="vitreous train photos/",
        created="2026-11-21",
    )


def test_everything_is_there() -> None:
    outline = Outline(render(report()))
    for heading in (
        *("verdict", "notes", "learning", "confusion", "classes", "calibration", "mistakes"),
        *("right", "data", "recipe", "making"),
    ):
        assert heading in outline.ids, heading
        assert f"#{heading}" in outline.targets
    for words in (
        *("pets", "lenet5", "61.7\u202fk parameters", "most frequent class", "Mind this."),
        *("found by experience", "broken.jpg", "truncated", "1 min 1 s", "2.13.0", "Test accuracy"),
        *("vitreous train photos/", "nearest neighbor on pixels", "train/x.png", "Log loss"),
    ):
        assert words in outline.words, words


def test_links_lead_somewhere_and_names_are_unique() -> None:
    outline = Outline(render(report()))
    assert len(outline.ids) == len(set(outline.ids))
    assert {target.removeprefix("#") for target in outline.targets} <= set(outline.ids)


@pytest.mark.parametrize("num_classes", [2, 10, 40, 200])
def test_nothing_is_loaded_and_no_script_runs(num_classes: int) -> None:
    page = render(report(num_classes))
    assert page.startswith("<!doctype html>")
    assert "script" not in Outline(page).tags
    assert re.findall(r"""(?:src|href|action)\s*=\s*["'](?!data:|#)""", page) == []
    assert "url(" not in page
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_names_from_outside_are_escaped() -> None:
    data = report()
    scores = classification(np.eye(3)[[0, 1, 2, 0]], [0, 1, 2, 1], (EVIL, "b", EVIL + "2"))
    case = Case(id=EVIL, truth=EVIL, answer=EVIL, note=EVIL)
    columns: list[tuple[str, Kind]] = [(EVIL, "name"), (EVIL, "text")]
    page = render(
        replace(
            data,
            title=EVIL,
            model=EVIL,
            answers=EVIL,
            test=scores,
            validation=None,
            meaning=[EVIL],
            command=EVIL,
            sections=[
                *class_sections.sections(scores),
                Section("mine", EVIL, [Text(EVIL), Table(EVIL, columns, [(EVIL, EVIL)])]),
            ],
            galleries=[
                (
                    Gallery(anchor="see", title=EVIL, intro=EVIL, cases=[]),
                    [Picture(image=picture(), case=case)],
                )
            ],
            notes=[Note(EVIL)],
            recipe={EVIL: Setting(EVIL, EVIL)},
            environment={EVIL: EVIL},
            timings={EVIL: 1.0},
            data=DataSummary(
                name=EVIL,
                examples={EVIL: 1},
                counts={EVIL: {EVIL: 1, "b": 2, "c": 3}},
                bad=[(EVIL, EVIL)],
            ),
        )
    )
    outline = Outline(page)
    assert "script" not in outline.tags
    assert "<script" not in page
    assert EVIL in outline.words
    assert outline.images[0]["alt"] == f"{EVIL}: answered {EVIL}, {EVIL}"
    assert {"onload", "onerror"}.isdisjoint(outline.images[0])


def test_names_are_escaped_in_large_matrices_too() -> None:
    data = report(40)
    classes = tuple(f"{EVIL}{k}" for k in range(40))
    assert data.test is not None
    scores = replace(data.test, classes=classes)  # type: ignore[type-var]
    page = render(replace(data, sections=[*class_sections.sections(scores)]))
    assert "<script" not in page
    assert "alert" in page
    Outline(page)


def test_a_name_that_is_no_utf8_can_be_written() -> None:
    odd = Picture(image=picture(), case=Case(id="caf\udce9.png", truth="a\udcff"))
    page = render(replace(report(), augmented=[odd]))
    assert "caf\\udce9.png" in page.encode("utf-8").decode()


EMPTY = {
    "validation": None, "test": None, "curves": (), "best_epoch": None, "galleries": (),
    "sections": (), "meaning": (), "answers": "", "augmented": (), "data": None, "recipe": {},
    "environment": {}, "timings": {}, "notes": (), "test_uses": None, "command": "", "created": "",
    "macs": None, "parameters": None, "input": "",
}  # fmt: skip


@pytest.mark.parametrize("part", EMPTY)
def test_any_part_may_be_left_out(part: str) -> None:
    page = render(replace(report(), **{part: EMPTY[part]}))
    outline = Outline(page)
    assert {target.removeprefix("#") for target in outline.targets} <= set(outline.ids)


def test_a_run_that_has_only_begun_has_a_report() -> None:
    page = render(ReportData(title="x", model="linear"))
    assert "no scores yet" in Outline(page).words


def test_one_epoch_is_told_in_words() -> None:
    """A curve of one point shows nothing."""
    outline = Outline(render(report(epochs=1)))
    assert "learning" in outline.ids
    assert "Validation accuracy" in outline.words
    assert "kept: epoch" not in outline.words
    assert "kept: epoch" in Outline(render(report(epochs=2))).words


def test_labels_have_a_report() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random((100, 4)) < 0.4).astype(np.uint8)
    table = 1 / (1 + np.exp(-generator.normal(3 * truth - 1.5)))
    scores = multilabel(table, truth, tuple("abcd"), 0.5, baselines=[frequency(truth, truth)])
    sections = [*class_sections.sections(scores, "label")]
    data = replace(report(4), test=scores, validation=scores, sections=sections)
    outline = Outline(render(data))
    assert "confusion" not in outline.ids
    assert "Share of labels that apply" in outline.words
    assert "Test mean average precision" in outline.words
    assert "Average precision" in outline.words
    assert "frequency of each label" in outline.words


@pytest.mark.parametrize(("num_classes", "epochs"), [(2, 1), (10, 30), (300, 5000), (1000, 20)])
def test_size_is_bounded(num_classes: int, epochs: int) -> None:
    data = report(num_classes, epochs, count=3 * num_classes + 100)
    (mistakes, shown), right = data.galleries
    page = render(replace(data, galleries=[(mistakes, [shown[0]] * 24), right]))
    assert len(page.encode()) < 1_500_000


def test_a_class_without_examples_is_no_zero() -> None:
    scores = classification(np.eye(3)[[0, 1, 1]], [0, 1, 1], ("a", "b", "ghost"))
    sections = [*class_sections.sections(scores)]
    notes = class_sections.remarks("test", scores)
    outline = Outline(render(replace(report(), test=scores, sections=sections, notes=notes)))
    assert "The test part has no example of ghost" in outline.words
    assert "ghost 0 – – – –" in outline.words


def test_pictures_are_described_and_sized() -> None:
    outline = Outline(render(report()))
    assert len(outline.images) == 4
    for image in outline.images:
        assert image["alt"]
        assert (image["src"] or "").startswith("data:image/")
        assert int(image["width"] or 0) > 0
    assert [image.get("class") for image in outline.images] == ["pixels"] * 3 + [None]


def test_what_is_no_picture_is_named() -> None:
    file = BytesIO()
    Image.new("L", (2, 2)).save(file, "BMP")
    odd = Picture(image=file.getvalue(), case=Case(id="odd.bmp", truth="a"))
    with pytest.raises(UsageError, match="BMP") as caught:
        render(replace(report(), augmented=[odd]))
    assert caught.value.where == "odd.bmp"


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 2), (300, 20, 3), (40, 500, 6), (1, 1, 4)])
def test_thumbnails_of_any_channels_are_small(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    encoded = thumbnail(pixels)
    with Image.open(BytesIO(encoded)) as image:
        assert max(image.size) == min(max(shape[:2]), 192)
        if max(shape[:2]) <= 64:
            first = np.asarray(image)[..., :1] if shape[2] >= 3 else np.asarray(image)[..., None]
            np.testing.assert_array_equal(first, pixels[..., :1])
    assert len(encoded) < 20_000


def test_the_verdict_is_on_one_scale() -> None:
    data = report(10)
    assert data.test is not None
    found = verdict({"test": data.test})
    assert float(found.text) == pytest.approx(100 * data.test.headline.value, abs=0.06)
    assert (found.unit, found.better) == ("%", "")
    assert [row.kind for row in found.rows] == ["model", "rule", "rule"]
    for row in found.rows:
        assert 0 <= row.low <= row.place <= row.high <= 100.0001
    assert found.ticks[-1][0] == pytest.approx(100)


def test_a_model_no_better_than_the_majority_is_called_that() -> None:
    truth = np.arange(60) % 2
    scores = classification(
        np.tile([0.6, 0.4], (60, 1)), truth, ("a", "b"), baselines=[majority(truth, truth, 2)]
    )
    notes = findings({"test": scores}, [], test_uses=3)
    assert [note.kind for note in notes] == ["warning", "warning"]
    assert "not clearly better" in notes[0].text
    assert "scored 3 times" in notes[1].text


def test_validation_alone_is_said_to_be_optimistic() -> None:
    data = report()
    assert data.validation is not None
    assert "chosen by them" in findings({"validation": data.validation}, [])[0].text


def test_diverging_curves_are_reported() -> None:
    rising = [
        {"train_loss": np.exp(-k / 8), "validation_loss": 0.5 + np.exp(-k / 3) + 0.02 * k}
        for k in range(40)
    ]
    assert [note.kind for note in findings({}, rising)] == ["advice"]


def test_reliability_says_what_it_shows() -> None:
    bins = reliability(np.array([0.2, 0.9, 0.9]), np.array([True, True, False]))
    chart = reliability_chart(bins, label="Share of right answers")
    assert "confidence 90\u202f%: 50\u202f% right of 2" in chart
    assert "nan" not in reliability_chart((), label="x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (61_706, "61.7\u202fk"),
        (11_689_512, "11.7\u202fM"),
        (4.09e9, "4.09\u202fG"),
        (999_999, "1\u202fM"),
    ],
)
def test_quantities(value: float, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min"), (185, "3 min 5 s"),
     (7200, "2 h"), (7800, "2 h 10 min")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(1, "once"), (2, "twice"), (1234, "1,234 times")])
def test_how_often(count: int, text: str) -> None:
    assert times(count) == text


def test_moments_are_written_out() -> None:
    assert moment("2026-11-21T08:19:58+00:00") == "21 November 2026, 08:19 UTC"
    assert moment("2026-11-21") == "21 November 2026"
    assert moment("yesterday") == "yesterday"
